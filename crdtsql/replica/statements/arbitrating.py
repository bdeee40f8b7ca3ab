"""Arbitrating: the verb that has a program, or a model, answer open conflicts, one after the other, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from crdtsql.base import ConflictError, CrdtsqlError
from crdtsql.replica.answers import UNSET
from crdtsql.replica.statements.executing import Executing
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.conflicts import Answer, ArbitrateReport, Conflict


class Arbitrating(Executing):
    """Have conflicts answered."""

    def arbitrate(
        self,
        answer: Callable[[Conflict], Mapping[str, Any]],
        *,
        table: str | None = None,
        column: str | None = None,
        site: str | None = None,
        most_per_day: int | None = None,
        retry: bool = False,
        dry_run: bool = False,
        go_on: Callable[[], bool] | None = None,
    ) -> ArbitrateReport:
        """Ask a function about each open conflict, and do as it says, each in a transaction of its own; none is asked about twice.

        That holds also if the process is killed at any moment: what is to be asked is noted before, and what was answered before it is
        carried out. Nothing is locked while the function runs. If it raises, or answers something else, nothing is changed, and it
        is in the report. Run it on one replica alone: others do not know about what was asked here.

        Args:
            answer: gets a conflict, and returns {"take": "ours"}, {"take": "theirs"}, {"value": ...} (as JSON) or {"skip": True}.
            table, column, site: only conflicts that fit, as in `conflicts`.
            most_per_day: ask at most so many times in 24 hours, those of earlier calls on this file counted.
            retry: ask again about those that it skipped, or that failed or were interrupted.
            dry_run: ask, and say what was answered, but note nothing and change nothing.
            go_on: is called before each of them; what is left is left for later if it returns False.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: no table has such a column, or no such site is known here.
            ClaimedError: `go_on` raised it, as it does where somebody else is the arbiter by now.
        """
        from crdtsql.conflicts import ArbitrateReport

        report = ArbitrateReport(dry_run=dry_run)
        for conflict in self._open(table, column, site):
            if go_on is not None and not go_on():
                break
            state, kept = self._begin(conflict, most_per_day, retry=retry, dry_run=dry_run)
            if state == "left":
                report.left.append(conflict.id)
            elif state == "spent":
                report.spent = True
                break
            elif state != "closed":
                self._settle(conflict, answer, kept, report)
        return report

    def _settle(
        self,
        conflict: Conflict,
        answer: Callable[[Conflict], Mapping[str, Any]],
        kept: str | None,
        report: ArbitrateReport,
    ) -> None:
        """Ask about a conflict, unless an answer is kept, and carry it out."""
        from crdtsql.conflicts import arbitrated

        try:
            if kept is None:
                report.asked += 1
                found = answer(conflict)
                decision = arbitrated.read_answer(found)
                if report.dry_run:
                    report.answers[conflict.id] = found
                    return
                self._note(conflict, arbitrated.ANSWERED if decision else arbitrated.SKIPPED, arbitrated.written(found))
            else:
                decision = arbitrated.read_written(kept)
            if decision is None:
                report.skipped.append(conflict.id)
                return
            self._carry_out(conflict, decision)
            report.resolved.append(conflict.id)
            self._note(conflict, arbitrated.RESOLVED, None)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the answer, it is named and changes nothing
            named = error if isinstance(error, CrdtsqlError) else ConflictError(_says(conflict, error))
            report.failed[conflict.id] = named
            if not report.dry_run:
                self._note(conflict, arbitrated.FAILED, str(named)[:2000])

    def _carry_out(self, conflict: Conflict, decision: Answer) -> None:
        value = UNSET if decision.take is not None else decision.value
        self.resolve(conflict.id, decision.take, value=value, seen=conflict)

    @verb
    def _open(self, table: str | None, column: str | None, site: str | None) -> list[Conflict]:
        from crdtsql.conflicts import Selection, select

        with self._folded(strict=False):
            found = select(self.registry, Selection(table, column, site, open_only=True))
        return [conflict for conflict in found if not conflict.deleted]

    @verb
    def _begin(self, conflict: Conflict, most: int | None, *, retry: bool, dry_run: bool) -> tuple[str, str | None]:
        """Note that a program is going to be asked about a conflict; return whether it is, and the answer that is kept, if one is."""
        from crdtsql.conflicts import arbitrated, conflict_log

        if dry_run:
            return "ask", None
        with self._changing(strict=False):
            arbitrated.set_up(self.registry)
            if conflict_log.find(self.registry, conflict.id).resolved:
                return "closed", None  # together with another one of its cell
            known = arbitrated.known(self.registry, conflict)
            if known is not None and known.state == arbitrated.ANSWERED:
                return "answered", known.answer
            if known is not None and not retry:
                return "left", None
            now_ms = self._now()
            if most is not None and arbitrated.asked_since(self.registry, now_ms - arbitrated.DAY_MS) >= most:
                return "spent", None
            arbitrated.note(self.registry, conflict, arbitrated.ASKED, None, now_ms)
            return "ask", None

    @verb
    def _note(self, conflict: Conflict, state: str, answer: str | None) -> None:
        from crdtsql.conflicts import arbitrated

        with self._changing(strict=False):
            arbitrated.note(self.registry, conflict, state, answer, self._now())


def _says(conflict: Conflict, error: Exception) -> str:
    return (
        f"conflict {conflict.id} is left as it was: answer one of {{'take': 'ours'}}, {{'take': 'theirs'}}, {{'value': ...}} and "
        f"{{'skip': True}} ({type(error).__name__}: {error})"
    )
