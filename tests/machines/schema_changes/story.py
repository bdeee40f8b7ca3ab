"""A history that fails tells what led there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from crdtsql import Replica


@contextmanager
def told(seed: int, story: Sequence[str], replicas: Sequence[Replica]) -> Iterator[None]:
    """Run a history in a block: a failure has its seed and story, and the replicas are closed in the end."""
    try:
        yield
    except Exception as error:
        steps = "\n".join(story)
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\n{steps}") from error
    finally:
        for replica in replicas:
            replica.close()
