"""What any program and any peer may add to a history, and that it does no harm to whoever reads it (decision 0056)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from time import process_time

import pytest

from crdtsql import Replica
from tests.history.conftest import SCHEMA
from tests.history.test_history import client, past, rows
from tests.support import peers

DEEP = "[" * 60_000
ENTRY = "INSERT INTO crdt_history_task (at, site, op, k_id, columns, seen, since, actor, run, v_title, v_n) VALUES "
FOREIGN = f"5, x'{'07' * 16}', 4, 't1', '[\"title\"]', NULL, NULL, 'bot', 'r', 'odd', NULL"


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        (FOREIGN, True),
        (FOREIGN.replace("5,", "'then',", 1), False),
        (FOREIGN.replace("5,", "x'00',", 1), False),
        (FOREIGN.replace("5,", "1e300,", 1), False),
        (FOREIGN.replace("5,", "-5,", 1), False),
        (FOREIGN.replace("x'", "'", 1), False),
        (FOREIGN.replace("07" * 16, "07", 1), False),
        (FOREIGN.replace(" 4,", " 1.5,", 1), False),
        (FOREIGN.replace(" 4,", " 'four',", 1), False),
        (FOREIGN.replace("NULL, NULL, 'bot'", "NULL, 'then', 'bot'"), False),
        (FOREIGN.replace("'bot'", "x'00'"), False),
        (FOREIGN.replace("'bot'", "CAST(x'ff' AS TEXT)"), True),
        (FOREIGN.replace("'[\"title\"]'", "x'00'"), False),
        (FOREIGN.replace("'[\"title\"]'", f"'{DEEP}'"), True),
        (FOREIGN.replace("'[\"title\"]'", "'[1, null, {}]'"), True),
        (FOREIGN.replace("NULL, NULL, 'bot'", f"'{DEEP}', NULL, 'bot'"), True),
        (FOREIGN.replace("NULL, NULL, 'bot'", "'[[1e999, \"x\"]]', NULL, 'bot'"), True),
        (FOREIGN.replace("NULL, NULL, 'bot'", "'{\"ab\": 1}', NULL, 'bot'"), True),
    ],
)
def test_an_entry_may_say_anything(app: Replica, clock: peers.Clock, said: str, counts: bool) -> None:
    """A peer, and any program, may add what no fold adds; it does no harm to whoever reads, and a drop takes it out."""
    with app.acting_as("bot", run="r"):
        client(app, "UPDATE task SET title = 'uno' WHERE id = 't1'")
    app.fold()
    client(app, f"{ENTRY}({said})")
    app.fold()
    entries = app.history("task", "t1")
    assert len(entries) == 2 + counts
    assert json.dumps([entry.to_json() for entry in entries], ensure_ascii=False).encode()
    assert past(app, clock.ms) == [("t1", "uno", 1), ("t2", "two", 2)]
    (kept,) = app.histories()
    assert kept.entries == 2 + counts
    assert [row.key for row in app.undo(run="r").undone] == [("t1",)]
    app.end_history("task", drop=True)
    assert app.connection.execute("SELECT count(*) FROM crdt_history_task WHERE op < 9").get == 0


@pytest.mark.parametrize(
    "said",
    [FOREIGN.replace("'bot'", "NULL"), FOREIGN.replace("'t1'", "NULL"), FOREIGN.replace("'t1'", "CAST(x'ff' AS TEXT)")],
)
def test_nothing_is_undone_of_what_is_no_write(app: Replica, said: str) -> None:
    """An entry of a run that nobody is said to have been in, or of a row that can't be, names no write to undo."""
    client(app, f"{ENTRY}({said})")
    report = app.undo(run="r")
    assert report.undone == report.left == []


@pytest.mark.parametrize("at", ["9223372036854775807", f"{(1 << 62) - (1 << 33)}", "'then'", "x'00'"])
def test_a_mark_of_no_time_counts_for_nothing(app: Replica, clock: peers.Clock, at: str) -> None:
    """That entries were taken out is believed of times alone that somebody has reached."""
    client(app, "UPDATE task SET title = 'uno' WHERE id = 't1'")
    client(app, f"INSERT INTO crdt_history_task (at, site, op) VALUES ({at}, x'{'07' * 16}', 9)")
    app.fold()
    assert past(app, clock.ms) == [("t1", "uno", 1), ("t2", "two", 2)]


def test_a_change_of_a_counter_may_be_any_number(tmp_path: Path) -> None:
    """What can't be taken off, because no number is left that the column takes, is listed."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=peers.Clock(step=1)) as app:
        app.set_type("task", "n", "counter")
        app.keep_history("task")
        client(app, "UPDATE task SET n = n + 1 WHERE id = 't1'")
        app.fold()
        client(
            app,
            "INSERT INTO crdt_history_task (at, site, op, k_id, columns, actor, run, v_n, o_n) "
            f"VALUES (5, x'{'07' * 16}', 4, 't1', '[\"n\"]', 'bot', 'r', -9223372036854775807, 9223372036854775807)",
        )
        report = app.undo(run="r")
        assert not report.undone
        assert "within plus and minus 2^62" in report.left[0].why


def test_no_row_is_deleted_of_which_nothing_was_known_before(app: Replica) -> None:
    """An entry that an update was a row's first write, without what was there before, is none of an honest fold, and does not undo the row."""
    client(app, f"{ENTRY}({FOREIGN})")
    report = app.undo(run="r")
    assert not report.undone
    assert [one.why for one in report.left] == ["the history does not have how it was before"]
    assert rows(app) == [("t1", "one", 1), ("t2", "two", 2)]


def test_taking_entries_out_is_no_more_than_sorting_them(app: Replica) -> None:
    """However many entries a row has, and whatever they say that they wrote, to look which are old takes no time for each two of them."""
    app.keep_history("task", keep=timedelta(days=1))
    client(
        app,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500), "
        "wrote AS (SELECT one.i AS i, json_group_array(one.i || '_' || other.i) AS columns FROM n AS one JOIN n AS other ON other.i <= 80 GROUP BY one.i) "
        f"INSERT INTO crdt_history_task (at, site, op, k_id, columns) SELECT i, x'{'07' * 16}', 4, 't1', columns FROM wrote",
    )
    app.fold()
    began = process_time()
    app.compact()
    assert process_time() - began < 4
