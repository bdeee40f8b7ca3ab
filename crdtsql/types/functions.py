"""Functions: what types need in SQL and SQLite lacks. Knows no table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import apsw

from crdtsql.base import SqliteValue
from crdtsql.types import elements, exact

_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def register(connection: apsw.Connection) -> None:
    """Give a connection the functions that types need and SQLite lacks."""
    functions: dict[str, Callable[..., SqliteValue]] = {
        "_crdt_real": _real,
        "_crdt_text": _text,
        "_crdt_object": _object,
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)
    elements.register_functions(connection)
    exact.register_functions(connection)


def _real(value: float) -> str:
    """Write a number as JSON, in the shortest form that reads back as the same number.

    >>> _real(0.1), _real(float("inf"))
    ('0.1', '9e999')
    """
    if value in (float("inf"), float("-inf")):
        return "9e999" if value > 0 else "-9e999"
    return repr(float(value))


def _text(quoted: bytes) -> bytes:
    r"""Escape lone surrogates in a JSON string again, which SQLite decodes to bytes that are no UTF-8.

    >>> _text(b'"a\xed\xa0\xbd"')
    b'"a\\ud83d"'
    """
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0].decode('utf-8', 'surrogatepass')):04x}".encode(), quoted)


def _object(leaves: bytes) -> bytes:
    r"""Build a JSON object of its leaves: path (JSON strings, joined by commas) -> JSON text.

    Bytes are taken one by one, so that text that is no UTF-8 stays what it is. A leaf is left out where others extend its
    path, which only happens if both were written concurrently.

    >>> _object(b'{"\\"b\\",\\"y\\"":"2","\\"b\\",\\"x\\"":"1","\\"a\\"":"[1]","\\"b\\"":"7"}')
    b'{"a":[1],"b":{"x":1,"y":2}}'
    """
    members = json.loads(leaves.decode("latin-1"), strict=False)
    found = {tuple(json.loads(f"[{path}]", strict=False)): text for path, text in members.items()}
    paths = sorted(found)
    shown = [path for path, following in zip(paths, [*paths, ()][1:], strict=True) if following[: len(path)] != path]
    written = ["{"]
    inside: tuple[str, ...] = ()
    for path in shown:
        common = 0
        while common < len(inside) and inside[common] == path[common]:
            common += 1
        written.append("}" * (len(inside) - common) + ("" if path is shown[0] else ","))
        written += [f"{json.dumps(key, ensure_ascii=False)}:{{" for key in path[common:-1]]
        written.append(f"{json.dumps(path[-1], ensure_ascii=False)}:{found[path]}")
        inside = path[:-1]
    written.append("}" * (len(inside) + 1))
    return "".join(written).encode("latin-1", "backslashreplace")
