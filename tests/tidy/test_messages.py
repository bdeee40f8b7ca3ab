"""The rules of messages, checked: what they suggest can be pasted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from crdtsql.ui.cli.group import PLACES
from tests.support.every import every

PACKAGE = Path(__file__).parents[2] / "crdtsql"
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).as_posix() != "base/suggest.py"]
COMMAND = re.compile(rf"crdtsql (?:{'|'.join(PLACES)})\b|`crdtsql")


def docstrings(tree: ast.AST) -> set[ast.AST]:
    """Return the constants of a module that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            found |= {
                each.value for each in body if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
            }
    return found


def texts(source: Path) -> Iterator[str]:
    """Yield the texts of a module that a person may see; those of f-strings without what is put into them."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    documents = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documents:
            yield node.value


@every(SOURCES)
def test_commands_in_messages_are_made_in_one_place(source: Path) -> None:
    """No message spells a command of ours itself: `base/suggest.py` does, which quotes paths and names for a shell."""
    assert [text for text in texts(source) if COMMAND.search(text)] == []


def test_the_rule_finds_what_it_is_for() -> None:
    """A command inside of an f-string or a plain one is found, a mention of the program is not."""
    assert COMMAND.search("run `crdtsql enable ") and COMMAND.search("why: crdtsql held ")
    assert not COMMAND.search("this version of crdtsql reads format 1")
