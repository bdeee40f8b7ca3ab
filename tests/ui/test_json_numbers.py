"""Numbers in the JSON that is printed, as programs see them whose numbers are doubles."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import click
import pytest

import crdtsql
from crdtsql import Replica, sync
from crdtsql.base.errors import UsageError
from crdtsql.ui.cli import cli
from tests.support.command import execute, ok, refused

BIG = 2**60 + 1
SCHEMA = f"""
CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER, mail TEXT UNIQUE, votes INTEGER, tags TEXT);
CREATE TABLE pair (a INTEGER, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE loose (x);
INSERT INTO big VALUES ({BIG}, {BIG}, 'm', 1, '[{BIG}]'), (1, 1, 'n', 1, '[]');
INSERT INTO pair VALUES ({BIG}, 7, {BIG});
"""


def double(text: str) -> Any:
    """Read JSON as JavaScript does: every number is a double."""
    return json.loads(text, parse_int=lambda digits: int(float(digits)))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with conflicts, held and renumbered rows, big keys and big values, beside its peer peer.db."""
    path, other = tmp_path / "app.db", tmp_path / "peer.db"
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    connection.close()
    with Replica.open(path) as replica:
        replica.enable("big", types={"votes": "counter", "tags": "set"}, identity="row")
        replica.enable("pair")
        with replica.clone(other) as peer:
            for number, each in enumerate((replica, peer)):
                time.sleep(0.005)
                each.connection.execute(
                    f"UPDATE pair SET v = {BIG + 1 + number}; UPDATE big SET n = {BIG + 1 + number}, votes = votes + {2**54 + number};"
                    f"INSERT INTO big VALUES ({BIG + 5}, {number}, 'of {number}', {BIG}, '[1]'); DELETE FROM big WHERE id = 1;"
                    f"INSERT INTO big VALUES ({BIG + 6 + number}, {number}, 'same', {BIG}, '[1]');"
                )
            sync(replica, peer)
    strange = apsw.Connection(str(tmp_path / "strange.db"))
    strange.execute(
        f"CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO big VALUES ({BIG + 5}, {BIG + 5})"
    )
    strange.close()
    return path


def commands(group: click.Group) -> Iterator[tuple[str, ...]]:
    """Yield the names of all commands that print JSON about a file."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, *rest) for rest in commands(command))
        elif any(
            isinstance(option.type, click.Path) for option in command.params if option.param_type_name == "argument"
        ):
            yield (name,)


def calls(app: Path) -> dict[tuple[str, ...], list[str]]:
    """Give arguments to every command that prints JSON about a file, those that change most last."""
    path, peer = str(app), str(app.with_name("peer.db"))
    ok("export", app, "-o", app.with_name("all.crdt"))
    execute(app, "UPDATE pair SET v = 3")
    tokens = {name: str(json.loads(ok("claim", app, name, "--json"))["token"]) for name in ("a", "b", "c")}
    return {
        ("status",): [path],
        ("diff",): [path, peer],
        ("claim",): [path, f"big/{BIG}"],
        ("claims",): [path],
        ("renew",): [path, "a", "--token", tokens["a"]],
        ("release",): [path, "b", "--token", tokens["b"]],
        ("complete",): [path, "c", "--token", tokens["c"]],
        ("fence",): [path, "pair", "off"],
        ("vector",): [path],
        ("inspect",): [str(app.with_name("all.crdt"))],
        ("import",): [peer, str(app.with_name("all.crdt"))],
        ("sync",): [path, peer],
        ("name",): [path, "laptop"],
        ("reconcile",): [path, peer],
        ("remote", "add"): [path, "peer", peer],
        ("remote", "list"): [path],
        ("remote", "show"): [path, "peer"],
        ("remote", "remove"): [path, "peer"],
        ("token", "add"): [path, "peer"],
        ("token", "list"): [path],
        ("token", "revoke"): [path, "peer"],
        ("combine",): [path, str(app.with_name("strange.db"))],
        ("renumbered",): [path],
        ("log",): [path],
        ("members",): [path],
        ("metrics",): [path],
        ("observe",): [path, "SELECT * FROM big", "--initial", "--count", "1"],
        ("service",): [path, peer],
        ("verify",): [path, peer, "--sync"],
        ("blame",): [path, "big", str(BIG)],
        ("revision",): [path, "big", str(BIG)],
        ("sign",): [path],
        ("trust",): [path],
        ("allow",): [path],
        ("aside",): [path],
        ("downgrade",): [peer],
        ("history",): [path, "pair", "on"],
        ("show",): [path, "pair", "--as-of", "0h"],
        ("undo",): [path, "--site", json.loads(ok("status", path, "--json"))["site"], "--dry-run"],
        ("write",): [path, "big", str(BIG), f"n:={BIG}"],
        ("conflicts",): [path],
        ("held",): [path, "--deleted"],
        ("doctor",): [path],
        ("strangers",): [path],
        ("repair",): [path],
        ("schema", "show"): [path],
        ("schema", "diff"): [path, peer],
        ("schema", "pull"): [path, peer, "--yes"],
        ("schema", "push"): [path, peer, "--yes"],
        ("clone",): [path, str(app.with_name("new.db"))],
        ("export",): [path, "-o", str(app.with_name("new.crdt"))],
        ("undelete",): [path, "big", "1"],
        ("purge",): [path, "--deleted-before", "30d"],
        ("arbitrate",): [path, "--with", "echo '{\"skip\": true}'"],
        ("resolve",): [path, "--all", "--take", "ours"],
        ("compact",): [path],
        ("forget",): [path, json.loads(ok("status", peer, "--json"))["site"]],
        ("rejoin",): [peer, path, "--yes"],
        ("type",): [path, "big.n", "max"],
        ("unique",): [path, "big", "mail", "suffix"],
        ("ids",): [path, "big", "autoincrement"],
        ("reference",): [path, "pair.v", "big.id"],
        ("rows",): [path, "pair", "delete-wins"],
        ("enable",): [path, "loose", "--add-key", "--yes"],
        ("alter",): [path, "ALTER TABLE big ADD COLUMN more"],
        ("disable",): [path, "pair"],
    }


def test_no_number_in_json_is_rounded_by_a_program_of_doubles(app: Path) -> None:
    """Whatever a command prints as JSON holds no number that a double can't hold: stamps and big values are strings."""
    given = calls(app)
    assert set(given) == set(commands(cli)) - {
        ("serve",),
        ("mcp",),
        ("run",),
    }  # whose standard output is messages, or a child's
    for words, arguments in given.items():
        printed = ok(*words, *arguments, "--json")
        assert double(printed) == json.loads(printed), words
        assert json.loads(printed) not in ([], {}), words


def test_a_dry_run_has_one_shape_of_keys(app: Path) -> None:
    """What a sync would bring and what it would send have keys and values alike: lists of the key's values, typed as JSON."""
    peer = app.with_name("peer.db")
    execute(app, f"UPDATE pair SET v = {BIG + 9}; UPDATE big SET n = x'01' WHERE id = {BIG}")
    execute(peer, "INSERT INTO pair VALUES (1, 2, 3); INSERT INTO big (id, n) VALUES (5, 5)")
    found = json.loads(ok("sync", app, peer, "--dry-run", "--json"))
    big = {"integer": str(BIG)}
    assert {(row["table"], tuple(row["key"])) for row in found[str(app)]} == {("pair", (1, 2)), ("big", (5,))}
    assert [[cell["table"], cell["key"], cell["column"], cell["value"]] for cell in found[str(peer)]] == [
        ["big", [big], "n", {"blob": "01"}],
        ["pair", [big, 7], "v", {"integer": str(BIG + 9)}],
    ]
    assert f"pair ({BIG}, 7) would be updated: v = {BIG + 9}" in ok("sync", app, peer, "--dry-run")


def test_stamps_are_strings_however_small(app: Path) -> None:
    """Every `hlc` and every number of a vector is a string of digits, that of a genesis with a minus."""
    status = json.loads(ok("status", app, "--json"))
    assert all(hlc.isdigit() for hlc in status["vector"].values())
    for cell in json.loads(ok("blame", app, "big", str(BIG), "--json")):
        assert all(int(each["hlc"]) and isinstance(each["hlc"], str) for each in [cell, *cell.get("parts", [])])
    ok("export", app, "-o", app.with_name("x.crdt"))
    header = json.loads(ok("inspect", app.with_name("x.crdt"), "--json"))
    assert all(isinstance(site[name], str) for site in header["sites"] for name in ("upto", "needs"))
    assert all(table["genesis"][0][:1] == "-" for table in header["tables"])
    for found in json.loads(ok("conflicts", app, "--json")):
        assert isinstance(found["won_hlc"], str) and isinstance(found["lost_hlc"], str)


def test_functions_print_what_commands_print(app: Path) -> None:
    """The JSON of the SQL functions holds no number that a double can't hold, and they take what they gave."""
    connection = apsw.Connection(str(app))
    crdtsql.load(connection)
    for call in ("crdt_vector()", f"crdt_blame('big', {BIG})", "crdt_import(crdt_export(NULL))"):
        printed = str(connection.execute(f"SELECT {call}").get)
        assert double(printed) == json.loads(printed) != []
    assert connection.execute("SELECT count(*) FROM crdt_changes(crdt_vector())").get == 0
    key = connection.execute("SELECT DISTINCT key FROM crdt_changes WHERE \"table\" = 'pair'").get
    assert double(str(key)) == [{"integer": str(BIG)}, 7]
    connection.close()


def test_vectors_are_read_with_strings_and_numbers(app: Path, tmp_path: Path) -> None:
    """A vector that went through a program of doubles asks for the same; one of numbers is read too, and so is a mixture."""
    written = ok("vector", app)
    strings = double(written)
    assert strings == json.loads(written)
    numbers = {site: int(hlc) for site, hlc in strings.items()}
    mixed = strings | dict([numbers.popitem()]) if len(numbers) > 1 else numbers
    for vector in (strings, {site: int(hlc) for site, hlc in strings.items()}, mixed):
        (tmp_path / "v").write_text(json.dumps(vector))
        ok("export", app, "--for", tmp_path / "v", "-o", tmp_path / "x.crdt")
        assert all(table["rows"] == 0 for table in json.loads(ok("inspect", tmp_path / "x.crdt", "--json"))["tables"])
        with Replica.open(app) as replica:
            assert replica.changes(vector) == []


@pytest.mark.parametrize(
    "hlc", ["x", "", "-1", "+1", " 1", "1.0", "٣", 1.5, -1, True, None, [], str(2**63), 2**63, "1" * 30]
)
def test_other_numbers_are_no_stamps(app: Path, tmp_path: Path, hlc: object) -> None:
    """A vector with anything but whole numbers that a stamp can have is refused, from the command line and in Python."""
    vector = {"a1" * 16: hlc}
    (tmp_path / "v").write_text(json.dumps(vector))
    assert "not a version vector" in refused("export", app, "--for", tmp_path / "v", "-o", "-", code=2)
    with Replica.open(app) as replica, pytest.raises(UsageError, match="not a version vector"):
        replica.export(vector)  # type: ignore[arg-type]


def test_big_values_can_be_given_back(app: Path) -> None:
    """An integer that was printed as an object is taken back as it is, by --value and from a program that answers."""
    entry = next(each for each in json.loads(ok("conflicts", app, "--json")) if each["table"] == "pair")
    assert entry["ours"] == {"integer": str(BIG + 1)} and entry["key"] == [{"integer": str(BIG)}, 7]
    ok("resolve", app, str(entry["id"]), "--value", json.dumps(entry["ours"]))
    (cell,) = json.loads(ok("blame", app, "pair", str(BIG), "7", "--json"))
    assert cell["value"] == {"integer": str(BIG + 1)}
    for wrong in ('{"integer": 7}', '{"integer": "x"}', f'{{"integer": "{2**63}"}}'):
        refused("resolve", app, str(entry["id"]), "--again", "--value", wrong, code=2)
