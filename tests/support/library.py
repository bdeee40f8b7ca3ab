"""Prepare SQLite and Python for processes that compile many statements, and whose memory nobody measures."""

from __future__ import annotations

import gc

import apsw

SLOT_BYTES, SLOTS = 1200, 400
"""Memory that each connection takes at once and hands out itself: enough for the parts of a large statement while it is compiled."""


def prepare() -> None:
    """Let SQLite ask for little memory at a time, and count none of it; must come before the first connection of a process."""
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, SLOT_BYTES, SLOTS)
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
    apsw.initialize()


def begin() -> None:
    """Prepare a process that was started to run histories, with all that they need loaded."""
    prepare()
    gc.freeze()
