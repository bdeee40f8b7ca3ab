"""Run the blocks of one document in order, in one folder, and print what each did as JSON. A script of its own, not a test.

Starting Python and importing crdtsql takes longer than most commands do. So this process does it once: `crdtsql` in the blocks is a
small client that hands its arguments, folder, environment and standard streams over, and a fork of this process does the command.
Python blocks run in a fork as well, each as a program of its own. So no block has anything of another one but the folder.

`tests.support.warm` does alike for tests that call one command at a time. This one serves pipelines of a shell too, and takes
crdtsql from the environment that runs it, never from the tree that it stands in: an installed wheel is judged by it.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

CLIENT = """#!{python} -IS
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
given = [{program!r}, os.getcwd(), str(len(sys.argv) - 1), *sys.argv[1:], *(f"{{k}}={{v}}" for k, v in os.environ.items())]
socket.send_fds(server, [os.fsencode("\\0".join(given))], [0, 1, 2])
server.shutdown(socket.SHUT_WR)
sys.exit(int(server.recv(16) or b"70"))
"""
SQLITE = """#!{python}
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
statement = ""
for piece in (sys.argv[2] if len(sys.argv) > 2 else sys.stdin.read()).split(";"):
    statement += piece + ";"
    if sqlite3.complete_statement(statement):
        for row in connection.execute(statement):
            print("|".join("" if value is None else str(value) for value in row))
        statement = ""
"""
"""What stands in for the sqlite3 shell where there is none."""
SECONDS = 60
"""No block takes longer."""


def command(program: str, arguments: list[str]) -> None:
    """Do what `python -m` does for the command of this name."""
    sys.argv = [program, *arguments]
    runpy.run_module(program.replace("-", "_"), run_name="__main__")


def serve(server: socket.socket) -> int:
    """Take one request, and let a fork do it; return the fork's process id."""
    client, _ = server.accept()
    data, streams, *_ = socket.recv_fds(client, 1 << 16, 3)
    while more := client.recv(1 << 16):
        data += more
    program, folder, count, *rest = os.fsdecode(data).split("\0")
    forked = os.fork()
    if forked:
        for stream in streams:
            os.close(stream)
        client.close()
        return forked
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(pair.split("=", 1) for pair in rest[int(count) :])
    code = ended(lambda: command(program, rest[: int(count)]))
    client.send(str(code).encode())
    os._exit(0)


def ended(work: Any) -> int:
    """Do work in a fork; return the exit code that Python would end with."""
    code: Any = 0
    try:
        work()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else int(code is not None)


def run_python(block: dict[str, Any], folder: Path, output: Any, errors: Any) -> int:
    """Run a block as a program; return its process id."""
    forked = os.fork()
    if forked:
        return forked
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    os.chdir(folder)
    sys.argv = ["program.py"]
    code = compile(block["text"], f"<{block['where']}>", "exec")
    os._exit(ended(lambda: exec(code, {"__name__": "__main__"})))


def run_command(arguments: list[str], folder: Path, server: socket.socket, output: Any, errors: Any, given: str) -> int:
    """Run a program, and do what its `crdtsql` commands ask for meanwhile; return its exit code."""
    running = subprocess.Popen(
        arguments,
        cwd=folder,
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        text=True,
    )
    if running.stdin:
        running.stdin.write(given)
        running.stdin.close()
    forked = []
    alive = os.pidfd_open(running.pid) if hasattr(os, "pidfd_open") else -1
    while running.poll() is None:
        waiting = [server] if alive < 0 else [server, alive]
        ready, _, _ = select.select(waiting, [], [], 0.05 if alive < 0 else SECONDS)
        if server in ready:
            forked.append(serve(server))
    if alive >= 0:
        os.close(alive)
    for process in forked:
        os.waitpid(process, 0)
    return running.returncode


def empty(folder: Path) -> None:
    """Remove all that is in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def run(block: dict[str, Any], folder: Path, server: socket.socket) -> dict[str, Any]:
    """Run one block; return its exit code and what it wrote."""
    language, _, mark = block["kind"].partition(" ")
    if mark == "fresh":
        empty(folder)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        if language == "python":
            code = os.waitstatus_to_exitcode(os.waitpid(run_python(block, folder, output, errors), 0)[1])
        elif language == "sql":
            code = run_command(["sqlite3", "app.db"], folder, server, output, errors, block["text"])
        else:
            code = run_command(["bash", "-euo", "pipefail", "-c", block["text"]], folder, server, output, errors, "")
        found = []
        for stream in (output, errors):
            stream.seek(0)
            found.append(stream.read())
    return {"code": code, "output": found[0], "errors": found[1]}


def prepare(tools: Path, server: socket.socket) -> None:
    """Put the commands that the blocks use where they are found first."""
    tools.mkdir()
    address = str(tools.parent / "socket")
    server.bind(address)
    server.listen()
    programs = {
        name: CLIENT.format(python=sys.executable, address=address, program=name)
        for name in ("crdtsql", "sqlite-utils")
    }
    if shutil.which("sqlite3") is None:
        programs["sqlite3"] = SQLITE.format(python=sys.executable)
    for name, text in programs.items():
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])


def main() -> None:
    """Read blocks as JSON from standard input; print what each did."""
    with suppress(SystemExit), redirect_stdout(io.StringIO()):
        command("crdtsql", ["--version"])  # imports all that the forks need
    blocks = json.load(sys.stdin)
    results: list[dict[str, Any]] = []
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # many small commits are slow on a disk
    with tempfile.TemporaryDirectory(prefix="crdtsql-", dir=memory) as name, socket.socket(socket.AF_UNIX) as server:
        prepare(Path(name) / "bin", server)
        folder = Path(name) / "here"
        folder.mkdir()
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")
        os.environ.pop("CRDTSQL_REPLICA_ID", None)
        for block in blocks:
            results.append(run(block, folder, server))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
