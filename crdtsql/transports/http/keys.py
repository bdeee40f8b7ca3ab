"""Keys: the tokens that this user shows to servers, by address, in a file of the state directory that only this user may read.

Never in an address, which is copied, logged and kept in database files.
"""

from __future__ import annotations

import os
from pathlib import Path

from crdtsql.base import UsageError, suggest
from crdtsql.store import secretfiles, state_directory
from crdtsql.wire import read_text

VARIABLE = "CRDTSQL_TOKEN"
LONGEST = 1_000


def _path() -> Path:
    return state_directory() / "keys.json"


def keep(address: str, token: str) -> None:
    """Keep the token for an address."""
    check(token, "this")
    with secretfiles.changing(_path()) as kept:
        kept[address] = token


def forget(address: str) -> bool:
    """Forget the token for an address; tell whether there was one."""
    with secretfiles.changing(_path()) as kept:
        return kept.pop(address, None) is not None


def find(address: str) -> str | None:
    """Return the token for an address: the one that is kept for it, else that of the environment."""
    found = secretfiles.read(_path()).get(address)
    return found if isinstance(found, str) else os.environ.get(VARIABLE) or None


def from_file(path: str) -> str:
    """Return the token that stands in a file.

    Raises:
        DatabaseError: it can't be read.
        UsageError: it has none.
    """
    text = read_text(path, "a token file").strip()
    check(text, path)
    return text


def check(token: str, what: str) -> None:
    """Check that a text can be a token.

    Raises:
        UsageError: it can't.
    """
    if not (0 < len(token) <= LONGEST and token.isascii() and token.isprintable() and " " not in token):
        made = suggest.verb("token add")
        raise UsageError(f"{what} is no token: one line is expected that {made} printed on the server's machine")
