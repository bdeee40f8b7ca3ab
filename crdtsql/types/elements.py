"""Elements: the text of a set, taken apart, compared and put together without a row for each element.

A *list of names* is here the text of a JSON array of the names that parts have. Which name an element has only `explode_set.sql` says;
but one that is spelled like its name needs no look at it, and of most sets that is true of all elements (`plain`). Bytes are taken one
by one, as Latin-1, so that text that is no UTF-8 stays what it is. Knows no table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn

import apsw

from crdtsql.base import SqliteValue

_NAME = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s",\[\]]+', re.ASCII)
_SURROGATE = re.compile("\xed[\xa0-\xbf]")
_WIDE = re.compile("[^\x00-\xff]")
_LITERALS = "null", "false", "true"
_MOST_DIGITS = 18
_LARGE_BYTES = 500
"""From so many bytes on a list is read faster as JSON, and may have been read just before."""


class _UnsureError(ValueError):
    """An element is not spelled like its name, for all that is known."""


def _refuse(_: str) -> NoReturn:
    raise _UnsureError


class _Integer(str):
    """An integer, as it was spelled."""

    __slots__ = ()


class _Elements(NamedTuple):
    """The elements of a set, as Python has them, and whether all of them are strings; one may come twice."""

    all: list[Any]
    are_strings: bool


def _integer(spelled: str) -> _Integer:
    if spelled == "-0" or len(spelled) > _MOST_DIGITS:
        raise _UnsureError
    return _Integer(spelled)


_read = json.JSONDecoder(parse_float=_refuse, parse_int=_integer, parse_constant=_refuse).decode


@lru_cache(maxsize=4)  # a value is looked at two or three times, one time after the other
def _plain(value: bytes) -> _Elements | None:
    """Return a set's elements if each is spelled like its name."""
    text = value.decode("latin-1")
    if "\\" in text or ("\xed" in text and _SURROGATE.search(text)):
        return None
    try:
        found = _read(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    kinds = set(map(type, found))
    if not kinds <= {str, _Integer, bool, type(None)}:
        return None
    return _Elements(found, kinds <= {str})


def _name(element: str | bool | None) -> str:
    if isinstance(element, _Integer):
        return str(element)
    return f'"{element}"' if isinstance(element, str) else json.dumps(element)


def _listed(listed: bytes | None) -> list[str]:
    """Read a list of names; one may come twice."""
    if listed is None:
        return []
    found = _plain(listed) if len(listed) >= _LARGE_BYTES else None
    if found is None:
        return _NAME.findall(listed.decode("latin-1"))
    return [f'"{element}"' for element in found.all] if found.are_strings else list(map(_name, found.all))


def plain(value: bytes) -> bool:
    r"""Tell whether a set's text is a list of names as it is.

    >>> plain(b'["a", 1, null]'), plain(rb'["\u0061"]'), plain(b"[1.0]"), plain(b'{"a": 1}'), plain(b"[[]]")
    (True, False, False, False, False)
    """
    return _plain(value) is not None


def array(listed: bytes | None) -> bytes:
    r"""Show a set of these names: each once, null before false, true, numbers and strings, these in the order of their values.

    >>> array(b'["b",10,"a",9.5,true,"a",null,1,1.0,"a\\"b"]')
    b'[null,true,1,1.0,9.5,10,"a","a\\"b","b"]'
    """
    return _array(_listed(listed))


def _array(names: list[str]) -> bytes:
    if len(set(names)) < len(names):
        names = list(dict.fromkeys(names))
    strings = [name for name in names if name[0] == '"']
    strings.sort(key=_content if "\\" in "".join(strings) else itemgetter(slice(1, -1)))
    if len(strings) < len(names):
        others = [name for name in names if name[0] != '"']
        literals = [name for name in _LITERALS if name in others]
        numbers = sorted((name for name in others if name not in _LITERALS), key=_number)
        strings = [*literals, *numbers, *strings]
    return f"[{','.join(strings)}]".encode("latin-1")


def _number(name: str) -> tuple[float, str]:
    return float(name), name


def _content(name: str) -> tuple[str, str]:
    """Return the bytes that a string's name stands for."""
    if "\\" not in name:
        return name[1:-1], name
    content = json.loads(name, strict=False)
    return _WIDE.sub(lambda match: match[0].encode("utf-8", "surrogatepass").decode("latin-1"), content), name


def common(listed: bytes | None, others: bytes | None) -> bytes:
    """Return the names that are in both lists, as a JSON array of strings.

    >>> common(b'["a",1]', b'[1,null,"b"]')
    b'["1"]'
    """
    found = set(_listed(others))
    if found:
        found.intersection_update(_listed(listed))
    return json.dumps([*found], ensure_ascii=False).encode("latin-1")


class ShownSet:
    """An aggregate for SQL over (gone, list of names): the set that has these names.

    They are those of the lists without `gone`, less those of a list that is `gone`; those of a list of which `gone` is 0 are there.
    """

    def __init__(self) -> None:
        self.whole: list[str] = []
        self.live: set[str] = set()
        self.gone: set[str] = set()

    def step(self, gone: int | None, listed: bytes | None) -> None:
        """Take a list of names."""
        if gone is None:
            self.whole += _listed(listed)
        else:
            (self.gone if gone else self.live).update(_listed(listed))

    def final(self) -> bytes:
        """Return the set."""
        said = self.gone | self.live
        return _array([*(name for name in self.whole if name not in said), *self.live])


class Differing:
    """An aggregate for SQL over (number, gone, list of names): what the values of a cell, of these numbers, don't have in common.

    A value is the names in its lists; lists with `gone` are about the value 0, as in `ShownSet`. `final` says which names each value
    has that some others lack, as JSON: number -> names.
    """

    def __init__(self) -> None:
        self.values: dict[int, set[str]] = {}
        self.live: set[str] = set()
        self.gone: set[str] = set()

    def step(self, number: int, gone: int | None, listed: bytes | None) -> None:
        """Take a list of names of a value."""
        names = set(_listed(listed))
        if gone is not None:
            (self.gone if gone else self.live).update(names)
        elif number in self.values:
            self.values[number] |= names
        else:
            self.values[number] = names

    def final(self) -> bytes:
        """Return the names that differ."""
        if self.live or self.gone:
            before = self.values.setdefault(0, set())
            before -= self.gone
            before |= self.live
        values = list(self.values.values())
        in_some, in_all = values[0].copy(), values[0].copy()
        for names in values[1:]:
            in_some |= names
            in_all &= names
        differing = in_some - in_all
        found = {number: [*(names & differing)] for number, names in self.values.items()}
        return json.dumps(found, ensure_ascii=False).encode("latin-1")


def register_functions(connection: apsw.Connection) -> None:
    """Give a connection the functions that sets need and SQLite lacks."""
    functions: dict[str, Callable[..., SqliteValue]] = {"_crdt_plain": plain, "_crdt_array": array}
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)
    both: Callable[..., SqliteValue] = common
    connection.create_scalar_function("_crdt_common", both, 2, deterministic=True)
    aggregates: dict[str, tuple[int, Callable[..., Any]]] = {
        "_crdt_shown_set": (2, ShownSet),
        "_crdt_differing": (3, Differing),
    }
    for name, (arguments, aggregate) in aggregates.items():
        connection.create_aggregate_function(name, aggregate, arguments)
