"""Reading the parts of a `CREATE TABLE` statement that no pragma tells: where the columns end, CHECKs, the names that it uses.

Only SQLite's tokens are understood here, as in `indexsql`; the statement was accepted by SQLite before, so that is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from crdtsql.base import caseless
from crdtsql.sqlite.indexsql import scan

_CONSTRAINTS = {"constraint", "primary", "unique", "check", "foreign"}
"""The words with which a constraint of the table begins; SQLite takes none of them as a column's name without quotes."""


@dataclass(frozen=True, slots=True)
class TableParts:
    """A `CREATE TABLE` statement in pieces that make the statement again when they are put together.

    Attributes:
        head: all up to the opening parenthesis, included.
        columns: the column definitions with the commas between them.
        constraints: the table's constraints, with the comma before them; "" if there are none.
        tail: all from the closing parenthesis on.
    """

    head: str
    columns: str
    constraints: str
    tail: str

    def with_column(self, definition: str) -> str:
        """Return the statement with one column more, after the others."""
        comment = "\n" if "--" in self.columns else ""  # a comment at the end would swallow what follows
        return f"{self.head}{self.columns}{comment}, {definition}{self.constraints}{self.tail}"


def split(statement: str) -> TableParts:
    """Split a `CREATE TABLE` statement.

    >>> split("CREATE TABLE t (a, b CHECK (b > 0), UNIQUE (a, b)) STRICT")
    TableParts(head='CREATE TABLE t (', columns='a, b CHECK (b > 0)', constraints=', UNIQUE (a, b)', tail=') STRICT')
    """
    depth = 0
    pieces: dict[str, list[str]] = {"head": [], "columns": [], "constraints": [], "tail": []}
    place, term = "head", ""
    comma: list[str] | None = None
    for kind, piece in scan(statement):
        if piece == ")" and depth == 1 and place != "tail":
            place = "tail"
        if place == "columns" and comma is None and piece == "," and depth == 1:
            comma = [piece]
        elif comma is not None:
            comma.append(piece)
            if kind != "space":
                term = caseless(piece)
                place = "constraints" if kind == "word" and term in _CONSTRAINTS else "columns"
                pieces[place] += comma
                comma = None
        else:
            pieces[place].append(piece)
        if place == "tail" and comma:
            pieces["columns"] += comma
            comma = None
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if place == "head" and depth == 1:
            place = "columns"
    return TableParts(*("".join(found) for found in pieces.values()))


def with_autoincrement(statement: str) -> str:
    """Return a `CREATE TABLE` statement whose INTEGER PRIMARY KEY is AUTOINCREMENT; unchanged if it has none.

    >>> with_autoincrement('CREATE TABLE t (a INTEGER PRIMARY KEY ASC ON CONFLICT FAIL NOT NULL, "primary" TEXT)')
    'CREATE TABLE t (a INTEGER PRIMARY KEY ASC ON CONFLICT FAIL AUTOINCREMENT NOT NULL, "primary" TEXT)'
    >>> with_autoincrement("CREATE TABLE t (a INTEGER, PRIMARY KEY (a)) STRICT")
    'CREATE TABLE t (a INTEGER, PRIMARY KEY (a AUTOINCREMENT)) STRICT'
    """
    pieces = [(kind, piece, caseless(piece)) for kind, piece in scan(statement)]
    words = [place for place, (kind, _, _) in enumerate(pieces) if kind != "space"]
    terms = [pieces[place][2] if pieces[place][0] == "word" else pieces[place][1] for place in words]
    starts = [n for n in range(len(terms) - 1) if terms[n : n + 2] == ["primary", "key"]]
    if not starts:
        return statement
    last = starts[0] + 1
    if terms[last + 1 : last + 2] == ["("]:
        last = terms.index(")", last) - 1
    else:
        last += terms[last + 1] in ("asc", "desc")
        last += 3 if terms[last + 1 : last + 3] == ["on", "conflict"] else 0
    before = "".join(piece for _, piece, _ in pieces[: words[last] + 1])
    return f"{before} AUTOINCREMENT{statement[len(before) :]}"


def checks(statement: str) -> list[str]:
    """List the expressions of the CHECK constraints in a `CREATE TABLE` statement.

    >>> checks("CREATE TABLE t (a CHECK (a > 0), b DEFAULT 'CHECK (x)', CHECK (a < (b + 1)))")
    ['a > 0', 'a < (b + 1)']
    """
    found: list[str] = []
    begun, depth = False, 0
    for kind, piece in scan(statement):
        if kind == "word" and caseless(piece) == "check" and not depth:
            begun = True
        elif begun and piece == "(":
            depth += 1
            if depth == 1:
                found.append("")
                continue
        elif depth and piece == ")":
            depth -= 1
            begun = depth > 0
        if depth:
            found[-1] += " " if kind == "space" else piece
    return [" ".join(expression.split()) for expression in found]


def names(statement: str) -> set[str]:
    """Return the words and quoted names in a statement, in lower case; what is in quotes may also be text.

    >>> sorted(names('SELECT "A b".x FROM [A b] -- y'))
    ['a b', 'from', 'select', 'x']
    """
    found = set()
    for kind, piece in scan(statement):
        if kind == "word":
            found.add(caseless(piece))
        elif kind == "quoted":
            closing = piece[-1]
            found.add(caseless(piece[1:-1] if closing == "]" else piece[1:-1].replace(closing * 2, closing)))
    return found


def module_of(statement: str) -> str:
    """Return the module of a `CREATE VIRTUAL TABLE` statement, "" if it is another statement.

    >>> module_of("CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5 (a)")
    'fts5'
    """
    words = [piece for kind, piece in scan(statement) if kind != "space"]
    if len(words) < 2 or caseless(words[1]) != "virtual":
        return ""
    places = [number for number, word in enumerate(words) if caseless(word) == "using"]
    return words[places[0] + 1] if places and places[0] + 1 < len(words) else ""


def option_of(statement: str, option: str) -> str:
    """Return an option of a `CREATE VIRTUAL TABLE` statement (`content='doc'`), "" if it is not given.

    >>> option_of("CREATE VIRTUAL TABLE f USING fts5 (a, content = 'doc')", "content")
    'doc'
    """
    pieces = [piece for kind, piece in scan(statement) if kind != "space"]
    for name, equals, value in zip(pieces, pieces[1:], pieces[2:], strict=False):
        if caseless(name) == option and equals == "=":
            quoted = value[0] in "\"'`["
            return value[1:-1] if quoted else value
    return ""
