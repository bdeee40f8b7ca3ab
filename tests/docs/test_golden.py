"""The golden files: changesets of every format version, kept for ever, must stay readable and give the same tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica
from crdtsql.base.values import to_json
from crdtsql.store import sites
from crdtsql.ui.cli.group import cli
from crdtsql.wire import envelope
from tests.golden.make_v1 import read_image

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(GOLDEN.glob("v*/*.crdt"))
EXPECTED = sorted(GOLDEN.glob("v*/expected.json"))
ORDERS = [
    pytest.param(path.parent, order, id=f"{path.parent.name}: {' '.join(order)}")
    for path in EXPECTED
    for order in json.loads(path.read_text(encoding="utf-8"))["orders"]
]
Fresh = Callable[[dict[str, Any]], Replica]
FIRST_MADE = {
    "v1-types/base.crdt": "aa0ccf253c2392cbe3c861fa6db148a08f974e83b9148168034b142fb7852dca",
    "v1-types/delta.crdt": "c2984f26962f9862c709f6ae649c5e1361505cb284d7cdc868dccf23cc0cfe0e",
    "v1-types/whole.crdt": "1427d595f777bfa2d373b702fa803e6e1d7ca9c005232992bebd4fe9951a5331",
    "v1/base.crdt": "494c2a79d38c5bdd60d6d912365578a5f02ed7e49d5606c4fcc1c981ce9936cf",
    "v1/delta.crdt": "c3bb1795633456922afdd5368262e6b51283628f31e6d61c338a59f03de67f49",
    "v1/whole.crdt": "0459523b94b11dd4d553f6493a1338ef82b2ccca674b9658f1353923b29ce73b",
    "v2-foretold/whole.crdt": "afa43c2650819b90d88f784214d87f7d2113377d93b3fe75a3a31c83f52c447b",
    "v2-retired/whole.crdt": "11a9770db93b31cfb21bec918e222b66382cc47f810f7a8fd9da71e97838680e",
    "v2-signed/whole.crdt": "48a5aee678ad98000ba435ea8cdeeb78a58b1fcd571b97719d8b8772ca47fe67",
    "v2-types/base.crdt": "e37a3c099212081ba03da17466e6da6a3e71df333511cce680d2fd830fd750cc",
    "v2-types/delta.crdt": "17ccce14f51175c4845a61899f106c71a9f7de867bbb9589270a0fe4534541c6",
    "v2-typed/whole.crdt": "0ad86aa7b0b3111a77cf131820fd334ee5710892f52a779fadf63740780b41ef",
    "v2-types/whole.crdt": "b168aeea980cf8bcdf383d5a0a9892f59f117b52387673e297753c466ea3de52",
    "v2-unlisted/base.crdt": "6cd88c9f147a230eb3ec3b29a1ee15b2aaaf5205aa8c1f9a714db8d4aa1c08d6",
    "v2-unlisted/delta.crdt": "13d07829a9692eff1460ca21c938524231a25bef56e40a5e545790c2b0c7e20b",
    "v2/base.crdt": "16b78679d14f090af926503037c457554a4382291e94641edc82dd47ae61243e",
    "v2/delta.crdt": "9170cb0a2e9151cda6013a5a922b53d6a5e27ef4747ee42eb235031371d5b27c",
    "v2/whole.crdt": "336f783f6a0f58e7b9a14d03630d3aa5e9c5e6926176689419f18c1541e982d8",
}
"""SHA-256 of each golden file when it was made. A new version adds files; no line here is ever changed."""


def expected_of(folder: Path) -> dict[str, Any]:
    """Read what a version's golden files must give."""
    found: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return found


def exact(value: Any) -> str:
    """Make a text of a value that differs for 1 and 1.0."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=to_json)


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    """Make an empty replica with the schema of the golden files."""

    def make(expected: dict[str, Any]) -> Replica:
        path = str(tmp_path / "fresh.db")
        connection = apsw.Connection(path)
        for statement in expected["schema"]:
            connection.execute(statement)
        connection.close()
        replica = Replica.open(path)
        replica.enable(*expected["tables"], **{"identity": "key"} | expected.get("options", {}))
        return replica

    return make


def as_printed(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header as `inspect` prints it: with stamps as strings, which no program rounds."""
    sites = [site | {"upto": str(site["upto"]), "needs": str(site["needs"])} for site in header["sites"]]
    tables = [
        table | {"genesis": table["genesis"] and [str(table["genesis"][0]), table["genesis"][1]]}
        for table in header["tables"]
    ]
    return header | {"sites": sites, "tables": tables}


def test_golden_files_are_as_they_were_made() -> None:
    """Golden files are never regenerated: each still has the bytes that it was made with."""
    found = {f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES}
    assert found == FIRST_MADE


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_golden_file_is_readable_by_inspect(path: Path) -> None:
    """`crdtsql inspect` reads a changeset of every version, and shows the header that was written into it."""
    done = CliRunner().invoke(cli, ["inspect", str(path), "--json"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    header = expected_of(path.parent)["headers"][path.name]
    assert {name: shown[name] for name in header} == as_printed(header)
    assert shown["format"] == expected_of(path.parent)["format"]
    assert CliRunner().invoke(cli, ["inspect", str(path)]).exit_code == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_image_of_golden_file_is_unchanged(path: Path) -> None:
    """The rows of a golden file's image are read as they were written, with the types that they had."""
    images = expected_of(path.parent)["images"]
    assert exact(read_image(path.read_bytes())) == exact(images[path.name])


@pytest.mark.parametrize(("folder", "order"), ORDERS)
def test_golden_files_merge_to_the_expected_tables(folder: Path, order: list[str], fresh: Fresh) -> None:
    """Golden files merge into a fresh replica, in every order that their needs allow, to the tables, stamps and vector they had."""
    expected = expected_of(folder)
    with fresh(expected) as replica:
        for name in order:
            replica.merge((folder / name).read_bytes())
        assert replica.vector() == expected["vector"]
        for table, rows in expected["rows"].items():
            name = table.replace('"', '""')
            found = [[to_json(value) for value in row] for row in replica.connection.execute(f'SELECT * FROM "{name}"')]
            assert sorted(map(exact, found)) == sorted(map(exact, rows)), table
        changes = [[to_json(part) for part in change] for change in replica.changes()]
        assert sorted(map(exact, changes)) == sorted(map(exact, expected["changes"]))
        assert replica.merge((folder / order[-1]).read_bytes()).known


def test_the_signature_of_a_golden_file_is_right(fresh: Fresh) -> None:
    """A signed changeset counts where signatures are required, for who trusts the first of its sender's keys."""
    expected, data = expected_of(GOLDEN / "v2-signed"), (GOLDEN / "v2-signed" / "whole.crdt").read_bytes()
    with fresh(expected) as replica:
        replica.set_requires_signed(True)
        sender = expected["headers"]["whole.crdt"]["sender"]
        replica.trust(sender, expected["key"])
        assert replica.merge(data).total.inserted == 2
        (signer,) = replica.trusted()
        assert len(signer.steps) == 2 and signer.steps[0].key.hex() == expected["key"]


def test_a_golden_file_has_a_foretold_number(fresh: Fresh) -> None:
    """The changeset of a key that awaits a row says so by its flag; the row is held under the number that was written, until that row is there."""
    expected, data = expected_of(GOLDEN / "v2-foretold"), (GOLDEN / "v2-foretold" / "whole.crdt").read_bytes()
    assert envelope.PREFIX.unpack(data[: envelope.PREFIX.size])[2] == envelope.FORETOLD
    assert any(key["k1"] < -(1 << 62) for key in expected["images"]["whole.crdt"]["row_1"])
    with fresh(expected) as replica:
        replica.merge(data)
        assert [row.key for row in replica.held("k")] == [(2, 1)]
        replica.connection.execute("INSERT INTO p VALUES (2, 'of another site')")
        replica.fold()
        assert replica.connection.execute("SELECT v FROM k WHERE p = 2").fetchall() == [("of one that is awaited",)]


def test_a_golden_file_has_typed_rows_that_went_back(fresh: Fresh) -> None:
    """The changeset of a group that compacts typed columns says so by its flag; one of its totals begins anew, and what is forgotten is not counted twice."""
    expected, data = expected_of(GOLDEN / "v2-typed"), (GOLDEN / "v2-typed" / "whole.crdt").read_bytes()
    assert envelope.PREFIX.unpack(data[: envelope.PREFIX.size])[2] == envelope.TYPED | envelope.FORGOT
    parts = [str(row["part"]) for row in expected["images"]["whole.crdt"]["part_1"]]
    assert [part for part in parts if part.startswith("+") and part != "+"]
    with fresh(expected) as replica:
        for _ in range(2):
            replica.merge(data)
            assert replica.connection.execute("SELECT id, n FROM t ORDER BY id").fetchall() == [
                ("goes on", 33),
                ("rests", 3),
            ]


def test_a_golden_file_does_not_list_all_sites(fresh: Fresh) -> None:
    """The changeset of one row, for who knows many sites, says so by its flag; who knows those takes it, and so does who reads the list."""
    folder = GOLDEN / "v2-unlisted"
    base, delta = ((folder / f"{name}.crdt").read_bytes() for name in ("base", "delta"))
    assert envelope.PREFIX.unpack_from(delta)[2] == envelope.REST and not envelope.PREFIX.unpack_from(base)[2]
    with fresh(expected_of(folder)) as replica:
        replica.merge(base)
        known = sites.packed_before(replica.connection)
        for header in (envelope.unpack(delta, known).header, envelope.unpack(delta).header):
            assert len(header.vector) == 40 and header.needs == replica.registry.vector()
        assert len(envelope.unpack(delta, known).header.sites) < 5
        assert replica.merge(delta).total.updated == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_golden_files_cover_the_format(version: str) -> None:
    """The golden files of each version hold genesis rows, partial rows, deleted rows, several heads, all types and two mask words."""
    expected = expected_of(GOLDEN / version)
    numbers = {table["name"]: n for n, table in enumerate(expected["headers"]["delta.crdt"]["tables"], 1)}
    delta, whole = expected["images"]["delta.crdt"], expected["images"]["whole.crdt"]
    rows = [row for name, rows in whole.items() if name.startswith("row_") for row in rows]
    assert any(row["t"] < 0 for row in rows)
    assert any(row.get("gone") for row in rows)
    assert any(head.get("gone") for head in whole[f"head_{numbers['task']}"])
    assert any(not head.get("gone") for head in whole[f"head_{numbers['task']}"])
    assert any(0 < row["p0"] < 7 for row in delta[f"row_{numbers['task']}"])
    assert any(row.get("p1") for row in delta[f"row_{numbers['wide']}"])
    assert any("k2" in row for row in whole[f"row_{numbers['member']}"])
    kinds = {type(value) for _, value in expected["rows"]['odd "name']}
    assert kinds == {type(None), int, float, str, dict}
    assert whole["merged"]


@pytest.mark.parametrize("version", ["v1-types", "v2-types"])
def test_typed_golden_files_cover_the_parts(version: str) -> None:
    """The golden files with types hold every kind of part: wholes, totals, totals seen, elements, leaves, removals, siblings."""
    expected = expected_of(GOLDEN / version)
    delta, whole = expected["images"]["delta.crdt"], expected["images"]["whole.crdt"]
    parts = whole["part_1"]
    assert {len(row["part"]) for row in parts if "n" in row} == {32}
    assert any(row["part"] == "+" for row in parts) and any(row.get("gone") for row in parts)
    assert any(row["part"] == '"b","a"' for row in parts)
    assert any("v" not in row for row in delta["part_1"] if row["part"] == "")
    kinds = [column["type"] for column in expected["headers"]["whole.crdt"]["tables"][0]["columns"]]
    assert set(kinds) == {"lww", *expected["options"]["types"].values()}
    assert any(row.get("gone") for row in whole["row_1"])
