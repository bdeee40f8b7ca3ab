"""Tokens: who may sync with a file over HTTP, and how far. They stand in the state directory of the user who serves it.

Not in the file: whoever can write the file with SQL could let others in, and every copy of it would go on to let in whom the
original does not any more (decision 0027). Of a token its SHA-256 is kept; it is 256 bits of chance, so that can't be undone.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crdtsql.base import CrdtsqlError, UsageError, caseless, naming, suggest
from crdtsql.store import secretfiles, state_directory

BEGINS = "crdtsql_"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token lets its holder do.

    Attributes:
        read: take changes.
        write: give changes.
        tables: only of these tables; None for all.
        added_ms: when it was made.
    """

    name: str
    read: bool = True
    write: bool = True
    tables: tuple[str, ...] | None = None
    added_ms: int = 0

    def others(self, tables: Iterable[str]) -> list[str]:
        """Return those of some tables that the token does not cover."""
        if self.tables is None:
            return []
        covered = {caseless(table) for table in self.tables}
        return sorted(table for table in tables if caseless(naming.with_history(table)) not in covered)

    def to_json(self) -> dict[str, Any]:
        """Return the token as it is kept and printed, without what must be secret."""
        return {
            "read": self.read,
            "write": self.write,
            "tables": None if self.tables is None else list(self.tables),
            "added_ms": self.added_ms,
        }


ANYBODY = Token("nobody's token")
"""For requests that need none."""


class Tokens:
    """The tokens of one file that is served."""

    def __init__(self, database: str | os.PathLike[str]) -> None:
        self.database = os.fspath(database)
        self.place = os.path.realpath(database)
        name = hashlib.blake2b(os.fsencode(self.place), digest_size=16).hexdigest()
        self.path: Path = state_directory() / "tokens" / f"{name}.json"
        self._seen: tuple[int, int, int] | None = None
        self._by_hash: dict[str, Token] = {}

    def add(self, name: str, *, read: bool = True, write: bool = True, tables: Sequence[str] | None = None) -> str:
        """Make a token; return it, which is the only time that anybody sees it.

        Raises:
            UsageError: the name is none, or is taken.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r:.80} is no name for a token: letters, digits, and _ . @ - within, 64 at most")
        secret = BEGINS + secrets.token_urlsafe(32)
        made = Token(name, read, write, None if tables is None else tuple(tables), time.time_ns() // 1_000_000)
        with secretfiles.changing(self.path) as kept:
            kept["file"] = self.place
            known = kept.setdefault("tokens", {})
            if name in known:
                revoke = suggest.command("token revoke", self.database, name)
                raise UsageError(
                    f"{self.database} has a token {name} already: take another name, or run {revoke} first"
                )
            known[name] = made.to_json() | {"sha256": _hash(secret)}
        return secret

    def revoke(self, name: str) -> None:
        """Let a token count no more, from the next request on.

        Raises:
            UsageError: there is none of that name.
        """
        with secretfiles.changing(self.path) as kept:
            known = kept.get("tokens", {})
            if name not in known:
                raise UsageError(
                    f"there is no token {name!r}: {suggest.instead(name, [*known], 'tokens of this file')}"
                )
            del known[name]

    def all(self) -> list[Token]:
        """Return the tokens, by name.

        Raises:
            CrdtsqlError: the file that keeps them is damaged.
        """
        self._look()
        return sorted(self._by_hash.values(), key=lambda token: token.name)

    def find(self, secret: str) -> Token | None:
        """Return the token that somebody shows, None if there is none; what was revoked by now counts no more."""
        self._look()
        return self._by_hash.get(_hash(secret))

    def _look(self) -> None:
        """Read the file again if it is another one than last time."""
        try:
            status = os.stat(self.path)
            now = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            now = None
        if now is None or now != self._seen:
            self._by_hash, self._seen = {}, None
            self._by_hash = dict(_tokens(self.path, secretfiles.read(self.path)))
            self._seen = now


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _tokens(path: Path, kept: dict[str, Any]) -> Iterable[tuple[str, Token]]:
    try:
        for name, one in kept.get("tokens", {}).items():
            tables = None if one["tables"] is None else tuple(map(str, one["tables"]))
            yield (
                str(one["sha256"]),
                Token(str(name), one["read"] is True, one["write"] is True, tables, int(one["added_ms"])),
            )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CrdtsqlError(f"{path} is damaged: no token in it counts; delete it, and make its tokens anew") from error
