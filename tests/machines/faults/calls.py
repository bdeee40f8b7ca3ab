"""Calls: what SQLite's own VFS asks of the operating system, counted, and made to fail at a chosen call.

SQLite lets each of its system calls be replaced (`xSetSystemCall`), so that all of its own handling of errors is at work. Syncing is
no such call; a VFS that inherits SQLite's own stands in for it. Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import apsw

from tests.machines.faults.foreseen import CHANCE

UNIX = sys.platform == "linux"
_BASE = "unix"
_F_SETLK, _F_UNLCK = 6, 2
_INT, _LONG, _SIZE, _POINTER, _TEXT = ctypes.c_int, ctypes.c_int64, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "pread64": (ctypes.c_ssize_t, _INT, _POINTER, _SIZE, _LONG),
    "pwrite64": (ctypes.c_ssize_t, _INT, _POINTER, _SIZE, _LONG),
    "ftruncate": (_INT, _INT, _LONG),
    "unlink": (_INT, _TEXT),
    "fcntl": (_INT, _INT, _INT, _POINTER),
    "open": (_INT, _TEXT, _INT, _INT),
    "fstat": (_INT, _INT, _POINTER),
    "mmap": (_POINTER, _POINTER, _SIZE, _INT, _INT, _INT, _LONG),
}


@dataclass(frozen=True)
class Kind:
    """A way to fail.

    Attributes:
        calls: the system calls that count.
        error: what they say; 0 where they do not say anything.
        locks: of `fcntl` those that take locks count, or those that let go of them.
        torn: half of what is to be written is.
    """

    calls: tuple[str, ...]
    error: int = errno.EIO
    locks: bool = True
    torn: bool = False


KINDS = {
    "read": Kind(("pread64",)),
    "write": Kind(("pwrite64",)),
    "torn write": Kind(("pwrite64",), torn=True),
    "full": Kind(("pwrite64",), errno.ENOSPC),
    "sync": Kind(("sync",)),
    "truncate": Kind(("ftruncate",)),
    "delete": Kind(("unlink",)),
    "lock": Kind(("fcntl",)),
    "busy": Kind(("fcntl",), errno.EAGAIN),
    "unlock": Kind(("fcntl",), locks=False),
    "open": Kind(("open",), errno.EMFILE),
    "size": Kind(("fstat",)),
    "map": Kind(("mmap",), errno.ENOMEM),
}
CHANGES = Kind(("pwrite64", "sync", "ftruncate", "unlink"))
"""What changes what is on the disk."""


MOST_LOCKS = 30
"""SQLite tries to lock a write-ahead log again and again, a hundred times, before it gives up."""


@dataclass
class Plan:
    """When calls fail.

    Attributes:
        at: the call that does, from 1 on; 0: none.
        for_good: all later ones do too; of locks `MOST_LOCKS`.
        kills: it does not fail, the process dies.
        torn: where the process dies at a write, half of it is written before.
        counts: how many there were: of the kind under "", of others by their names.
        hits: how many failed.
    """

    kind: Kind
    at: int = 0
    for_good: bool = False
    kills: bool = False
    torn: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    hits: int = 0

    def is_due(self, call: str, *, unlocks: bool = False) -> bool:
        """Count a call; tell whether it is to fail."""
        self.counts[f"un{call}" if unlocks else call] += 1
        if call not in self.kind.calls or unlocks == self.kind.locks:
            return False
        self.counts[""] += 1
        due = self.counts[""] == self.at or (self.for_good and 0 < self.at < self.counts[""])
        if due and "fcntl" in self.kind.calls and self.hits >= MOST_LOCKS:
            return False
        self.hits += due
        return due


class _Pending:
    """An exception of Python's that is under way where SQLite calls on: apsw lets go of a statement after it has said what is wrong.

    Nothing can run in Python before it is taken away, so all of this is made beforehand. What is wrong is said by apsw once more.
    """

    def __init__(self) -> None:
        self._parts = [ctypes.c_void_p() for _ in range(3)]
        self._places = tuple(ctypes.byref(part) for part in self._parts)
        self._fetch, self._let_go = ctypes.pythonapi.PyErr_Fetch, ctypes.pythonapi.Py_DecRef
        self._fetch.restype = self._let_go.restype = None
        self._let_go.argtypes = [ctypes.c_void_p]

    def drop(self) -> None:
        """Take it away, if there is one."""
        self._fetch(*self._places)
        for part in self._parts:
            if part.value:
                self._let_go(part)


class _File(apsw.VFSFile):
    def __init__(self, plan: Plan, name: Any, flags: list[int]) -> None:
        super().__init__(_BASE, name, flags)
        self._plan = plan

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._plan.is_due("sync"):
            if self._plan.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            error = apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
            error.args = ("disk I/O error",)
            raise error
        super().xSync(flags)

    def excepthook(self, *_: object) -> None:
        """Say nothing of errors that SQLite does not want to know."""


class _Syncs(apsw.VFS):
    """SQLite's own VFS, but for syncs; the default one while it lives. It raises what SQLite's own keeps to itself, so no other kind uses it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("crdtsql_syncs", _BASE, makedefault=True)
        self._plan = plan

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self._plan, name, flags)

    def excepthook(self, *_: object) -> None:
        """Say nothing of errors that SQLite does not want to know."""


class _Awake:
    """SQLite's own VFS without sleep. Where an unlock fails, it sleeps for ten seconds in all; the process is alone, so it waits for nobody."""

    _FORM = ctypes.CFUNCTYPE(_INT, _POINTER, _INT)
    _PLACE = 16 + 12 * 8
    """Where `xSleep` stands in `sqlite3_vfs`."""

    def __init__(self) -> None:
        found, connection = ctypes.c_void_p(), apsw.Connection(":memory:", vfs=_BASE)
        connection.file_control("main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(found))
        connection.close()
        assert found.value
        self._sleep = _POINTER.from_address(found.value + self._PLACE)
        self._before, self._ours = self._sleep.value, self._FORM(lambda _, microseconds: microseconds)
        self._sleep.value = ctypes.cast(self._ours, _POINTER).value

    def close(self) -> None:
        """Have it sleep again."""
        self._sleep.value = self._before


class Calls:
    """The system calls of SQLite's own VFS, with ours in front of them; while they are watched it does not sleep."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self._awake = _Awake()
        self._vfs = apsw.VFS("crdtsql_calls", _BASE)
        self._before = {name: pointer for name in _SIGNATURES if (pointer := self._vfs.xGetSystemCall(name))}
        self._ours: dict[str, Any] = {}
        self._pending = _Pending()
        for name, pointer in self._before.items():
            form = ctypes.CFUNCTYPE(*_SIGNATURES[name], use_errno=True)
            self._ours[name] = form(self._standing_in(name, form(pointer)))

    @contextmanager
    def following(self, plan: Plan) -> Iterator[Plan]:
        """Follow a plan for the length of a block, which opens its own connections.

        A sync that fails is an exception of Python's, which is under way when SQLite calls on: then it calls its own.
        """
        self.plan = plan
        syncs = _Syncs(plan) if "sync" in plan.kind.calls else None
        if plan.kind.calls != ("sync",):
            self._replace({name: ctypes.cast(one, ctypes.c_void_p).value or 0 for name, one in self._ours.items()})
        try:
            yield plan
        finally:
            self.plan = None
            self._replace(self._before)
            if syncs is not None:
                syncs.unregister()

    def _replace(self, pointers: Mapping[str, int]) -> None:
        for name, pointer in pointers.items():
            self._vfs.xSetSystemCall(name, pointer)

    def close(self) -> None:
        """Let go of SQLite's VFS."""
        self._awake.close()
        self._vfs.unregister()

    def _standing_in(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            self._pending.drop()
            plan = self.plan
            if plan is None:
                return original(*given)
            if name == "open" and plan.kills and given[0] == b"/dev/urandom":
                return original(CHANCE, *given[1:])
            unlocks = False
            if name == "fcntl":
                if given[1] != _F_SETLK:
                    return original(*given)
                unlocks = ctypes.c_short.from_address(given[2]).value == _F_UNLCK
            if not plan.is_due(name, unlocks=unlocks):
                return original(*given)
            if name == "pwrite64" and (plan.kind.torn or plan.torn):
                original(given[0], given[1], given[2] // 2, given[3])
            if plan.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            ctypes.set_errno(plan.kind.error)
            return ctypes.c_void_p(-1).value if name == "mmap" else -1

        return call


@contextmanager
def watched() -> Iterator[Calls]:
    """Give what stands in front of the system calls, for the length of a block."""
    calls = Calls()
    try:
        yield calls
    finally:
        calls.close()
