"""Run the command line in processes of its own, as users do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tests.support import warm

COMMAND = [sys.executable, "-m", "crdtsql"]


def start(*arguments: str | bytes | Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start `crdtsql ARGUMENTS` with pipes for its output."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([*COMMAND, *arguments], **options)


def begin(*arguments: str | bytes | Path) -> warm.Running:
    """Begin `crdtsql ARGUMENTS` without input and output, to be killed."""
    with open(os.devnull, "rb") as nothing, open(os.devnull, "wb") as nowhere:
        files = [nothing.fileno(), nowhere.fileno(), nowhere.fileno()]
        return warm.server().begin([os.fsdecode(argument) for argument in arguments], files, os.getcwd())


def run(
    *arguments: str | bytes | Path,
    input: bytes = b"",  # noqa: A002
    stdin: int | IO[bytes] | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
    unprivileged: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Run `crdtsql ARGUMENTS` in a process of its own to its end, whatever comes of it; nothing of ours takes a minute."""
    words = [os.fsdecode(argument) for argument in arguments]
    with ThreadPoolExecutor(3) as pool, ExitStack() as theirs:
        if stdin is None:
            stdin, given = _pipe(theirs, 0)
            pool.submit(_write, given, input)
        elif stdin == subprocess.DEVNULL:
            stdin = theirs.enter_context(open(os.devnull, "rb"))
        (output, out), (errors, err) = _pipe(theirs, 1), _pipe(theirs, 1)
        shown = [pool.submit(_read, end) for end in (out, err)]
        file = stdin if isinstance(stdin, int) else stdin.fileno()
        files = [file, output, errors]
        code = warm.server().run(words, files, str(cwd or Path.cwd()), timeout, unprivileged=unprivileged)
        theirs.close()
        return subprocess.CompletedProcess(words, code, *(each.result() for each in shown))


def _pipe(theirs: ExitStack, side: int) -> tuple[int, int]:
    """Give the end of a new pipe that a command gets, which is closed here in the end, and our end."""
    ends = os.pipe()
    theirs.callback(os.close, ends[side])
    return ends[side], ends[1 - side]


def _read(end: int) -> bytes:
    with open(end, "rb") as pipe:
        return pipe.read()


def _write(end: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(end, "wb", buffering=0) as pipe:
        pipe.write(data)


def ok(*arguments: str | bytes | Path, **options: Any) -> str:
    """Run `crdtsql ARGUMENTS`, which must succeed; return its output."""
    done = run(*arguments, **options)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def refused(*arguments: str | bytes | Path, code: int = 1, **options: Any) -> str:
    """Run `crdtsql ARGUMENTS`, which must fail in one line; return that line."""
    done = run(*arguments, **options)
    text = done.stderr.decode(errors="replace")
    assert done.returncode == code, (done.returncode, text)
    assert "Traceback" not in text, text
    lines = text.strip().splitlines()
    if code == 1:
        assert len(lines) == 1, text
        assert lines[0].startswith("Error: "), text
        assert "fault in crdtsql" not in lines[0], text
    return lines[-1]


def run_unprivileged(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run `crdtsql ARGUMENTS` where file permissions count: the superuser, who may do everything, becomes nobody first."""
    return run(*arguments, stdin=subprocess.DEVNULL, unprivileged=True)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody can reach (pytest's own is private)."""
    with tempfile.TemporaryDirectory(prefix="crdtsql-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        folder.chmod(0o777)


def make(
    path: Path, schema: str, rows: Sequence[tuple[Any, ...]] = (), table: str = "task", journal: str = "delete"
) -> Path:
    """Create a database file with Python's own sqlite3; only for files that no apsw connection of this process has open."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.executescript(schema)
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    connection.commit()
    connection.close()
    return path


def execute(path: Path, script: str) -> None:
    """Run SQL on a file in a process of its own: another program that writes."""
    subprocess.run(["sqlite3", "-bail", "-cmd", ".timeout 10000", str(path)], input=script.encode(), check=True)


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Read rows; only from files that no apsw connection of this process has open."""
    connection = sqlite3.connect(path, timeout=20)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
