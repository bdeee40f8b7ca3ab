"""Steps: the modules of the steps around a verb, which no command that only looks needs."""

from __future__ import annotations


def load() -> None:
    """Import them: not before a file is to be written, and not while it is locked, or other programs would wait for that."""
    from crdtsql.capture import views  # noqa: F401
    from crdtsql.evolve import drift  # noqa: F401
    from crdtsql.fold import fold  # noqa: F401
    from crdtsql.numbers import blocks, foretelling  # noqa: F401
    from crdtsql.store import Book, Folded  # noqa: F401
