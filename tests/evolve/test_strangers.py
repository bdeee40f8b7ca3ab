"""What a file keeps for others is listed, and can be dropped where it stands in the way of what is really there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica
from crdtsql.base.errors import CannotEnableError, ColumnTypeError, SchemaMismatchError, UsageError
from crdtsql.ui.cli import cli
from tests.support.forge import with_header
from tests.support.peers import replica
from tests.support.state import rows

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT);"
ODD = TASK + "CREATE TABLE orders (number TEXT, line TEXT, total INTEGER, PRIMARY KEY (number, line)) WITHOUT ROWID;"
REAL = TASK + "CREATE TABLE orders (id TEXT PRIMARY KEY NOT NULL, total REAL);"


def _file(path: Path, schema: str, site: int) -> Replica:
    return replica(path, schema, site=site)


def _squatted(tmp_path: Path) -> Replica:
    """Make a replica to which somebody told of a table orders, of a column task.price, and of tables that were disabled."""
    app, odd = _file(tmp_path / "app.db", TASK, 1), _file(tmp_path / "odd.db", ODD, 2)
    odd.alter("ALTER TABLE task ADD COLUMN price INTEGER")
    odd.set_type("task", "price", "counter")
    odd.connection.execute("INSERT INTO orders VALUES ('1', '1', 5); INSERT INTO task VALUES ('o', 'odd', 3)")
    odd.vector()
    odd.connection.execute("UPDATE task SET price = price + 1")

    def add(header: dict[str, Any]) -> None:
        header["eras"] = {"invoice": 3}
        header["names"] = {"00" * 15 + "77": ["nobody", 1]}

    app.merge(with_header(odd.export(), add))
    odd.close()
    return app


def test_what_is_kept_for_others_is_listed(tmp_path: Path) -> None:
    """strangers says of each table, column, era and site what it is, how much there is of it, and who wrote it."""
    app = _squatted(tmp_path)
    found = {(one.kind, one.name): one for one in app.strangers()}
    assert [*found] == [("table", "orders"), ("column", "task.price"), ("era", "invoice"), ("site", "00" * 15 + "77")]
    table, column, era, site = found.values()
    assert (table.says, table.rows, column.says, column.rows) == (
        "number (key), line (key), total lww",
        1,
        "counter",
        1,
    )
    assert (era.says, site.says) == ("disabled 3x", "nobody")
    assert table.sites == column.sites == (app.members()[1].site,)
    done = CliRunner().invoke(cli, ["strangers", str(tmp_path / "app.db"), "--json"])
    assert [one["name"] for one in json.loads(done.output)["strangers"]] == [name for _, name in found]


def test_all_of_it_can_be_dropped(tmp_path: Path) -> None:
    """Once dropped, nothing of it is in the file or in what it exports, and the file goes on."""
    app = _squatted(tmp_path)
    done = CliRunner().invoke(cli, ["strangers", str(tmp_path / "app.db"), "--drop"])
    assert done.exit_code == 0, done.output
    assert "dropped: tables that are not in this file:\n  orders: number (key)" in done.output
    assert app.strangers() == []
    ours = "SELECT group_concat(name) FROM sqlite_schema WHERE name GLOB '_crdt_*orders*' OR name GLOB '_crdt_parked_*'"
    assert app.connection.execute(ours).get is None
    assert app.connection.execute("SELECT count(*) FROM _crdt_parts_task").get == 0
    app.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    other = _file(tmp_path / "other.db", TASK, 5)
    other.merge(app.export())
    assert other.strangers() == []
    rows(app.connection)
    assert not app.doctor().broken


def test_only_what_is_kept_can_be_dropped(tmp_path: Path) -> None:
    """A name under which nothing is kept is refused, also that of a table which is here."""
    app = _squatted(tmp_path)
    for name in ("task", "order"):
        with pytest.raises(UsageError, match="nothing is kept for others under the name"):
            app.drop_strangers(name)
    assert [one.name for one in app.drop_strangers("invoice")] == ["invoice"]
    assert len(app.strangers()) == 3


def test_a_made_up_table_does_not_stand_in_the_way_of_ours(tmp_path: Path) -> None:
    """Where somebody told of a table with another key, enabling the real one says how to drop it, and works from then on."""
    app = _squatted(tmp_path)
    app.connection.execute(REAL.removeprefix(TASK) + "INSERT INTO orders VALUES ('x', 1.5)")
    with pytest.raises(
        CannotEnableError, match="made up by somebody, `crdtsql strangers .*app.db orders --drop` forgets it"
    ):
        app.enable("orders")
    app.drop_strangers("orders")
    app.enable("orders")
    other = _file(tmp_path / "other.db", REAL, 3)
    other.merge(app.export())
    assert other.connection.execute("SELECT * FROM orders").fetchall() == [("x", 1.5)]


def test_a_made_up_table_does_not_stand_in_the_way_of_an_honest_peer(tmp_path: Path) -> None:
    """Where somebody told of a table with another key, the changeset of who really has it says how to drop that one, and is taken then."""
    app, peer = _squatted(tmp_path), _file(tmp_path / "peer.db", REAL, 3)
    peer.connection.execute("INSERT INTO orders VALUES ('x', 1.5)")
    with pytest.raises(SchemaMismatchError, match="crdtsql strangers .*app.db orders --drop"):
        app.merge(peer.export())
    app.drop_strangers("orders")
    app.merge(peer.export())
    fresh = _file(tmp_path / "fresh.db", REAL, 4)
    fresh.merge(app.export())
    assert fresh.connection.execute("SELECT * FROM orders").fetchall() == [("x", 1.5)]


@pytest.mark.parametrize("plainly", [False, True])
def test_a_made_up_column_does_not_stand_in_the_way_of_ours(tmp_path: Path, plainly: bool) -> None:
    """Where somebody told of a column of another type, adding the real one says how to drop it, and works from then on."""
    app = _squatted(tmp_path)
    add = "ALTER TABLE task ADD COLUMN price TEXT"
    if plainly:
        connection = apsw.Connection(str(tmp_path / "app.db"))
        connection.execute(add)
        connection.close()
    with pytest.raises(ColumnTypeError, match="crdtsql strangers .*app.db task.price --drop"):
        app.vector() if plainly else app.alter(add)
    app.drop_strangers("task.price")
    if not plainly:
        app.alter(add)
    app.connection.execute("UPDATE task SET price = 'much'")
    peer = _file(tmp_path / "peer.db", TASK, 3)
    peer.alter(add)
    peer.merge(app.export())
    assert peer.connection.execute("SELECT price FROM task").get == "much"


def test_a_made_up_era_does_not_cut_off_who_has_the_table(tmp_path: Path) -> None:
    """Word of a table that was disabled, which this replica lacks, cuts it off from those who have it until that is dropped."""
    app, peer = (
        _squatted(tmp_path),
        _file(tmp_path / "peer.db", TASK + "CREATE TABLE invoice (id TEXT PRIMARY KEY NOT NULL)", 3),
    )
    app.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    with pytest.raises(SchemaMismatchError, match="it only heard of that, crdtsql's `strangers` forgets it there"):
        peer.merge(app.export())
    app.drop_strangers("invoice")
    peer.merge(app.export())
    assert peer.connection.execute("SELECT count(*) FROM task").get == 2
