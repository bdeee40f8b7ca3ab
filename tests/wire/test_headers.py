"""What changesets say about tables and columns that have other names than before, and strangers who say something wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from crdtsql.base.errors import InvalidChangesetError, SchemaMismatchError
from crdtsql.wire.envelope import header_bytes, unpack
from tests.support import forge
from tests.support.changes import pair
from tests.support.peers import rows, write
from tests.support.state import content


def test_uids_are_in_the_header_where_names_differ(tmp_path: Path) -> None:
    """A changeset names uids only where they are not the names in lower case, and a reader understands both."""
    with pair(tmp_path) as (one, other):
        before, _ = forge.parts(one.export())
        assert "uid" not in str(before["tables"])
        one.alter("ALTER TABLE task RENAME COLUMN title TO name")
        one.alter("ALTER TABLE task RENAME COLUMN id TO key")
        one.alter("ALTER TABLE task RENAME TO job")
        data = one.export()
        (table,) = forge.parts(data)[0]["tables"]
        assert (table["name"], table["uid"], table["key"], table["key_uids"]) == ("job", "task", ["key"], ["id"])
        assert table["columns"] == [{"name": "name", "type": "lww", "uid": "title"}, {"name": "n", "type": "lww"}]
        (header,) = unpack(data).header.tables
        assert (header.uid, header.key_uids, header.uids) == ("task", ("id",), ("title", "n"))
        other.merge(data)
        assert rows(other, "task") == rows(one, "job")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a uid twice": lambda table: table["columns"][0].update(uid="n"),
    "the key's uid twice": lambda table: table["columns"][0].update(uid="id"),
    "no text": lambda table: table["columns"][0].update(uid=7),
    "a NUL": lambda table: table.update(uid="a\0b"),
    "too many of the key": lambda table: table.update(key_uids=["id", "title"]),
    "none of the key": lambda table: table.update(key_uids=[]),
    "the key's no list": lambda table: table.update(key_uids=7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_wrong_uids_are_refused(change: str, tmp_path: Path) -> None:
    """A header whose uids are no names, or name two columns alike, is refused, and nothing is changed."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("UPDATE task SET n = 9")

        def changed(header: dict[str, Any]) -> None:
            CHANGES[change](header["tables"][0])

        data = forge.with_header(one.export(), changed)
        other.vector()
        before = content(other.connection)
        with pytest.raises(InvalidChangesetError):
            other.merge(data)
        assert content(other.connection) == before


def test_another_key_by_uid_is_refused(tmp_path: Path) -> None:
    """Keys are compared by uid: another key column under the old name does not pass for it."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("UPDATE task SET n = 9")

        def changed(header: dict[str, Any]) -> None:
            header["tables"][0]["key_uids"] = ["id~2"]

        with pytest.raises(SchemaMismatchError, match="primary key"):
            other.merge(forge.with_header(one.export(), changed))


PURGES: dict[str, Any] = {
    "no list": 7,
    "no entry": [7],
    "too short": [[1, 1]],
    "a site that is not listed": [[1, 9, "task", "x"]],
    "later than its site": [[1 << 60, 1, "task", "x"]],
    "no name": [[1, 1, 7, "x"]],
    "a value that is none": [[1, 1, "task", ["x"]]],
    "a number beyond 64 bits": [[1, 1, "task", 1 << 70]],
    "half of a character": [[1, 1, "task", "\ud800"]],
    "too many": [[1, 1, "task", n] for n in range(10_001)],
}


@pytest.mark.parametrize("change", PURGES)
def test_wrong_purges_are_refused(change: str, tmp_path: Path) -> None:
    """A header whose list of purges says what no sender says is refused, and nothing is changed."""
    with pair(tmp_path) as (one, other):
        one.connection.execute("UPDATE task SET n = 9")
        data = forge.with_header(one.export(), lambda header: header.update(purges=PURGES[change]))
        other.vector()
        before = content(other.connection)
        with pytest.raises(InvalidChangesetError):
            other.merge(data)
        assert content(other.connection) == before


def test_purges_of_what_is_not_here_are_passed_on(tmp_path: Path) -> None:
    """A purge of a row, a table or a form of key that is not here changes nothing, and is told to the next replica."""
    keys = [["task", "nobody"], ["elsewhere", 1, {"blob": "00"}], ["task", 1, 2, 3]]
    with pair(tmp_path) as (one, other):
        write(one, "UPDATE task SET n = 9", "UPDATE task SET n = 10", "UPDATE task SET n = 11")
        data = one.export()
        (site,) = [found for found in unpack(data).header.sites if found.id.hex() == one.site]
        listed = [[site.upto - n, site.ordinal, *key] for n, key in enumerate(keys)]
        other.merge(forge.with_header(data, lambda header: header.update(purges=listed)))
        assert rows(other, "task") == rows(one, "task")
        told = unpack(other.export()).header.purges
        assert [(one.uid, one.key) for one in told] == [
            ("task", ("nobody",)),
            ("elsewhere", (1, b"\0")),
            ("task", (1, 2, 3)),
        ]
        assert not unpack(other.export(one.vector())).header.purges


NO_IDS: dict[str, Callable[[str], object]] = {
    "capitals": str.upper,
    "blanks": lambda site: f"{site[:-2]}  ",
    "blanks within, of the same length": lambda site: f"{site[:14]}  {site[16:]}",
    "letters that are no digits": lambda site: f"{site[:-1]}g",
    "digits that are not ASCII": lambda site: f"{site[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
    "too short": lambda site: site[:-2],
    "too long": lambda site: f"{site}00",
    "a number": lambda site: int(site, 16),
    "none": lambda _: None,
}


@pytest.mark.parametrize("change", NO_IDS)
def test_ids_of_sites_that_are_none_are_refused(change: str, tmp_path: Path) -> None:
    """An id of a site is 32 hex digits in lower case; a header with another one is refused, whichever of its sites has it."""
    with pair(tmp_path) as (one, _):
        one.connection.execute("UPDATE task SET n = 9")
        data = one.export()
        for number in range(len(unpack(data).header.sites)):

            def changed(header: dict[str, Any], number: int = number) -> None:
                site = header["sites"][number]
                site["id"] = NO_IDS[change](f"{site['id'][:-1]}a")

            with pytest.raises(InvalidChangesetError, match="its header is not valid"):
                unpack(forge.with_header(data, changed))


def test_header_is_written_as_its_json(tmp_path: Path) -> None:
    """The bytes of a header are those of its JSON object, also where a name looks like a part of it, and where it has no sites."""
    with pair(tmp_path) as (one, _):
        one.alter('ALTER TABLE task RENAME COLUMN title TO """sites"":[]"')
        found = unpack(one.export()).header
        for header in (found, replace(found, sites=())):
            written = json.dumps(header.to_json(), separators=(",", ":"), ensure_ascii=False)
            assert header_bytes(header).decode() == written


def test_vectors_that_are_shared_stay_as_they_are(tmp_path: Path) -> None:
    """Whoever asks a file, or a header, for its version vector can't change what the next one gets."""
    with pair(tmp_path) as (one, _):
        header = unpack(one.export()).header
        for shared in (one.registry.vector(), one.registry.ordinals(), header.vector, header.needs, header.ids):
            with pytest.raises(TypeError):
                shared[next(iter(shared), b"")] = 1  # type: ignore[index]


def test_frame_may_ask_for_more_room(tmp_path: Path) -> None:
    """Whoever compresses a small changeset may choose a large window, or damage it; the next one is read all the same."""
    with pair(tmp_path) as (one, _):
        data = one.export()
        head = header_bytes(unpack(data).header)
        image = forge.parts(forge.as_image(data))[1]
        room = zstandard.ZstdCompressionParameters(window_log=26, write_content_size=False)
        pressed = zstandard.ZstdCompressor(compression_params=room).compressobj()
        wide = pressed.compress(image) + pressed.flush()
        assert zstandard.get_frame_parameters(wide).window_size == 1 << 26
        for body in (wide, zstandard.ZstdCompressor().compress(image), wide):
            with unpack(forge.seal(head, image, body=body)).image() as found:
                assert found == image
            with (
                pytest.raises(InvalidChangesetError),
                unpack(forge.seal(head, image, body=body[: len(body) // 2])).image(),
            ):
                pass
