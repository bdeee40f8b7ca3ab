"""SQL text: the only place where names and numbers become part of a statement.

Templates are `.sql` files below `crdtsql/sql`. `:name` in them is a bound value, `${name}` a slot, and a
slot takes only `Sql`, which only the functions here make. So no name read from a database can end a
quotation, and a forgotten slot is an error instead of a wrong statement.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from crdtsql.base.reasons import SLOTS

if TYPE_CHECKING:
    from importlib.abc import ResourceLoader

_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "sql")
_read = cast("ResourceLoader", __spec__.loader).get_data
"""Reads what stands beside this module, also out of a zip file."""
_SLOT = re.compile(r"\$\{([a-z_0-9]+)\}")
MOST_RENDERED = 512
"""How many statements are kept that one function wrote."""

P = ParamSpec("P")
R = TypeVar("R")


class Sql:
    """A piece of SQL that is safe to place into a statement.

    No dataclass: an operation makes hundreds of them, and a frozen dataclass takes twice as long to make.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Sql({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sql) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


_ONLY_SQL = frozenset({Sql})
EMPTY = Sql("")
LOG_NOW_MS = Sql("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
"""The present in milliseconds since 1970, as SQLite of any version can say it."""
LOG_TIME = Sql(f"({LOG_NOW_MS} << 20) | (random() & 1048575)")
"""What an entry of the log says of its time: milliseconds since 1970, and 20 bits of chance that tell it from any other."""


@lru_cache(maxsize=4096)
def identifier(name: str) -> Sql:
    """Quote a name.

    Raises:
        ValueError: the name holds a NUL character, which SQLite can't have in a name.

    >>> identifier('or"der').text
    '"or""der"'
    """
    if "\0" in name:
        raise ValueError("a name must not hold a NUL character")
    return Sql('"' + name.replace('"', '""') + '"')


def text(value: str) -> Sql:
    """Quote a string literal.

    >>> text("it's").text
    "'it''s'"
    """
    if "\0" in value:
        raise ValueError("a text literal must not hold a NUL character")
    return Sql("'" + value.replace("'", "''") + "'")


def integer(value: int) -> Sql:
    """Write an integer literal.

    >>> integer(7).text
    '7'
    """
    return Sql(str(int(value)))


def verbatim(fragment: str) -> Sql:
    """Take SQL that comes from the user's own schema (a partial index's WHERE clause, a declared type)."""
    return Sql(fragment)


def joined(parts: Iterable[Sql], separator: str = ", ") -> Sql:
    """Join pieces.

    >>> joined([identifier("a"), identifier("b")]).text
    '"a", "b"'
    """
    return Sql(separator.join([part.text for part in parts]))


@dataclass(frozen=True, slots=True)
class Template:
    """A loaded `.sql` file.

    Attributes:
        pieces: what the file says, where every second piece is the name of a slot.
    """

    name: str
    body: str
    slots: frozenset[str]
    pieces: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(_SLOT.split(self.body)))

    def render(self, **values: Sql) -> Sql:
        """Fill every slot.

        Raises:
            TypeError: a slot is missing, unknown, or not given as `Sql`.
        """
        if self.slots != values.keys():
            missing, extra = sorted(self.slots - values.keys()), sorted(values.keys() - self.slots)
            raise TypeError(f"sql/{self.name}.sql: missing slots {missing}, unknown slots {extra}")
        if not {*map(type, values.values())} <= _ONLY_SQL:
            slot, wrong = next((slot, value) for slot, value in values.items() if type(value) is not Sql)
            raise TypeError(f"sql/{self.name}.sql: slot {slot} takes Sql, not {type(wrong).__name__}")
        pieces = [*self.pieces]
        pieces[1::2] = [values[slot].text for slot in pieces[1::2]]
        return Sql("".join(pieces))


@cache
def template(name: str) -> Template:
    """Load `crdtsql/sql/<name>.sql`; `name` looks like `fold/group_events`."""
    body = _read(os.path.join(_FOLDER, *f"{name}.sql".split("/"))).decode().strip()
    for slot, reason in SLOTS.items():
        body = body.replace(f"${{{slot}}}", text(reason).text)
    return Template(name, body, frozenset(_SLOT.findall(body)))


def sql(name: str, /, **slots: Sql) -> str:
    """Render a template to the text of one statement or script."""
    return (template(name).render(**slots) if slots else _whole(name)).text


def fragment(name: str, /, **slots: Sql) -> Sql:
    """Render a template that is a part of a statement, such as the expression for one column."""
    return template(name).render(**slots) if slots else _whole(name)


@cache
def _whole(name: str) -> Sql:
    """Return a template that has no slots."""
    return template(name).render()


class Formed:
    """What SQL is rendered of, and knows more than the SQL depends on, or changes.

    Attributes:
        form: all that SQL which is rendered of it depends on.
    """

    __slots__ = ()

    @property
    def form(self) -> Hashable:
        """Return all that SQL which is rendered of it depends on."""
        raise NotImplementedError


def rendered(function: Callable[P, R]) -> Callable[P, R]:
    """Keep what a function renders by its arguments, so that an operation writes no statement which an earlier one wrote.

    The function depends on its arguments alone, and of one that is `Formed` on its form; what it returns is not to be changed.
    """
    kept: dict[tuple[Hashable, ...], R] = {}

    @wraps(function)
    def rendering(*arguments: P.args, **options: P.kwargs) -> R:
        key = (*[one.form if isinstance(one, Formed) else one for one in arguments], *options.items())
        found = kept.get(key)
        if found is None:
            if len(kept) >= MOST_RENDERED:
                kept.clear()
            found = kept[key] = function(*arguments, **options)
        return found

    return rendering
