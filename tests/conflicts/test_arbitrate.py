"""Arbitration: a program answers open conflicts as they come, each once whatever happens, and what it does wrong changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.conflicts import Conflict
from tests.support import hub, peers
from tests.support.command import ok, run, start
from tests.support.peers import read, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, n CHECK (n < 100))"
THEIRS = {"take": "theirs"}


@pytest.fixture
def clock() -> peers.Clock:
    """Give a clock that a test sets."""
    return peers.Clock(step=1)


@pytest.fixture
def pair(tmp_path: Path, clock: peers.Clock) -> tuple[Replica, Replica]:
    """Give two replicas that have nothing open."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, site=1, now=clock)
    other = peers.replica(tmp_path / "2.db", SCHEMA, site=2, now=clock)
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 1), ('b', 'x', 1), ('c', 'x', 1)")
    sync(one, other)
    return one, other


def collide(one: Replica, other: Replica, *rows: str, column: str = "title") -> None:
    """Write rows on both sides without knowing of each other, and sync."""
    for each, value in ((one, 5), (other, 6)):
        for row in rows:
            write(each, f"UPDATE task SET {column} = {value} WHERE id = '{row}'")
    sync(one, other)


class Asked:
    """Answers, and counts who was asked about."""

    def __init__(self, answer: Any = THEIRS) -> None:
        self.answer = answer
        self.about: list[tuple[Any, ...]] = []

    def __call__(self, conflict: Conflict) -> Mapping[str, Any]:
        self.about.append((*conflict.key, conflict.column))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(conflict) if callable(self.answer) else self.answer


def test_each_once(pair: tuple[Replica, Replica]) -> None:
    """Each open conflict is asked about once, and resolved on all replicas; those that come later are asked about when they are there."""
    one, other = pair
    collide(one, other, "a", "b")
    asked = Asked(lambda conflict: {"value": f"{conflict.ours} and {conflict.theirs}"})
    report = one.arbitrate(asked)
    assert (len(report.resolved), report.asked, asked.about) == (2, 2, [("a", "title"), ("b", "title")])
    sync(one, other)
    assert {title for (title,) in read(other, "SELECT title FROM task WHERE id < 'c'")} <= {"5 and 6", "6 and 5"}
    assert not one.conflicts(open_only=True) and one.arbitrate(asked).asked == 0
    collide(one, other, "c")
    assert one.arbitrate(asked).resolved and len(asked.about) == 3


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("no idea"),
        "theirs",
        {"take": "mine"},
        {},
        None,
        {"value": {"blob": 7}},
        {"take": "ours", "value": 1},
        {"value": 1000},
    ],
)
def test_what_it_does_wrong(pair: tuple[Replica, Replica], answer: Any) -> None:
    """A program that fails, answers something else, or what the table does not take changes nothing, is named, and not asked again."""
    one, other = pair
    collide(one, other, "a", column="n")
    before = read(one, "SELECT * FROM task")
    asked = Asked(answer)
    report = one.arbitrate(asked)
    assert (len(report.failed), report.resolved, read(one, "SELECT * FROM task")) == (1, [], before)
    (number,) = report.failed
    assert isinstance(report.failed[number], errors.CrdtsqlError) and json.dumps(report.to_json())
    assert one.arbitrate(asked).left == [number] and len(asked.about) == 1
    assert one.arbitrate(Asked(), retry=True).resolved == [number]


def test_what_it_skips(pair: tuple[Replica, Replica]) -> None:
    """What it leaves for later stays open, and is asked about again only with `retry`."""
    one, other = pair
    collide(one, other, "a", "b")
    asked = Asked({"skip": True})
    assert len(one.arbitrate(asked).skipped) == 2 and len(one.arbitrate(asked).left) == 2
    assert len(asked.about) == 2 and len(one.arbitrate(asked, retry=True).skipped) == 2


def test_a_dry_run(pair: tuple[Replica, Replica]) -> None:
    """A dry run asks and says what was answered; the file stays as it is, and the next run asks."""
    one, other = pair
    collide(one, other, "a")
    before = one.connection.serialize("main")
    report = one.arbitrate(Asked(), dry_run=True)
    assert (
        list(report.answers.values()) == [THEIRS] and not report.resolved and one.connection.serialize("main") == before
    )
    assert one.arbitrate(Asked()).resolved


def test_a_cell_that_is_written_meanwhile(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """What somebody writes while it is asked is not overwritten."""
    one, other = pair
    collide(one, other, "a")

    def slow(_: Conflict) -> Mapping[str, Any]:
        write(tmp_path / "1.db", "UPDATE task SET title = 'by hand' WHERE id = 'a'")
        return THEIRS

    report = one.arbitrate(slow)
    assert len(report.failed) == 1 and not report.resolved
    assert read(one, "SELECT title FROM task WHERE id = 'a'") == [("by hand",)]


def test_a_cell_that_a_merge_changes_meanwhile(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """What comes in from a third replica while it is asked is not overwritten by an answer that did not know of it."""
    one, other = pair
    with other.clone(tmp_path / "3.db") as third:
        collide(one, other, "a")
        write(third, "UPDATE task SET title = 'newest' WHERE id = 'a'")

        def slow(_: Conflict) -> Mapping[str, Any]:
            sync(one, third)
            return {"value": "of the program"}

        report = one.arbitrate(slow)
        assert len(report.failed) == 1 and not report.resolved
        assert read(one, "SELECT title FROM task WHERE id = 'a'") == [("newest",)]


def test_two_conflicts_of_one_cell(pair: tuple[Replica, Replica], tmp_path: Path, clock: peers.Clock) -> None:
    """Of several conflicts of one cell the first answer resolves all, and no more are asked about."""
    one, other = pair
    with other.clone(tmp_path / "3.db") as third:
        for each, value in ((one, 5), (other, 6), (third, 7)):
            write(each, f"UPDATE task SET title = {value} WHERE id = 'a'")
        sync(one, other)
        sync(one, third)
        assert len(one.conflicts(open_only=True)) == 2
        asked = Asked({"value": "all"})
        report = one.arbitrate(asked)
        assert (report.asked, len(asked.about), len(report.resolved)) == (1, 1, 1)


def test_a_budget(pair: tuple[Replica, Replica], clock: peers.Clock) -> None:
    """Within 24 hours no more are asked about than may be, those of earlier calls counted; `go_on` ends it too."""
    one, other = pair
    collide(one, other, "a", "b", "c")
    report = one.arbitrate(Asked(), most_per_day=2)
    assert (report.asked, report.spent) == (2, True)
    assert one.arbitrate(Asked(), most_per_day=2).asked == 0
    assert one.arbitrate(Asked(), go_on=lambda: False).asked == 0
    clock.ms += 24 * 3600 * 1000 + 10
    assert one.arbitrate(Asked(), most_per_day=2).asked == 1


class Killed(BaseException):
    """What ends a process."""


@pytest.mark.parametrize("moment", ["asked", "answered", "resolved"])
def test_a_process_that_ends_at_any_moment(
    pair: tuple[Replica, Replica], moment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is asked about twice, wherever it ends: what was answered is carried out by the next run, what was not is left and told."""
    one, other = pair
    collide(one, other, "a")
    asked = Asked(Killed() if moment == "asked" else THEIRS)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "answered":
            patch.setattr(one, "resolve", die)
        if moment == "resolved":
            note = one._note
            patch.setattr(
                one,
                "_note",
                lambda conflict, state, answer: die() if state == "resolved" else note(conflict, state, answer),
            )
        with pytest.raises(Killed):
            one.arbitrate(asked)
    one.close()
    with Replica.open(tmp_path / "1.db") as again:
        report = again.arbitrate(asked)
        assert len(asked.about) == 1
        assert (len(report.left), len(report.resolved)) == {"asked": (1, 0), "answered": (0, 1), "resolved": (0, 0)}[
            moment
        ]
        assert len(again.conflicts(open_only=True)) == (moment == "asked")


def program(folder: Path, text: str) -> str:
    """Write a program that notes each conflict that it is asked about."""
    script = folder / "arbiter.py"
    script.write_text(
        "import json, sys, time, os\nconflict = json.load(sys.stdin)\n"
        f"open({str(folder / 'asked')!r}, 'a').write(str(conflict['id']) + '\\n')\n{text}\n"
    )
    return f"{sys.executable} {script}"


def asked_in(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text().split() if path.exists() else []


def test_the_command(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """`arbitrate` resolves as the command says, names what fails, hangs or answers nonsense, and exits with 1 then."""
    one, other = pair
    collide(one, other, "a", "b", "c")
    for each in pair:
        each.close()
    path = tmp_path / "1.db"
    wrong = program(
        tmp_path,
        "{'a': lambda: sys.exit(3), 'b': lambda: time.sleep(60), 'c': lambda: print('well')}[conflict['key']]()",
    )
    said = ok("arbitrate", path, "--with", program(tmp_path, "print(json.dumps({'take': 'ours'}))"), "--dry-run")
    assert 'conflict 1 would be answered: {"take": "ours"}' in said and "nothing was changed (--dry-run)" in said
    (tmp_path / "asked").unlink()
    wrong = program(
        tmp_path,
        "{'a': lambda: sys.exit(3), 'b': lambda: time.sleep(60), 'c': lambda: print('well')}[conflict['key']]()",
    )
    done = run("arbitrate", path, "--with", wrong, "--timeout", "1")
    errors_said = done.stderr.decode()
    assert done.returncode == 1
    assert "exit code 3" in errors_said and "longer than 1 seconds" in errors_said and "not b'well" in errors_said
    assert len(asked_in(tmp_path)) == 3
    right = program(tmp_path, "print(json.dumps({'take': 'theirs'}))")
    assert json.loads(ok("arbitrate", path, "--with", right, "--json"))["left"] == [1, 2, 3]
    assert len(asked_in(tmp_path)) == 3
    assert json.loads(ok("arbitrate", path, "--with", right, "--retry", "--json"))["resolved"] == [1, 2, 3]
    assert run("arbitrate", path, "--with", right, "--watch", "--dry-run").returncode == 2


def test_watching(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """With --watch conflicts are answered as they come; a second arbiter is refused, with 3; a signal ends it, and frees the post."""
    one, other = pair
    for each in pair:
        each.close()
    path = tmp_path / "1.db"
    command = program(tmp_path, "print(json.dumps({'value': 'judged'}))")
    process = start("arbitrate", path, "--with", command, "--watch", "--json")
    try:
        hub.until(lambda: "arbiter" in ok("claims", path))
        assert run("arbitrate", path, "--with", command).returncode == 3
        with Replica.open(path) as here, Replica.open(tmp_path / "2.db") as there:
            for row in "ab":
                collide(here, there, row)
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["asked"] == 1
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert (process.returncode, said) == (0, b"")
    finally:
        process.kill()
    assert read(path, "SELECT title FROM task WHERE id < 'c'") == [("judged",)] * 2
    assert len(asked_in(tmp_path)) == 2 and "nothing is claimed" in ok("claims", path)


def test_one_that_is_killed_while_it_asks(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """An arbiter that is killed while the program runs asks about that conflict no more, and about the others."""
    one, other = pair
    collide(one, other, "a", "b")
    for each in pair:
        each.close()
    path = tmp_path / "1.db"
    words = ["--with", program(tmp_path, "time.sleep(60)"), "--timeout", "50"]
    process = subprocess.Popen(
        [sys.executable, "-m", "crdtsql", "arbitrate", str(path), *words], start_new_session=True
    )
    hub.until(lambda: asked_in(tmp_path))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ok("release", path, "arbiter", "--force")
    report = json.loads(
        ok("arbitrate", path, "--with", program(tmp_path, "print(json.dumps({'take': 'ours'}))"), "--json")
    )
    assert (report["left"], report["resolved"], asked_in(tmp_path)) == ([1], [2], ["1", "2"])


def test_a_rate(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """--rate asks no more often than that a minute, and --budget no more often than that a day."""
    one, other = pair
    collide(one, other, "a", "b", "c")
    for each in pair:
        each.close()
    command = program(tmp_path, "print(json.dumps({'skip': True}))")
    began = time.monotonic()
    report = json.loads(
        ok("arbitrate", tmp_path / "1.db", "--with", command, "--rate", "60", "--budget", "2", "--json")
    )
    assert time.monotonic() - began > 0.9 and (report["asked"], report["spent"]) == (2, True)
