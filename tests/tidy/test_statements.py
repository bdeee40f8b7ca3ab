"""Where statements stand: what is more than a line is a file, and what is a line says no more than a line can."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.support.every import every

PACKAGE = Path(__file__).parents[2] / "crdtsql"
SOURCES = sorted(PACKAGE.rglob("*.py"))
VERBS = (
    "SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|VALUES|CREATE|DROP|ALTER|PRAGMA|ATTACH|DETACH|EXPLAIN"
    "|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE"
)
STATEMENT = re.compile(rf"\s*(?:{VERBS})\b(?! a\b)|.*\bSELECT\b.*\b(?:FROM|WHERE)\b", re.DOTALL)
MOST_SLOTS = 3


@cache
def strings(source: Path) -> list[tuple[ast.expr, str, int]]:
    """Return the strings of a module that look like SQL: node, text, and how many slots are filled in."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    found = []
    for node in ast.walk(tree):
        text, slots = "", 0
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
            slots = sum(isinstance(part, ast.FormattedValue) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if id(node) not in inner and isinstance(node, ast.expr) and STATEMENT.match(text):
            found.append((node, text, slots))
    return found


@every(SOURCES)
def test_what_is_more_than_a_line_is_a_file(source: Path) -> None:
    """SQL stands in Python only if it is one string on one line with three slots at most; all else is a file below `sql/`."""
    for node, text, slots in strings(source):
        where = f"{source.name}:{node.lineno}: {text}"
        assert node.lineno == node.end_lineno, f"more than a line: {where}"
        assert slots <= MOST_SLOTS, f"more than {MOST_SLOTS} slots: {where}"


@every(SOURCES)
def test_one_way_to_ask_whether_a_row_exists(source: Path) -> None:
    """Whether a table has a row is asked with `query.exists`."""
    asked = [
        text for _, text, _ in strings(source) if re.match(r"SELECT (1|EXISTS \(SELECT 1) FROM .*(WHERE|LIMIT)", text)
    ]
    assert not asked or source == PACKAGE / "base" / "query.py"
