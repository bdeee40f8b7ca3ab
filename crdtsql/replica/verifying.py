"""Verifying: the steps of comparing what two replicas hold, and of writing anew what differs, on one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crdtsql.replica.session import Session
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.verify import Mended, RowDifference


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
    def mend(self, differences: Sequence[RowDifference], their_site: str, *, take: str | None = None) -> Mended:
        """Write rows anew in which another replica differs that has the same changes, so that a sync makes both equal.

        Args:
            their_site: the other replica's site.
            take: `ours` or `theirs`: what counts where stamps don't say which value is right.
        """
        from crdtsql.verify import mend

        with self._changing():
            return mend(self.registry, differences, their_site, take)
