"""Outbox: a segment of several pieces while it is being put into a store, so that it goes on where it was cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from crdtsql.base import InvalidChangesetError
from crdtsql.transports.stores import segments
from crdtsql.transports.stores.segments import Segment


class Outbox(NamedTuple):
    """The one segment that waits."""

    path: Path

    @staticmethod
    def of(known: Path) -> Outbox:
        """Return the outbox of what is known of a store."""
        return Outbox(known.with_name(f"{known.name}.outbox"))

    def waiting(self) -> tuple[Segment, bytes] | None:
        """Return what was cut off last time; None if nothing was, or it is damaged."""
        with suppress(OSError, InvalidChangesetError, ValueError):
            stem, _, data = self.path.read_bytes().partition(b"\n")
            return segments.checked(stem.decode("ascii"), data), data
        return None

    @contextmanager
    def holding(self, stem: str, data: bytes, *, needed: bool) -> Iterator[None]:
        """Keep a segment until the block has ended well."""
        if needed:
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                temporary = self.path.with_name(f"{self.path.name}.tmp")
                temporary.write_bytes(stem.encode("ascii") + b"\n" + data)
                os.replace(temporary, self.path)
        yield
        if needed:
            with suppress(OSError):
                self.path.unlink()
