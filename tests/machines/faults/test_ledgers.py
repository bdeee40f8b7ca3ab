"""Kills and failing calls that add up over runs, and the commands that they go round."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw
import click
import pytest

from crdtsql.ui.cli import cli
from tests.docs.make_cli import commands
from tests.machines.faults import killing, scenes
from tests.machines.faults.calls import KINDS, UNIX, watched
from tests.machines.faults.failing import Progress, go_on
from tests.machines.faults.killing import Killing, kill_some
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import JOURNALS, Trials
from tests.machines.ledger import Ledger

LOOKS = {
    "aside", "blame", "claims", "completion", "conflicts", "demo", "diff", "doctor", "encryption key", "encryption list", "held",
    "inspect", "log", "members", "metrics", "observe", "remote list", "remote show", "renumbered", "revision", "schema diff",
    "schema show", "show", "status", "token list",
}  # fmt: skip
"""Commands that only look, or make files of their own."""
OUTSIDE = {
    "encryption add", "encryption begin", "encryption join", "encryption remove", "encryption rotate", "token add", "token keep",
    "token revoke",
}  # fmt: skip
"""Commands that write no database."""
LONG = {"arbitrate", "mcp", "run", "serve", "service"}
"""Commands that go on until they are ended, or run another program, which is not killed with them."""
ALIKE = {
    "complete": "claim", "release": "claim", "renew": "claim", "reconcile": "import", "remote remove": "remote", "schema push": "pull",
    "trust": "allow",
}  # fmt: skip
"""Commands that write as another one does."""
pytestmark = pytest.mark.skipif(not UNIX, reason="SQLite's system calls are replaced on Linux only")


def test_every_command_that_writes_is_tried() -> None:
    """Each command is killed, and its calls fail, unless it is said here why not."""
    top = click.Context(cli, info_name="crdtsql", **cli.context_settings)
    found = [
        context.command_path.removeprefix("crdtsql ")
        for command, context in commands(cli, top)
        if not isinstance(command, click.Group)
    ]
    tried = {name for name in found for _, words, _ in SCENES.values() if " ".join(words).startswith(f"{name} ")}
    assert {*found} - tried - LOOKS - OUTSIDE - LONG - ALIKE.keys() == set()
    assert {*ALIKE.values()} <= SCENES.keys()


@pytest.mark.parametrize(("name", "journal"), [("sync", "wal"), ("type", "delete")])
def test_kills_land(name: str, journal: str, tmp_path: Path) -> None:
    """Processes that are killed at a moment that a number stands for leave files with which the command can be done again."""
    with watched() as calls:
        assert kill_some(name, journal, 0, 6, tmp_path / "scene", calls)[0] >= 3


@pytest.mark.parametrize("journal", JOURNALS)
def test_who_dies_at_one_moment_leaves_the_same(journal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What processes leave that die at one call is the same byte by byte, and looked at once; at another call it is something else."""
    told: list[str] = []
    check = Trials.check
    with watched() as calls, closing(Killing("fold", journal, tmp_path / "scene", calls)) as killing:
        monkeypatch.setattr(killing, "_moments", [(at, torn) for at in (5, 9) for torn in (False, True)])
        monkeypatch.setattr(Trials, "check", lambda *a, **k: (told.append(a[1]), check(*a, **k)))
        for number in (1, 3, 5, 7, 9, 11, 13, 15):
            killing.kill(number)
        assert killing.landed == 8
        assert 2 <= len(killing.states) == len(told) <= 4


def test_what_is_wrong_after_a_kill_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill after which the files are not as they should be is told by its number."""
    monkeypatch.setattr(scenes.Scene, "left_over", lambda _: [])
    real = Trials.check

    def spoiled(trials: Trials, told: str, *, tidy: bool = True, anew: bool = False) -> None:
        trials.wanted = {"app.db": []}
        real(trials, told, tidy=tidy, anew=anew)

    monkeypatch.setattr(killing.Trials, "check", spoiled)
    with watched() as calls, pytest.raises(AssertionError, match="name wal, kill 7"):
        kill_some("name", "wal", 7, 1, tmp_path / "scene", calls)


def test_kills_end_once_there_were_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many of each command are made on a tree, whatever other trees had, and no more."""
    made = Counter[str]()

    def kill(name: str, *_: object) -> tuple[int, int]:
        made[name] += 1
        return 200, 1

    monkeypatch.setattr(killing, "kill_some", kill)
    monkeypatch.setattr(killing, "commit", lambda: "this")
    ledger = tmp_path / "kills.json"
    Ledger(ledger).note("this", "fold wal", 0, 250, clean=True, count=500)
    Ledger(ledger).note("another", "name wal", 0, 250, clean=True, count=5_000)
    words = ["killing", "--file", str(ledger), "--only", "fold", "--only", "name", "--each", "600", "--seconds", "60"]
    monkeypatch.setattr("sys.argv", words)
    assert killing.main() == 0
    assert made == {"name": 3, "fold": 1}
    assert killing.main() == 0
    assert made.total() == 4


def test_failing_calls_add_up(tmp_path: Path) -> None:
    """What was let fail on a tree is not let fail again there, and is known to the next run."""
    trials = Trials(scenes.make("name", tmp_path / "scene", "delete"))
    progress = Progress(tmp_path / "faults.json", "tree")
    case = progress.found.setdefault("name delete", {})
    with watched() as calls:
        go_on(case, trials, calls, time.monotonic() + 0.3)
        progress.keep()
        after = {kind: [*place] for kind, place in case.items()}
        assert case.keys() == KINDS.keys() and sum(count for _, count in case.values()) == trials.injected > 0
        again = Progress(tmp_path / "faults.json", "tree").found["name delete"]
        assert again == after
        go_on(again, trials, calls, time.monotonic() + 0.3)
        assert sum(count for _, count in again.values()) == trials.injected
    assert Progress(tmp_path / "faults.json", "another").found == {}


def test_nobody_sleeps() -> None:
    """While calls are watched, SQLite does not sleep; afterwards it does as before."""
    sleeps = [[one["xSleep"] for one in apsw.vfs_details() if one["zName"] == "unix"]]
    with watched():
        sleeps.append([one["xSleep"] for one in apsw.vfs_details() if one["zName"] == "unix"])
    sleeps.append([one["xSleep"] for one in apsw.vfs_details() if one["zName"] == "unix"])
    assert sleeps[0] == sleeps[2] != sleeps[1]
