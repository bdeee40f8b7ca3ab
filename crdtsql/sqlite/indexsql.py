"""Reading the parts of CREATE statements that no pragma tells: an index's expressions and WHERE clause, generated columns.

Only SQLite's tokens are understood here (quotes, comments, parentheses), not its grammar; the statement was
accepted by SQLite before, so that is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<word>[^\s'"`\[\](),;+\-*/<>=!|&~%.]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def scan(statement: str) -> Iterator[tuple[str, str]]:
    """Yield a statement's tokens as (kind, text); kind is space (comments included), quoted, word or other.

    >>> list(scan("a 'b'"))
    [('word', 'a'), ('space', ' '), ('quoted', "'b'")]
    """
    for match in _TOKEN.finditer(statement):
        yield str(match.lastgroup), match[0]


@dataclass(frozen=True, slots=True)
class IndexParts:
    """The terms of an index in order, as SQL, and its WHERE clause ("" if it has none)."""

    terms: tuple[str, ...]
    where: str


def tokens(statement: str) -> list[str]:
    """Split a statement into SQLite's tokens; each comment or run of blanks is one blank.

    >>> tokens("DROP/* it */TABLE [my t];")
    ['DROP', ' ', 'TABLE', ' ', '[my t]', ';']
    """
    return [" " if match.lastgroup == "space" else match[0] for match in _TOKEN.finditer(statement)]


def unquoted(name: str) -> str:
    """Return the name that a token stands for.

    >>> unquoted('"a""b"'), unquoted("[a b]"), unquoted("a")
    ('a"b', 'a b', 'a')
    """
    if name[:1] == "[":
        return name[1:-1]
    return name[1:-1].replace(name[0] * 2, name[0]) if name[:1] in ("'", '"', "`") else name


def parse(statement: str) -> IndexParts:
    """Split a `CREATE INDEX` statement.

    A term keeps its COLLATE clause and loses ASC or DESC. Comments become blanks.

    >>> parse("CREATE UNIQUE INDEX i ON t(lower(a), b DESC) WHERE c IS NULL")
    IndexParts(terms=('lower(a)', 'b'), where='c IS NULL')
    """
    depth = 0
    terms: list[str] = []
    current: list[str] = []
    where: list[str] | None = None
    listing = False
    for match in _TOKEN.finditer(statement):
        piece = " " if match.lastgroup == "space" else match[0]
        if where is not None:
            where.append(piece)
            continue
        if piece == "(":
            depth += 1
            if depth == 1:
                listing = True
                continue
        elif piece == ")":
            depth -= 1
            if depth == 0:
                terms.append("".join(current))
                current, listing = [], False
                continue
        elif piece == "," and depth == 1:
            terms.append("".join(current))
            current = []
            continue
        if listing:
            current.append(piece)
        elif terms and match.lastgroup == "word" and piece.upper() == "WHERE":
            where = []
    return IndexParts(tuple(_without_order(term) for term in terms), "".join(where or []).strip().rstrip(";"))


def _without_order(term: str) -> str:
    return re.sub(r"\s+(ASC|DESC)\s*\Z", "", term.strip(), flags=re.IGNORECASE)


def generated(statement: str) -> dict[str, str]:
    """Return the expressions of the generated columns of a `CREATE TABLE` statement: name -> expression.

    >>> generated("CREATE TABLE t(a, [b c] TEXT GENERATED ALWAYS AS (lower(a)) STORED, d AS (a + 1))")
    {'b c': 'lower(a)', 'd': 'a + 1'}
    """
    found: dict[str, str] = {}
    depth, name, after_as = 0, None, False
    expression: list[str] | None = None
    for match in _TOKEN.finditer(statement):
        piece = " " if match.lastgroup == "space" else match[0]
        if piece == "(":
            depth += 1
            if depth == 1:
                continue
            if depth == 2 and after_as and name is not None:
                expression = []
                continue
        elif piece == ")":
            depth -= 1
            if depth == 1 and expression is not None and name is not None:
                found[name] = "".join(expression)
                expression = None
                continue
        if expression is not None:
            expression.append(piece)
        elif depth == 1 and piece == ",":
            name, after_as = None, False
        elif depth == 1 and match.lastgroup in ("word", "quoted"):
            after_as = name is not None and piece.upper() == "AS"
            name = unquoted(piece) if name is None else name
    return found


@lru_cache(maxsize=1024)
def trigger_event(statement: str) -> str:
    """Return the event of a `CREATE TRIGGER` statement: DELETE, INSERT or UPDATE.

    >>> trigger_event("CREATE TRIGGER IF NOT EXISTS [delete] AFTER INSERT ON t BEGIN SELECT 1; END")
    'INSERT'
    """
    found = (match[0].upper() for match in _TOKEN.finditer(statement) if match.lastgroup in ("word", "quoted"))
    after_name = [word for word in found if word not in ("TEMP", "TEMPORARY", "IF", "NOT", "EXISTS")][3:]
    return next(word for word in after_name if word in ("DELETE", "INSERT", "UPDATE"))


@lru_cache(maxsize=1024)
def has_conflict_clause(statement: str) -> bool:
    """Tell whether a constraint in a `CREATE TABLE` statement says `ON CONFLICT` with another word than ABORT.

    >>> has_conflict_clause("CREATE TABLE t(a UNIQUE ON/**/CONFLICT replace)")
    True
    >>> has_conflict_clause("CREATE TABLE t(a DEFAULT 'on conflict fail', b NOT NULL ON CONFLICT ABORT)")
    False
    """
    found = [
        match[0].upper() if match.lastgroup == "word" else ""
        for match in _TOKEN.finditer(statement)
        if match.lastgroup != "space"
    ]
    return any(
        (first, second) == ("ON", "CONFLICT") and third != "ABORT"
        for first, second, third in zip(found, found[1:], found[2:], strict=False)
    )


@lru_cache(maxsize=1024)
def words(expression: str) -> frozenset[str]:
    """Return the words of an expression that may be names of columns.

    >>> sorted(words("lower([first name]) || 'x'"))
    ['first name', 'lower', 'x']
    """
    found = (match for match in _TOKEN.finditer(expression) if match.lastgroup in ("word", "quoted"))
    return frozenset(unquoted(match[0]) for match in found)
