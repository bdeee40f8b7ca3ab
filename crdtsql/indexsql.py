"""Reading the parts of a `CREATE INDEX` statement that no pragma tells: expressions and the WHERE clause.

Only SQLite's tokens are understood here (quotes, comments, parentheses), not its grammar; the statement was
accepted by SQLite before, so that is enough.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<word>[^\s'"`\[\](),;+\-*/<>=!|&~%.]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


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
