"""docs/PYTHON.md names all that a program can call, catch and read."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import crdtsql
from crdtsql import Replica, errors
from crdtsql.ui import load
from tests.docs.blocks import ROOT, prose

PAGE = prose(ROOT / "docs" / "PYTHON.md")
CODE = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", PAGE))))
INSIDE = {"to_json"}


def public(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class and of those it is made of."""
    for name, found in inspect.getmembers(owner):
        if not name.startswith("_") and name not in INSIDE:
            yield name, found


def parts(kind: Any) -> Iterator[type]:
    """Yield the classes that a type is made of."""
    for part in typing.get_args(kind):
        yield from parts(part)
    if inspect.isclass(kind):
        yield kind


def hints(described: Any) -> dict[str, Any]:
    """Return the types in a signature or a record, with those too that its module imports for type checkers alone."""
    module = inspect.getmodule(inspect.unwrap(described))
    known = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for part in node.body:
                shown = importlib.import_module(part.module)
                known |= {alias.name: getattr(shown, alias.name, None) for alias in part.names}
    return typing.get_type_hints(described, localns=known)


def fields(record: type) -> dict[str, Any]:
    """Return the fields of a record with their types, but for those that hold things of our own tables."""
    found = hints(record)
    return {
        name: kind
        for name, kind in found.items()
        if not any("crdtsql.store" in part.__module__ for part in parts(kind))
    }


def records(kind: Any, known: set[type]) -> None:
    """Collect the records of this package in a type, and in what they hold."""
    for part in parts(kind):
        ours = part.__module__.startswith("crdtsql.") and part not in known
        if ours and (dataclasses.is_dataclass(part) or hasattr(part, "_fields")):
            known.add(part)
            for field in fields(part).values():
                records(field, known)


def returned() -> set[type]:
    """Return the records that the methods of `Replica` return."""
    known: set[type] = set()
    for _, method in public(Replica):
        if inspect.isfunction(method):
            records(hints(method).get("return"), known)
    return known


def test_every_method_is_there() -> None:
    """The page names every public method and property of `Replica`, with each of its arguments that a user gives."""
    for name, method in public(Replica):
        assert name in CODE, name
        if inspect.isfunction(method):
            for argument in list(inspect.signature(method).parameters)[1:]:
                assert argument in CODE, f"{name}({argument})"


def test_every_record_is_there() -> None:
    """The page names every field of the records that `Replica` returns, in the record's own line where it has one."""
    section = PAGE.split("## What the records hold")[1].split("\n## ")[0]
    lines = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    found = returned()
    assert lines.keys() <= {record.__name__ for record in found} and len(lines) > 12
    for record in found:
        properties = [name for name, value in public(record) if isinstance(value, property)]
        named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", lines.get(record.__name__, section)))))
        assert not {*fields(record), *properties} - named, record.__name__


def test_every_exception_is_there() -> None:
    """The page names every exception and no others, and what it carries; `crdtsql.errors` is the way to them."""
    assert crdtsql.errors is errors
    exceptions = dict(inspect.getmembers(errors, inspect.isclass))
    assert {name for name in CODE if name.endswith("Error")} == exceptions.keys()
    for name, kind in exceptions.items():
        for field in re.findall(r"^ {8}(\w+):", (kind.__doc__ or "").partition("Attributes:")[2], re.MULTILINE):
            assert field in CODE, f"{name}.{field}"


def test_every_sql_function_is_there() -> None:
    """The page names every SQL function that `crdtsql.load` registers."""
    functions = set(re.findall(r"\bcrdt_\w+(?=\()", inspect.getsource(inspect.getmodule(load) or load)))
    assert len(functions) == 14
    assert functions <= CODE
