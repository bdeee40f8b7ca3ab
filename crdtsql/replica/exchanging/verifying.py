"""Verifying: the steps of comparing what two replicas hold, and of writing anew what differs, on one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crdtsql.base import memory, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.turns import verb
from crdtsql.store import names

if TYPE_CHECKING:
    from crdtsql.verify import Apart, Mended, RowDifference


class Verifying(Session):
    """The steps of a comparison, on one side."""

    @verb
    def content(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question about what this replica holds, as another one asks that compares itself with it.

        Raises:
            UsageError: it is none.
        """
        from crdtsql.verify import answer

        with self._folded(strict=False):
            return answer(self.registry, question)

    @verb
    def differing(self) -> dict[str, Apart]:
        """Return the replicas that have the same changes as this one and other rows, as far as that was noticed and not mended."""
        from crdtsql.verify import apart

        with self._explained():
            return memory.of_content(self.connection, "differing", lambda: apart.read(self.registry))

    @verb
    def note_differing(self, site: str, rows: Mapping[str, int], *, told: bool = False) -> None:
        """Note, and say, that another replica has the same changes and other rows; no rows for none, or none any more.

        Args:
            rows: table -> how many rows differ.
            told: the other replica says so. That is believed only of sites and tables that are known here, and not against what was
                found here.
        """
        from crdtsql.verify import apart

        with self._explained():
            before = apart.read(self.registry).get(site)
            known = {one.hex() for _, one, _ in self.registry.sites()}
            here = {table.name for table in self.registry.tables()}
        counted = {name: count for name, count in rows.items() if count > 0 and name in here}
        if site not in known or counted == (before.rows if before else {}) or (told and before and not before.told):
            return
        with self._writing():
            found = apart.Apart(self._now(), told, counted) if counted else None
            apart.note(self.registry, site, found)
            if found is not None:
                self._unsaid.append(
                    f"{self.path} and the replica {names.call(self.registry, bytes.fromhex(site))} have the same changes, but not the "
                    f"same rows ({found}): one of them was damaged, or was told something wrong; {suggest.verb('verify')} with "
                    "--repair mends that"
                )

    @verb
    def mend(self, differences: Sequence[RowDifference], their_site: str, *, take: str | None = None) -> Mended:
        """Write rows anew in which another replica differs that has the same changes, so that a sync makes both equal.

        Args:
            their_site: the other replica's site.
            take: `ours` or `theirs`: what counts where stamps don't say which value is right.
        """
        from crdtsql.verify import mend

        with self._changing():
            return mend(self.registry, differences, their_site, take)
