"""What a comparison trusts: nothing that was read before it, and of a stranger's answers only what can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import TransportError
from crdtsql.transports import Request, Response
from crdtsql.transports.observing import looks
from crdtsql.verify import digests
from tests.support import state
from tests.verify.comparing import Wire, damage, told

COLUMNS = ["n", "title", "votes"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the names of the tables that are read, as they are."""
    names: list[str] = []
    reading = digests.ContentReading

    def noted(registry: Any, table: Any, *arguments: Any, **others: Any) -> Any:
        names.append(table.name)
        return reading(registry, table, *arguments, **others)

    monkeypatch.setattr(digests, "ContentReading", noted)
    return names


def test_each_comparison_reads_all_rows(met: list[Replica], read: list[str]) -> None:
    """Both sides read their tables once in each comparison, though nobody wrote: what a disk changed, no connection tells."""
    one, other, _ = met
    for _ in range(2):
        assert one.verify(other).equal
        assert sorted(read) == sorted(["note", "pair", "tag", "task"] * 2)
        read.clear()


def test_digests_are_those_of_the_file_as_it_is(met: list[Replica], read: list[str]) -> None:
    """Between two questions a table is not read again unless somebody wrote to the file: then it is."""
    before = met[0].content({"totals": {"task": COLUMNS}})
    assert met[0].content({"totals": {"task": COLUMNS}}) == before and read == ["task"]
    damage(met[0], "UPDATE task SET title = 'bad' WHERE id = 't2'")
    assert met[0].content({"totals": {"task": COLUMNS}}) != before and read == ["task"] * 2


def test_digests_are_kept_over_one_choice_of_columns(met: list[Replica], read: list[str]) -> None:
    """Whoever asks over ever other columns fills no memory: what is kept of a table is that over which it was asked last."""
    for columns in (COLUMNS, ["n"], COLUMNS):
        met[0].content({"totals": {"task": columns}})
    assert read == ["task"] * 3


class Liar(Wire):
    """A peer whose answers about rows are changed."""

    def __init__(self, replica: Replica, lie: Callable[[str], dict[str, Any]]) -> None:
        super().__init__(replica)
        self.lie = lie

    def changed(self, request: Request, found: Response) -> Response:
        """Say something else of rows."""
        if request.question is None or "rows" not in request.question:
            return found
        content = {uid: {name: self.lie(name) for name in asked[1]} for uid, asked in request.question["rows"].items()}
        return Response(found.site, found.vector, answer={"rows": content})


@pytest.mark.parametrize("where", ["", "zz", "0" * 16, "\x1b[2J", "{}" + "g" * 12, "{}" + "0" * 13])
def test_rows_of_other_buckets_are_no_answer(met: list[Replica], where: str) -> None:
    """What a peer tells of a range must be hashes of that range; else its answer is none, and one line says so."""
    one, other, _ = met
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    with pytest.raises(TransportError, match="does not answer what it was asked"):
        one.verify(Liar(other, lambda name: {f"{name}{7:012x}": "0" * 16, where.format(name): "0" * 16}))


def test_a_peer_can_not_be_asked_for_ever(met: list[Replica]) -> None:
    """A peer that names rows without end is asked about as many as may be looked at, and no more."""
    one, other, _ = met
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    liar = Liar(other, lambda name: {f"{name}{number:012x}": "0" * 16 for number in range(3_000)})
    report = one.verify(liar, limit=250)
    assert report.more and report.differing >= 3_000 and told(report) == []
    assert report.questions < 12


@pytest.mark.parametrize(
    "mark", [{}, {"site": "0" * 32, "batch": 1, "is": "x" * 1000}, {"site": "0" * 32, "batch": "1", "is": "0" * 32}, 7]
)
def test_no_stranger_fills_what_is_kept(met: list[Replica], mark: Any) -> None:
    """What a peer calls a mark is kept only if it has the form of one: else the next comparison reads all rows."""
    one, other, _ = met

    class Marking(Wire):
        def changed(self, _request: Request, found: Response) -> Response:
            return Response(
                found.site, found.vector, found.lanes, answer=found.answer and {**found.answer, "mark": mark}
            )

    assert one.verify(Marking(other)).equal
    assert looks.read(one, "wire:") is None


SITE = "0" * 32
NO_ROWS: list[dict[str, Any]] = [
    {"key": ["t2", 1]}, {"key": []}, {"key": "t2"}, {"key": [["t2"]]}, {"key": [{"a": "b", "c": "d"}]},
    {"deleted": 1}, {"shown": None}, {"held": "no"}, {"moved": 0},
    {"born": ["x", SITE]}, {"born": ["1", "site"]}, {"born": [1, SITE]}, {"born": ["1"]}, {"born": ["9" * 30, SITE]}, {"born": None},
    {"heads": [["1", SITE]]}, {"heads": [["x", SITE, False]]}, {"heads": [["1", SITE, 1]]}, {"heads": 3}, {"heads": [["1", SITE, False]] * 5000},
    {"cells": {"title": ["bad", "1", SITE]}}, {"cells": []}, {"cells": None}, {"otherwise": {"title": 1}}, {"otherwise": 3},
]  # fmt: skip
CELLS: list[Any] = [
    ["bad", "x", SITE],
    ["bad", "1", "site"],
    [{"a": 1}, "1", SITE],
    ["bad", "1"],
    [["bad"], "1", SITE],
    "bad",
    None,
]


@pytest.mark.parametrize("lie", [*NO_ROWS, *({"title": cell} for cell in CELLS)], ids=lambda lie: str(lie)[:60])
def test_what_is_no_row_is_refused_before_anything_is_mended(met: list[Replica], lie: dict[str, Any]) -> None:
    """A row must be told with stamps, values and names as they are; else one line says that it is no answer, and nothing is written."""
    one, other, _ = met
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    before = state.shared(one.connection)

    class Teller(Wire):
        def changed(self, request: Request, found: Response) -> Response:
            if request.question is not None and "items" in request.question and found.answer is not None:
                for told_of in found.answer["items"]["task"].values():
                    for row in told_of["rows"]:
                        if "title" in lie:
                            row["cells"]["title"] = lie["title"]
                        else:
                            row.update(lie)
            return found

    with pytest.raises(TransportError, match="answer"):
        one.verify(Teller(other), repair=True, take="theirs")
    assert state.shared(one.connection) == before
