"""Every call that a command makes of the operating system fails once, and for good from then on.

The command says so in one line of ours, or does without; the files are sound; the same command does its work once nothing fails, and what
comes of it is what comes of it without any fault. `CRDTSQL_FAULTS=1` tries every call; else some are chosen, always the same ones.
"""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from crdtsql.ui.cli import cli
from tests.machines.faults import scenes
from tests.machines.faults.calls import KINDS, UNIX, Calls, Plan, watched
from tests.machines.faults.scenes import SCENES, Content, Scene

ALL = os.environ.get("CRDTSQL_FAULTS") == "1"
SAMPLE, STRIDE = 4, 60
JOURNALS = ("delete", "wal")
CASES = [(name, journal) for n, name in enumerate(SCENES) for journal in (JOURNALS if ALL else JOURNALS[n % 2 :][:1])]
FAILED, LOCKED = 1, 4
_OF_PYTHON = "returned a result with an exception set"
"""What apsw says where a sync fails at the end of a backup, because what fails it is an exception in Python; SQLite's own has none."""
pytestmark = pytest.mark.skipif(not UNIX, reason="SQLite's system calls are replaced on Linux only")


def run(words: list[str]) -> Result:
    """Run a command in this process, without waiting for locks."""
    return CliRunner().invoke(cli, [*words, *(["--lock-timeout", "0"] if words[0] != "doctor" else [])])


def refusal(result: Result) -> str:
    """Return why a command failed: one line of ours; "" if it did not."""
    told = result.stderr.strip()
    raised = "".join(traceback.format_exception(*result.exc_info)) if result.exc_info else ""
    assert result.exit_code in (0, FAILED, LOCKED), f"{told}\n{raised}"
    if result.exit_code == 0:
        return ""
    lines = [line for line in told.splitlines() if not line.startswith("crdtsql: ")]
    assert len(lines) == 1, told
    assert lines[0].startswith("Error: "), told
    if _OF_PYTHON not in told:
        assert "fault in crdtsql itself" not in told, f"{told}\n{raised}"
    return lines[0]


class Trials:
    """The trials of one command on one kind of file."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.injected = 0
        self.before = scene.content()
        self.doctor = self._doctor()
        scene.bring_back()
        assert refusal(run(scene.words)) == ""
        self.wanted = scene.content()
        assert self.wanted != self.before
        assert self._doctor() in (0, self.doctor)
        self._sound = [self.wanted]

    def _doctor(self) -> int:
        return run(["doctor", self.scene.database]).exit_code

    def try_out(self, calls: Calls, kind: str, at: int) -> bool:
        """Let a call fail, once, and then for good; tell whether there was one so late.

        Where no such call followed the one that failed, nothing else comes of it if all later ones fail.
        """
        for for_good in (False, True):
            plan = Plan(KINDS[kind], at, for_good)
            try:
                self.try_with(calls.following(plan), plan)
            except AssertionError as error:
                raise AssertionError(f"{kind} {at}{' and all later ones' if for_good else ''}: {error}") from error
            self.injected += plan.hits > 0
            if not plan.hits or plan.counts[""] == at:
                break
        return bool(plan.hits)

    def try_with(self, trouble: AbstractContextManager[object], plan: Plan | None = None) -> str:
        """Run the command while there is trouble; return why it failed. With a plan of which nothing came, nothing is looked at."""
        self.scene.bring_back()
        before = apsw.connections()  # the tests before may have left some
        with trouble:
            result = run(self.scene.words)
        if plan is not None and not plan.hits:
            return ""
        told = refusal(result)
        left = [one.filename for one in apsw.connections() if not any(one is other for other in before)]
        assert not left, f"connections stay open: {left}"
        if not told or not self.scene.is_untouched():
            self.check(told)
        return told

    def check(self, told: str, *, tidy: bool = True, anew: bool = False) -> None:
        """Check files that are not as they were, after a command that ended well, or said why not; only one that was killed is not tidy.

        The command is done again where the files hold what they held after no trial before, or, with `anew`, where it has not ended.
        """
        found = self.scene.content()
        if not told:
            assert found == self.wanted, self._differs(found)
        assert not tidy or self.scene.left_over() == []
        if found == self.wanted or (found in self._sound and not anew):
            return
        assert self._doctor() in (0, self.doctor), "doctor"
        self._without_output(found)
        assert refusal(run(self.scene.words)) == "", "the command can't be done again"
        after = self.scene.content()
        assert after == self.wanted, self._differs(after)
        assert self._doctor() in (0, self.doctor), "doctor, after the command was done again"
        if not anew:
            self._sound.append(found)

    def _differs(self, found: dict[str, Content]) -> str:
        """Say in what files differ from what they should hold."""
        named = [(name, row) for files in (found, self.wanted) for name, rows in files.items() for row in rows]
        return repr([one for one in named if named.count(one) % 2][:10])

    def _without_output(self, found: dict[str, Content]) -> None:
        """Take away what a command has written to a new file, which must be whole; a clone is not written over another one."""
        output = self.scene.folder / self.scene.output
        if self.scene.output and output.exists():
            assert found[self.scene.output] == self.wanted[self.scene.output]
            output.unlink()


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Have SQLite call ours."""
    with watched() as found:
        yield found


@pytest.mark.parametrize(("name", "journal"), CASES)
def test_a_call_that_fails_spoils_nothing(
    name: str, journal: str, tmp_path: Path, calls: Calls, record_property: pytest.Recorder
) -> None:
    """Whichever call fails, the command says so in one line or does without, and doing it again comes to the same as if none had."""
    scene = scenes.make(name, tmp_path / "scene", journal)
    trials = Trials(scene)
    choice = random.Random(f"{name} {journal}")
    for kind in KINDS if ALL else choice.sample([*KINDS], SAMPLE):
        at = 1
        while trials.try_out(calls, kind, at):
            at += 1 if ALL else choice.randint(1, STRIDE)
    record_property("faults", trials.injected)
    with open(os.environ.get("CRDTSQL_FAULTS_LOG", os.devnull), "a", encoding="utf-8") as log:
        log.write(f"{name} {journal} {trials.injected}\n")
