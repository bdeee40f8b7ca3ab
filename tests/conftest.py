"""What every test has: a folder in memory, and a state directory of its own, so that none sees the notes of another or of this user."""

from __future__ import annotations

import gc
import os
from itertools import count
from pathlib import Path

import pytest

from tests.support import library

MEMORY = Path("/dev/shm")
FOLDER = Path(__file__).parent
LONG = (
    "machines/simulation/constrained/test_constrained.py",
    "machines/simulation/test_stateful.py",
    "merge/test_policies.py",
    "machines/compaction/test_compaction.py",
    "programs/test_programs.py",
    "fold/test_retype.py",
    "evolve/test_tampering.py",
    "capture/test_shapes.py",
    "machines/schema_changes/test_random.py",
    "machines/crash/test_kill.py",
    "machines/crash/test_kill_compaction.py",
    "machines/property/test_merge_laws.py",
    "programs/test_orders.py",
    "machines/faults/test_faults.py",
    "machines/faults/test_kills.py",
    "machines/faults/test_shortage.py",
    "machines/fuzz/test_passing.py",
    "machines/numbers/test_random.py",
    "fold/test_homomorphism.py",
    "machines/simulation/constrained/test_any_verb.py",
    "numbers/test_meant.py",
    "machines/property/test_purges.py",
    "store/test_waiting.py",
    "machines/property/test_random_statements.py",
    "machines/schema_versions/test_random.py",
    "machines/carry/test_convergence.py",
    "machines/stores/test_random.py",
    "machines/numbers/test_random_deletes.py",
    "machines/numbers/test_random_references.py",
    "rejoin/test_random.py",
    "rejoin/test_random_compaction.py",
    "machines/property/test_values.py",
    "machines/property/test_edges.py",
    "machines/property/test_memory.py",
    "machines/oracle/test_shown_properties.py",
    "machines/fuzz/test_fuzz.py",
    "machines/fuzz/test_parts.py",
    "machines/numbers/test_random_blocks.py",
    "machines/crash/test_kill_transfers.py",
    "types/test_elements.py",
    "programs/test_django.py",
    "replica/test_concurrent_writers.py",
    "transports/http/test_faults.py",
    "machines/busy/test_crowd.py",
)
"""The files of which each takes so long that `make test` leaves them to `make long`: random histories, kills,
faults, and the same with many schemas."""
LONGEST = (
    *LONG,
    "docs/test_documents.py",
    "docs/test_examples.py",
    "ui/test_terminal.py",
    "numbers/test_foretold.py",
    "capture/test_derived.py",
    "capture/test_statement_matrix.py",
    "docs/test_types_page.py",
    "types/test_typed_capture.py",
    "types/test_celltypes.py",
    "merge/test_conflict_clauses.py",
    "ui/test_cli.py",
    "ui/test_interrupts.py",
    "interop/test_old_sqlite.py",
    "ui/test_conflicts.py",
    "numbers/test_numbers.py",
    "conflicts/test_conflicts.py",
    "ui/test_wrong_names.py",
    "programs/test_chinook.py",
    "evolve/test_alter.py",
    "shown/test_moved.py",
    "wire/test_hostile_image.py",
    "programs/test_sqlalchemy.py",
)
"""The files that take longest come first, or one core would have nothing to do while the other one runs the last of them."""
NUMBERS = count(1)


def pytest_configure() -> None:
    """Let `tmp_path` be in memory if the machine has that: every small commit waits for a disk; whoever needs one asks for it."""
    library.prepare()
    if os.access(MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and mark those that `make test` leaves out."""
    places = {FOLDER / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if places.get(item.path, len(places)) < len(LONG):
            item.add_marker(pytest.mark.long)


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of every garbage collection to come."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_state_directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name a folder that is not there yet; most tests never have it made."""
    if "tmp_path" in request.fixturenames:
        own = request.getfixturevalue("tmp_path") / "state"
    else:
        own = tmp_path_factory.getbasetemp() / f"state {next(NUMBERS)}"
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(own))
    monkeypatch.delenv("CRDTSQL_REPLICA_ID", raising=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Have one worker more than there are cores: tests that wait for a disk, a server or another process leave a core idle."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1
