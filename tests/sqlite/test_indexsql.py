"""Reading CREATE INDEX statements."""

from __future__ import annotations

import apsw
import pytest

from crdtsql.sqlite.indexsql import parse


@pytest.mark.parametrize(
    ("statement", "terms", "where"),
    [
        ("CREATE UNIQUE INDEX i ON t(a)", ("a",), ""),
        ("CREATE UNIQUE INDEX i ON t(a, b DESC, c ASC)", ("a", "b", "c"), ""),
        ("CREATE INDEX i ON t (lower(a), substr(b, 1, 3))", ("lower(a)", "substr(b, 1, 3)"), ""),
        ("CREATE INDEX i ON t(a COLLATE NOCASE DESC) WHERE b", ("a COLLATE NOCASE",), "b"),
        ("CREATE INDEX i ON t(a)where(b > 1)", ("a",), "(b > 1)"),
        ("CREATE INDEX i ON t(a) WHERE b IN ('x', 'where') AND (c OR d)", ("a",), "b IN ('x', 'where') AND (c OR d)"),
        ("CREATE INDEX i ON t(a || ')' || \"b)\" || [c(] || `d,`)", ("a || ')' || \"b)\" || [c(] || `d,`",), ""),
        ("CREATE INDEX i ON t(a || 'it''s, (', \"b\"\"(\")", ("a || 'it''s, ('", '"b""("'), ""),
        ('CREATE INDEX "(" ON "where("("where")', ('"where"',), ""),
        ("CREATE INDEX [a (b] ON t(a)", ("a",), ""),
        ("CREATE INDEX i ON t(a -- ), b\n, c /* , ( */)", ("a", "c"), ""),
        ("CREATE INDEX i /* WHERE ( */ ON t(a) -- WHERE\n WHERE b", ("a",), "b"),
        (
            "CREATE INDEX i ON t(CASE WHEN a THEN b ELSE c END, (d), ((e)))",
            ("CASE WHEN a THEN b ELSE c END", "(d)", "((e))"),
            "",
        ),
        (
            "CREATE INDEX i ON t(json_extract(a, '$.b[0]')) WHERE a IS NOT NULL;",
            ("json_extract(a, '$.b[0]')",),
            "a IS NOT NULL",
        ),
        ('CREATE INDEX i ON t("naïve", größe)', ('"naïve"', "größe"), ""),
        ("CREATE INDEX i ON t(\n  a\n    DESC\n)", ("a",), ""),
        ("CREATE INDEX i ON t(a-- last\n)", ("a",), ""),
        ("CREATE INDEX i ON t(a->>'$.x', b-c, b/d)", ("a->>'$.x'", "b-c", "b/d"), ""),
        ("CREATE INDEX i ON t(a DESC /* newest first */, b)", ("a", "b"), ""),
        ("CREATE INDEX i ON t(a/**/DESC)", ("a",), ""),
        ("CREATE INDEX i ON t(a) WHERE b = ';' -- the end", ("a",), "b = ';'"),
    ],
)
def test_terms_and_where_are_found(statement: str, terms: tuple[str, ...], where: str) -> None:
    """An index's terms keep COLLATE and lose their order; quotes, comments and parentheses do not mislead the reader."""
    parts = parse(statement)
    assert (parts.terms, parts.where) == (terms, where)


@pytest.mark.parametrize(
    "term", ["lower(a)", "a COLLATE NOCASE", "a || '),('", "CAST(b AS TEXT)", "iif(a > 'x', b, -b)", '"we""ird)"']
)
@pytest.mark.parametrize(
    "condition", ["", "b > 1", "a = 'WHERE (' OR (b AND a LIKE '%)%')", '"we""ird)" IS NULL -- so\n']
)
@pytest.mark.parametrize("order", ["", "ASC", "DESC"])
def test_what_was_read_makes_the_same_index(term: str, condition: str, order: str) -> None:
    """What is read from a statement that SQLite keeps makes an index that SQLite accepts again, with the same terms."""
    connection = apsw.Connection(":memory:")
    connection.execute('CREATE TABLE t (a TEXT, b, "we""ird)")')
    connection.execute(f"CREATE UNIQUE INDEX one ON t(b, {term} {order}) {'WHERE ' + condition if condition else ''}")
    (kept,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'one'").fetchone()
    parts = parse(kept)
    assert len(parts.terms) == 2
    connection.execute(
        f"CREATE UNIQUE INDEX two ON t({', '.join(parts.terms)}) {'WHERE ' + parts.where if parts.where else ''}"
    )
    shapes = [
        connection.execute(f"SELECT name, coll FROM pragma_index_xinfo('{name}')").fetchall() for name in ("one", "two")
    ]
    assert shapes[0] == shapes[1]
    connection.execute(f"SELECT {', '.join(f'({term})' for term in parts.terms)} FROM t WHERE {parts.where or 1}")
