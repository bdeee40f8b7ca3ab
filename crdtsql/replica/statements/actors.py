"""Actors: say who writes to a file, for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crdtsql.replica.session import Session
from crdtsql.replica.turns import verb
from crdtsql.store import Actor, acting


class Actors(Session):
    """Say as whom writes count."""

    _blocks: tuple[Actor, ...] = ()

    @contextmanager
    def acting_as(
        self,
        actor: str,
        *,
        session: str | None = None,
        run: str | None = None,
        note: str | None = None,
        inside: Actor | None = None,
    ) -> Iterator[None]:
        """Let what is written to the file in a block count as an actor's, whatever program writes it.

        Afterwards it counts as the actor's of the block around this one, else as nobody's; if somebody else has said who writes
        since, that stays. It holds for the file: of two blocks at the same time the later one counts. Inside a transaction of the
        caller's nobody else writes meanwhile. `blame`, `conflicts`, `log` and `held` tell it, here and on all replicas.

        Args:
            actor, session, run: names of up to 200 characters.
            note: up to 2,000 characters.
            inside: who acts around the block, where another process said so, and goes on until this one has ended.

        Raises:
            UsageError: a name is empty or too long.
        """
        own, blocks = Actor(actor, session, run, note), self._blocks
        around = blocks[-1] if blocks else inside
        self._act(own)
        self._blocks = (*blocks, own)
        try:
            yield
        finally:
            self._blocks = blocks
            self._act(around, after=own)

    @verb
    def acting(self) -> Actor | None:
        """Return as whom writes to the file count now, None if nobody has said so."""
        with self._explained():
            self.registry.require()
            return acting.acting(self.connection)

    @verb
    def _act(self, actor: Actor | None, after: Actor | None = None) -> None:
        """Say who acts from now on; `after` somebody only if that one still does."""
        if actor is not None:
            actor.check()
        with self._explained():
            self.registry.require()
            with self._writing():
                if after is not None and acting.acting(self.connection) != after:
                    return
                acting.end(self.connection)
                if actor is not None:
                    acting.begin(self.connection, actor)
