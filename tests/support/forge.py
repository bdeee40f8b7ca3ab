"""Forge changesets: take a valid one apart, change anything in it, and pack it again with a correct checksum.

What is forged of a changeset with rows has rows again; `as_image` makes one of the other format of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import apsw
import msgpack
import zstandard

from crdtsql.base import InvalidChangesetError, Rest
from crdtsql.trust import ed25519
from crdtsql.wire import Header, KeyStep
from crdtsql.wire import image as shape
from crdtsql.wire.envelope import (
    IMAGE,
    LENGTH,
    MAGIC,
    PREFIX,
    REST,
    ROWS,
    SIGNED,
    _digest,
    _flags,
    signature_bytes,
    unpack,
)
from crdtsql.wire.parsing import read_header
from tests.support.library import with_chance

Json = dict[str, Any]


def unsigned(data: bytes) -> bytes:
    """Cut off the signature of a changeset, and leave all else as it is."""
    return data[: len(data) - signature_bytes(PREFIX.unpack_from(data)[2])]


def signed(data: bytes, secret: bytes, steps: Sequence[KeyStep] = ()) -> bytes:
    """Sign a changeset with a private key, whatever key it names; `steps` are the keys that it says it has, that one if not given."""
    named = steps or [KeyStep(ed25519.public_of(secret))]
    keys = [[one.key.hex(), one.since, one.proof.hex()] for one in named]
    found = with_header(data, lambda header: header | {"keys": keys})
    magic, version, flags, *lengths, _ = PREFIX.unpack_from(found)
    prefix, rest = PREFIX.pack(magic, version, flags | SIGNED, *lengths, b"")[:-32], found[PREFIX.size :]
    digest = _digest(prefix, rest)
    return prefix + digest + rest + ed25519.sign(secret, ed25519.CHANGESET, digest)


def flagged(data: bytes, flag: int) -> bytes:
    """Set a flag of a changeset that nobody signed."""
    magic, version, flags, *lengths, _ = PREFIX.unpack_from(data)
    prefix, rest = PREFIX.pack(magic, version, flags | flag, *lengths, b"")[:-32], data[PREFIX.size :]
    return prefix + _digest(prefix, rest) + rest


def stripped(data: bytes) -> bytes:
    """Return what a changeset would be if nobody had signed it."""
    return with_header(data, lambda header: {key: value for key, value in header.items() if key != "keys"})


def parts(data: bytes) -> tuple[Json, bytes]:
    """Return the header as JSON and the image, of rows one that holds them."""
    data = unsigned(data)
    _, version, flags, head_length, _, unfolded, _ = PREFIX.unpack_from(data)
    if version == IMAGE:
        body = data[PREFIX.size + head_length :]
        image = zstandard.ZstdDecompressor().decompress(body, max_output_size=unfolded)
        return json.loads(data[PREFIX.size : PREFIX.size + head_length]), image
    start = PREFIX.size + len(listed(data))
    content = zstandard.ZstdDecompressor().decompress(data[start:], max_output_size=unfolded)
    head = content[:head_length]
    return json.loads(head), _pressed(head, content[head_length:])


def listed(data: bytes) -> bytes:
    """Return the list of the sites that a header does not list, b"" if there is none."""
    length = LENGTH.size + LENGTH.unpack_from(data, PREFIX.size)[0] if PREFIX.unpack_from(data)[2] & REST else 0
    return data[PREFIX.size : PREFIX.size + length]


def read(head: bytes) -> Header:
    """Read a header; of sites that it does not list nothing is known."""
    return read_header(head, lambda *_: Rest(MappingProxyType({})))


def _pressed(head: bytes, rows: bytes) -> bytes:
    connection = apsw.Connection(":memory:")
    for statement in shape.schema(read(head)):
        connection.execute(statement)
    for name, found in msgpack.unpackb(rows).items():
        if found:
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(found[0]))})", found)
    image = connection.serialize("main")
    connection.close()
    return image


def as_image(data: bytes) -> bytes:
    """Return a changeset that says the same in an image, but for the tables without rows, which an image has no list of."""
    header, image = parts(data)
    header = {key: value for key, value in header.items() if key not in ("others", "geneses")}
    return seal(json.dumps(header).encode(), image)


def as_rows(data: bytes) -> bytes:
    """Return a changeset that says the same in rows."""
    header, image = parts(data)
    return seal_rows(json.dumps(header).encode(), msgpack.packb(_rows(image)))


def rows_of(data: bytes) -> dict[str, list[Any]]:
    """Return what a changeset holds, in either format: table of the image that has rows -> its rows."""
    _, image = parts(data)
    return _rows(image)


def _rows(image: bytes) -> dict[str, list[Any]]:
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    content = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
    connection.close()
    return {name: rows for name, rows in content.items() if rows}


def seal(head: bytes, image: bytes, image_length: int | None = None, body: bytes | None = None) -> bytes:
    """Pack an image with a correct checksum, whatever is said."""
    body = zstandard.ZstdCompressor().compress(image) if body is None else body
    return _sealed(IMAGE, head, head, body, len(head), len(image) if image_length is None else image_length)


def seal_rows(head: bytes, rows: bytes, head_length: int | None = None, sites: bytes = b"") -> bytes:
    """Pack rows with a correct checksum, whatever is said; `sites` is the list of those that the header does not list."""
    body = sites + zstandard.ZstdCompressor().compress(head + rows)
    return _sealed(ROWS, head, b"", body, len(head) if head_length is None else head_length, len(head) + len(rows))


def _sealed(version: int, header: bytes, head: bytes, body: bytes, head_length: int, unfolded: int) -> bytes:
    """Pack with the flags that the header stands for, if it can be read; nobody signs."""
    try:
        flags = _flags(read(header)) & ~SIGNED
    except InvalidChangesetError:
        flags = 0
    prefix = PREFIX.pack(MAGIC, version, flags, head_length, len(body), unfolded, b"")[:-32]
    return prefix + _digest(prefix, head, body) + head + body


def _sealed_like(data: bytes, header: Json, image: bytes) -> bytes:
    """Pack in the format of other bytes."""
    head = json.dumps(header).encode()
    if PREFIX.unpack_from(data)[1] == IMAGE:
        return seal(head, image)
    return seal_rows(head, msgpack.packb(_rows(image)), sites=listed(data))


def with_header(data: bytes, change: Callable[[Json], Json | None]) -> bytes:
    """Change the header's JSON, in place or by returning another."""
    header, image = parts(data)
    changed = change(header)
    return _sealed_like(data, header if changed is None else changed, image)


def with_image(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the image's bytes."""
    header, image = parts(data)
    return seal(json.dumps(header).encode(), change(image))


def with_rows(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the bytes of the rows."""
    *_, head_length, _, unfolded, _ = PREFIX.unpack_from(data)
    sites = listed(data)
    content = zstandard.ZstdDecompressor().decompress(data[PREFIX.size + len(sites) :], max_output_size=unfolded)
    return seal_rows(content[:head_length], change(content[head_length:]), sites=sites)


def with_sql(data: bytes, script: str, *, lawless: bool = True, recount: bool = True) -> bytes:
    """Change the image with SQL, its constraints not enforced; row counts of the header follow, and the same script does the same."""
    header, image = parts(data)
    connection = apsw.Connection(":memory:")
    with_chance(connection, script)
    connection.deserialize("main", image)
    if lawless:
        connection.execute("PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON")
    connection.execute(script)
    if recount:
        for number, table in enumerate(header["tables"], 1):
            counts = connection.execute(f"SELECT count(*), count(gone) FROM row_{number}").fetchone()
            table["rows"], table["gone"] = counts
    changed = connection.serialize("main")
    connection.close()
    return _sealed_like(data, header, changed)


def unconstrained(data: bytes, script: str) -> bytes:
    """Change the image with SQL while its tables have neither types nor constraints; the schema text stays as announced."""
    header, image = parts(data)
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    connection.execute("PRAGMA writable_schema = ON")
    kept = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    for name, statement in kept:
        loose = statement.replace(" NOT NULL", "").replace(" STRICT", "").replace("INTEGER", "ANY").rstrip()
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (loose.replace("ANY", ""), name))
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    with_chance(connection, script)
    connection.execute(script)
    connection.execute("PRAGMA writable_schema = ON")
    for name, statement in kept:
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (statement, name))
    for number, table in enumerate(header["tables"], 1):
        table["rows"], table["gone"] = connection.execute(f"SELECT count(*), count(gone) FROM row_{number}").fetchone()
    changed = connection.serialize("main")
    connection.close()
    return _sealed_like(data, header, changed)


def is_whole(data: bytes) -> bool:
    """Tell whether the envelope can be read."""
    return unpack(data).size_bytes == len(data)
