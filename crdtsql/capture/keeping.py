"""Keeping: what the triggers of a table with a history keep, and those that let no program change a history (decision 0051)."""

from __future__ import annotations

from collections.abc import Iterator

from crdtsql.base import EMPTY, Sql, fragment, identifier, integer, joined, naming, sql, suggest, text, verbatim
from crdtsql.store import Field, Table


def keep(table: Table, changes: dict[Field, Sql]) -> Sql:
    """Let an update keep the values that it replaces, of a table with a history.

    Args:
        changes: the columns, each with what tells whether the update writes it.
    """
    if table.history is None:
        return EMPTY
    by_part: dict[int, list[tuple[Field, Sql]]] = {}
    for field, changed in changes.items():
        by_part.setdefault(naming.replaced(field.id)[0], []).append((field, changed))
    kept = [_keep_part(part, found, whole=len(by_part) == 1) for part, found in by_part.items()]
    return Sql("".join(f"\n  {one};" for one in kept))


def _keep_part(part: int, changes: list[tuple[Field, Sql]], *, whole: bool) -> Sql:
    slots = {
        "part": integer(part),
        "columns": joined(naming.replaced(field.id)[1] for field, _ in changes),
        "values": joined(
            Sql(f"CASE WHEN {changed} THEN OLD.{identifier(field.name)} END") for field, changed in changes
        ),
    }
    if whole:
        return fragment("capture/keeping/keep_all", **slots)
    seq = Sql("(SELECT max(seq) FROM _crdt_log)")
    return fragment(
        "capture/keeping/keep", seq=seq, any_changed=joined((changed for _, changed in changes), "\n  OR "), **slots
    )


def refusing_triggers(table: Table) -> Iterator[str]:
    """Yield the triggers that let no program change a history, or take something out of it."""
    message = text(
        f'crdtsql: "{table.name}" is a history, to which crdtsql alone adds: {suggest.verb("history")} says how long it is kept, '
        f"{suggest.verb('purge')} takes the values of a deleted row out of it"
    )
    for event in ("update", "delete"):
        yield sql(
            "capture/keeping/trigger_history",
            trigger=identifier(naming.trigger(table.name, f"kept_{event}")),
            event=verbatim(event.upper()),
            table=table.quoted,
            message=message,
        )
