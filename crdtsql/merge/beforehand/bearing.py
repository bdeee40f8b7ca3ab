"""Bearing of a changeset: can what arrived change which rows are held? The rule is that of `shown/bearing.py`. Only reads."""

from __future__ import annotations

from crdtsql.base import Sql, fragment, joined, query, rendered, sql
from crdtsql.merge.arrival import Arrival
from crdtsql.shown import Scene, bearing
from crdtsql.store import Field


def bears(scene: Scene, arrival: Arrival) -> bool:
    """Tell whether the rows of a changeset may have a bearing; the sites of the changeset are mapped, and nothing was merged yet."""
    fields = bearing.constrained(scene, arrival.table)
    adopts = arrival.table.genesis is None and arrival.header.genesis is not None
    if fields is None or adopts:
        return True
    return query.first(scene.connection, _find_bearing(arrival, tuple(fields))) is not None


@rendered
def _find_bearing(arrival: Arrival, fields: tuple[Field, ...]) -> str:
    sent = [
        fragment("merge/beforehand/bearing/is_sent", word=pair.sent["word"], bit=pair.sent["incoming_bit"])
        for pair in arrival.pairs
        if pair.field in fields
    ]
    return sql(
        "merge/beforehand/bearing/incoming",
        clock=arrival.table.clock,
        clock_is_incoming=arrival.table.same_keys("clock", "incoming"),
        or_sent=joined((Sql(f" OR {one}") for one in sent), ""),
        **arrival.image_slots,
    )
