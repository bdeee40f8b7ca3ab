"""Replicas that were filled separately, and meet for the first time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, sync
from crdtsql.base.errors import FilledSeparatelyError
from crdtsql.ui import merged, terminal
from crdtsql.ui.cli import cli
from tests.support.peers import read, send, write

T = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w INTEGER DEFAULT 0);"
K = "CREATE TABLE k (k TEXT PRIMARY KEY NOT NULL, v);"


def filled(path: Path, rows: str = "", schema: str = T + K, identity: str | None = None) -> Replica:
    """Make a replica whose rows were there before it was enabled."""
    connection = apsw.Connection(str(path))
    connection.execute(schema + rows)
    connection.close()
    opened = Replica.open(path)
    opened.enable("t", identity=identity)
    opened.enable(all=True)
    return opened


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[Replica, Replica]]:
    """Give what makes two replicas in which the statements have %s for a name of their own."""

    def make(rows: str, identity: str | None = None) -> tuple[Replica, Replica]:
        one, other = (filled(tmp_path / f"{n}.db", rows.replace("%s", f"of {n}"), identity=identity) for n in (1, 2))
        return one, other

    return make


@pytest.mark.parametrize("identity", ["row", "key"])
def test_equal_keys_with_other_values_are_counted(pair: Callable[..., tuple[Replica, Replica]], identity: str) -> None:
    """Rows of equal keys and other values are refused if that is asked, counted by table; nothing is changed, on either side."""
    one, other = pair("INSERT INTO t VALUES (1, '%s', 0), (2, 'same', 0); INSERT INTO k VALUES ('x', '%s')", identity)
    before = [each.connection.serialize("main") for each in (one, other)]
    with pytest.raises(FilledSeparatelyError, match="filled separately") as found:
        sync(one, other, refuse_unrelated=True)
    assert (found.value.rows, found.value.wholly) == ({"k": 1, "t": 1}, True)
    assert [each.connection.serialize("main") for each in (one, other)] == before
    into_one, into_other = sync(one, other)
    assert into_one.unrelated == into_other.unrelated == {"k": 1, "t": 1}
    assert "filled separately" in into_one.notices[0] and "filled separately" in one.notices[0]
    assert into_one.to_json()["unrelated"] == {"k": 1, "t": 1}


@pytest.mark.parametrize(
    "rows",
    [
        "INSERT INTO t VALUES (1, 'same', 0); INSERT INTO k VALUES ('x', 'same')",
        "INSERT INTO k VALUES ('%s', '%s')",
        "",
    ],
)
def test_files_filled_alike_or_with_other_keys_meet_silently(
    pair: Callable[..., tuple[Replica, Replica]], rows: str
) -> None:
    """A copy that was made before `enable`, and rows that have other keys, are no reason to ask."""
    one, other = pair(rows)
    assert [report.unrelated for report in sync(one, other, refuse_unrelated=True)] == [{}, {}]
    assert not one.notices and not other.notices


def test_automatic_numbers_given_after_enabling_are_no_reason_to_ask(
    pair: Callable[..., tuple[Replica, Replica]],
) -> None:
    """Rows that were inserted under one automatic number stay two rows, so they write over nothing."""
    one, other = pair("")
    write(one, "INSERT INTO t (v) VALUES ('one')")
    write(other, "INSERT INTO t (v) VALUES ('other')")
    sync(one, other, refuse_unrelated=True)
    assert len(read(one, "SELECT 1 FROM t")) == 2


def test_once_they_have_met_nothing_is_refused(pair: Callable[..., tuple[Replica, Replica]], tmp_path: Path) -> None:
    """Replicas that have met, and those that met one of them, are not asked again, whatever is written."""
    one, other = pair("INSERT INTO k VALUES ('x', '%s')")
    sync(one, other)
    third = one.clone(tmp_path / "3.db")
    for number, each in enumerate((one, other, third)):
        write(each, f"UPDATE k SET v = '{number}'; INSERT INTO k VALUES ('y', '{number}')")
    assert not any(report.unrelated for report in sync(one, other, refuse_unrelated=True))
    assert not any(report.unrelated for report in sync(third, other, refuse_unrelated=True))


def test_copies_of_an_empty_file_are_related(tmp_path: Path) -> None:
    """A clone knows where it comes from though there was no event yet: what both insert is what merging is for."""
    one = filled(tmp_path / "1.db")
    other = one.clone(tmp_path / "2.db")
    for number, each in enumerate((one, other)):
        write(each, f"INSERT INTO k VALUES ('y', '{number}')")
    assert not any(report.unrelated for report in sync(one, other, refuse_unrelated=True))
    assert len(one.conflicts()) == 1


def test_a_table_that_both_filled_later_is_asked_about(tmp_path: Path) -> None:
    """Replicas that share their history may still have filled one table separately: that one is counted, once."""
    one = filled(tmp_path / "1.db", "INSERT INTO k VALUES ('x', 'same')")
    other = one.clone(tmp_path / "2.db")
    for number, each in enumerate((one, other)):
        each.connection.execute(f"CREATE TABLE late (k TEXT PRIMARY KEY, v); INSERT INTO late VALUES ('a', {number})")
        each.enable("late")
        write(each, f"UPDATE k SET v = {number}")
    with pytest.raises(FilledSeparatelyError) as found:
        sync(one, other, refuse_unrelated=True)
    assert (found.value.rows, found.value.wholly) == ({"late": 1}, False)
    sync(one, other)
    third = other.clone(tmp_path / "3.db")
    assert not any(report.unrelated for report in sync(one, third, refuse_unrelated=True))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("register", "%s"), ("max", "%s"), ("counter", "%s"), ("set", "'[%s]'"), ("map", """'{"a": %s}'""")],
)
def test_typed_columns_count_too(tmp_path: Path, kind: str, value: str) -> None:
    """Values that a type would merge without a conflict are no less those of two rows."""
    schema = f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {'INTEGER' if kind == 'counter' else ''});"
    pair = [filled(tmp_path / f"{n}.db", f"INSERT INTO t VALUES (1, {value % n})", schema) for n in (1, 2)]
    for each in pair:
        each.set_type("t", "v", kind)
    with pytest.raises(FilledSeparatelyError):
        pair[0].merge(pair[1].export(), refuse_unrelated=True)
    send(pair[1], pair[0])


def run(*words: str | Path, answer: str = "") -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words], input=answer)


def test_sync_and_import_refuse_until_yes(pair: Callable[..., tuple[Replica, Replica]], tmp_path: Path) -> None:
    """Where nobody can be asked, `sync` and `import` change nothing, and say the command that merges all the same."""
    for each in pair("INSERT INTO t VALUES (1, '%s', 0)"):
        each.close()
    one, other, data = tmp_path / "1.db", tmp_path / "2.db", tmp_path / "2.crdt"
    assert run("export", other, "-o", data).exit_code == 0
    for words in (("sync", one, other), ("import", one, data)):
        refused = run(*words)
        assert refused.exit_code == 1 and "filled separately" in refused.stderr and "'t': 1" in refused.stderr
        assert f"`crdtsql {' '.join(map(str, words))} --yes`" in refused.stderr
        assert "combine" in refused.stderr
    assert run("import", one, data, "--yes").exit_code == 0
    assert run("sync", one, other).exit_code == 0


def test_sync_asks_on_a_terminal(
    pair: Callable[..., tuple[Replica, Replica]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the question is asked; no changes nothing, yes merges."""
    for each in pair("INSERT INTO t VALUES (1, '%s', 0)"):
        each.close()
    one, other = tmp_path / "1.db", tmp_path / "2.db"
    monkeypatch.setattr(merged, "can_ask", lambda: True)
    monkeypatch.setattr(terminal, "can_ask", lambda: True)
    refused = run("sync", one, other, answer="n\n")
    assert refused.exit_code == 1 and "Merge them all the same?" in refused.stdout
    assert "as you say" in refused.stderr
    done = run("sync", one, other, answer="y\n")
    assert done.exit_code == 0 and "1 concurrent overwrites" in done.stdout
