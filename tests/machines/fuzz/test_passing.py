"""Slight changes of honest changesets: what is accepted of them can be passed on.

`CRDTSQL_FUZZ` says how many changesets are made, `CRDTSQL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from crdtsql import CrdtsqlError
from crdtsql.base.errors import DatabaseError
from tests.machines.fuzz import slight, test_fuzz
from tests.support import passing

KINDS = (*[slight.spoil_content] * 4, *[slight.spoil_words] * 4, *test_fuzz.KINDS)
"""By turns: a hundred changes have enough of each kind that some are refused and some are not, whatever chance brings."""
RUNS = int(os.environ.get("CRDTSQL_FUZZ", "400")) // 4
SEED = int(os.environ.get("CRDTSQL_SEED", "0")) or random.randrange(1 << 32)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> passing.Passing:
    """Give receivers, changesets for them, and those who take what they pass on."""
    os.environ["CRDTSQL_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    return passing.make()


def test_honest_changesets_are_passed_on(scene: passing.Passing) -> None:
    """What honest changesets bring is taken from the receiver by all others, whatever tables they have."""
    for image, data in scene.changesets:
        victim = passing.receiver(image)
        assert not victim.merge(data).known
        passing.check_passes_on(victim, scene)


def test_what_is_accepted_can_be_passed_on(scene: passing.Passing) -> None:
    """Whatever a stranger says is refused, or else all that the receiver exports from then on is taken by everybody."""
    outcomes: Counter[str] = Counter()
    for number in range(RUNS):
        choice = random.Random(f"{SEED}/{number}")
        kind = KINDS[number % len(KINDS)]
        image, data = choice.choice(scene.changesets)
        victim = passing.receiver(image)
        try:
            known = victim.merge(kind(choice, data)).known
            outcomes[f"{kind.__name__} accepted"] += not known
            if not known:
                passing.check_passes_on(victim, scene)
        except CrdtsqlError as error:
            assert not isinstance(error, DatabaseError), (SEED, number, error)
            outcomes[f"{kind.__name__} refused"] += 1
        except BaseException as found:
            found.add_note(
                f"repeat with CRDTSQL_SEED={SEED} CRDTSQL_FUZZ={number * 4 + 4}; {kind.__name__} number {number}"
            )
            raise
        victim.connection.close()
    if RUNS >= 100:
        named = [f"{kind} {what}" for kind in ("spoil_content", "spoil_words") for what in ("accepted", "refused")]
        assert all(outcomes[name] >= 5 for name in named), outcomes
