"""What sites are called: given by one, and known by those who get its changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from crdtsql import Replica, errors, sync
from crdtsql.ui.cli import cli
from crdtsql.wire import unpack
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def trio(tmp_path: Path) -> list[Replica]:
    """Give three replicas without rows."""
    return peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))


def write(replica: Replica, key: str) -> None:
    """Insert a row."""
    replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))


def test_names_travel_with_changes(trio: list[Replica]) -> None:
    """A name goes along with changes, also by way of others; the latest one counts, in whatever order they arrive."""
    one, other, third = trio
    one.set_name("laptop")
    write(one, "a")
    first = one.export()
    one.set_name("Ada's laptop")
    write(one, "b")
    sync(one, other)
    sync(other, third)
    assert other.names() == third.names() == {one.site: "Ada's laptop"}
    third.merge(first)
    assert third.names() == {one.site: "Ada's laptop"}
    one.set_name("")
    write(one, "c")
    sync(one, third)
    assert third.names() == {}


def test_nobody_names_another_one(trio: list[Replica]) -> None:
    """A site's own name is its own: what others say of it does not count there."""
    one, other, _ = trio
    one.set_name("laptop")
    other.registry.set(f"name:{one.site}", json.dumps(["fake", 99]))
    other.set_name("desk")
    write(other, "a")
    sync(one, other)
    assert one.names() == {one.site: "laptop", other.site: "desk"}


def test_a_file_without_names_says_nothing_of_them(trio: list[Replica]) -> None:
    """No header has the key, and no statement asks for names, where no site has one; giving the same name again changes nothing."""
    one, *_ = trio
    write(one, "a")
    assert "names" not in unpack(one.export()).header.to_json()
    asked: list[str] = []
    one.connection.set_exec_trace(lambda cursor, statement, values: asked.append(statement) or True)
    one.export()
    one.connection.set_exec_trace(None)
    assert not [statement for statement in asked if "name:*" in statement]
    one.set_name("laptop")
    told = unpack(one.export()).header.names
    one.set_name("laptop")
    assert unpack(one.export()).header.names == told == {bytes.fromhex(one.site): ("laptop", 1)}


@pytest.mark.parametrize("name", [" a", "a ", "a\nb", "x" * 65, "\x1b[31m"])
def test_names_that_are_none(trio: list[Replica], name: str) -> None:
    """What can't be shown on a line, or is too long, is no name, and nothing is changed."""
    with pytest.raises(errors.UsageError, match="is no name for a site"):
        trio[0].set_name(name)
    assert trio[0].names() == {}


def test_commands_show_names(tmp_path: Path, trio: list[Replica]) -> None:
    """`status`, `blame`, `conflicts` and `inspect` show names in place of ids, and `--site` takes them, unless two sites have one."""
    one, other, third = trio
    for replica, name in ((one, "laptop"), (other, "desk")):
        replica.set_name(name)
    write(one, "a")
    sync(one, other)
    one.connection.execute("UPDATE task SET title = 'of one'")
    other.connection.execute("UPDATE task SET title = 'of other'")
    sync(one, other)
    path, site = str(tmp_path / "1.db"), other.site

    def call(*words: str) -> str:
        return CliRunner().invoke(cli, list(words)).output

    assert f"has site desk ({site[:8]}) up to" in call("status", path)
    assert f"laptop ({one.site[:8]}), 2 sites known" in call("status", path)
    assert json.loads(call("status", path, "--json"))["names"] == {one.site: "laptop", site: "desk"}
    assert f"laptop ({one.site[:8]}) (this file)" in call("blame", path, "task", "a")
    assert f"by desk ({site[:8]})" in call("conflicts", path)
    assert "1 concurrent overwrites" in call("conflicts", path, "--site", "desk")
    (tmp_path / "x.crdt").write_bytes(one.export())
    assert f"changeset of site laptop ({one.site[:8]})" in call("inspect", str(tmp_path / "x.crdt"))
    assert "desk" in call("name", path)
    third.set_name("desk")
    write(third, "c")
    sync(one, third)
    assert "several sites are called 'desk'" in call("conflicts", path, "--site", "desk")
    assert json.loads(call("name", path, "--remove", "--json"))["names"].keys() == {site, third.site}


def test_errors_call_sites_by_their_names(trio: list[Replica], tmp_path: Path) -> None:
    """An error calls a site as people do, alone and for one remote of several; its fields keep the id."""
    one, other, _ = trio
    one.set_name("laptop")
    write(one, "a")
    sync(one, other)
    write(one, "b")
    one.fold()
    between = one.vector()
    write(one, "c")
    late = tmp_path / "late.crdt"
    late.write_bytes(one.export(between))
    failed = CliRunner().invoke(cli, ["import", other.path, str(late), "--json"])
    told = json.loads(failed.stderr)["error"]
    assert f"(site laptop ({one.site[:8]}) after " in told["message"] and one.site not in told["message"]
    assert list(told["details"]["missing"]) == [one.site]
    other.set_name("desk")
    other.registry.set("remote:itself", other.path)
    assert f"the same replica (site desk ({other.site[:8]}))" in CliRunner().invoke(cli, ["sync", other.path]).stderr


def test_a_copy_says_whose_it_is(trio: list[Replica], tmp_path: Path) -> None:
    """A copied file that goes on as a new site calls the one that it was by its name."""
    one = trio[0]
    one.set_name("laptop")
    write(one, "a")
    one.export()
    one.connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    with Replica.open(str(tmp_path / "copy.db")) as copy:
        copy.fold()
        assert f"(before: laptop ({one.site[:8]}))" in copy.notices[0]
