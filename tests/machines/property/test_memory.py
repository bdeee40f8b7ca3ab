"""What is kept of a file's schema and of our tables is what would be read anew, at every moment of random histories."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from crdtsql.base import memory
from tests.machines.schema_changes import histories as schema_changes
from tests.machines.schema_changes import unseen
from tests.machines.simulation import histories
from tests.support import seeds
from tests.support.peers import fast_directory


class Watching(dict[Any, Any]):
    """Answers that are read anew each time, and compared with those that were kept."""

    def __contains__(self, key: object) -> bool:
        return False

    def __setitem__(self, key: Any, value: Any) -> None:
        if super().__contains__(key):
            assert self[key] == value, f"{key} was kept, and is another one now"
        super().__setitem__(key, value)


class WatchingContent(Watching):
    """The same for answers that are kept with the version of what they were read from."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self and self[key][0] == value[0]:
            super().__setitem__(key, value)
        dict.__setitem__(self, key, value)


class WatchingStates(dict[Any, Any]):
    """The same for answers that are kept with the state of our tables."""

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def __setitem__(self, key: Any, value: Any) -> None:
        if dict.__contains__(self, key) and self[key][0] == value[0]:
            assert self[key][1] == value[1], f"{key} was kept, and is another one now"
        dict.__setitem__(self, key, value)


@pytest.fixture(autouse=True)
def watching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all that is kept compared."""
    kept = memory._Memory
    watched = {"schema": Watching, "rows": Watching, "states": WatchingStates, "content": WatchingContent}
    monkeypatch.setattr(memory, "_Memory", lambda: kept(**{name: kind() for name, kind in watched.items()}))


SEEDS = seeds.chosen(2, "CRDTSQL_MEMORY_SEEDS")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("constrained", [False, True])
def test_histories(seed: int, constrained: bool) -> None:
    """Random histories, of tables with constraints or without, meet nothing that was kept too long."""
    result = histories.run(seed, constrained=constrained)
    assert not result.failure, result.failure


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [schema_changes, unseen], ids=["seen", "unseen"])
def test_histories_of_schema_changes(seed: int, kind: ModuleType) -> None:
    """Nor do random schema changes."""
    with fast_directory() as folder:
        kind.run(seed, folder)
