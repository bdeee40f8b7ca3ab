"""Forge changesets: take a valid one apart, change anything in it, and pack it again with a correct checksum."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import zstandard

from crdtsql.wire.envelope import MAGIC, PREFIX, VERSION, _digest, unpack
from tests.support.library import with_chance

Json = dict[str, Any]


def parts(data: bytes) -> tuple[Json, bytes]:
    """Return the header as JSON and the image."""
    _, _, _, head_length, _, image_bytes, _ = PREFIX.unpack_from(data)
    body = data[PREFIX.size + head_length :]
    image = zstandard.ZstdDecompressor().decompress(body, max_output_size=image_bytes)
    return json.loads(data[PREFIX.size : PREFIX.size + head_length]), image


def seal(head: bytes, image: bytes, image_length: int | None = None, body: bytes | None = None) -> bytes:
    """Pack with a correct checksum, whatever is said."""
    body = zstandard.ZstdCompressor().compress(image) if body is None else body
    length = len(image) if image_length is None else image_length
    digest = _digest(head, body, length)
    return PREFIX.pack(MAGIC, VERSION, 0, len(head), len(body), length, digest) + head + body


def with_header(data: bytes, change: Callable[[Json], Json | None]) -> bytes:
    """Change the header's JSON, in place or by returning another."""
    header, image = parts(data)
    changed = change(header)
    return seal(json.dumps(header if changed is None else changed).encode(), image)


def with_image(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the image's bytes."""
    header, image = parts(data)
    return seal(json.dumps(header).encode(), change(image))


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
    return seal(json.dumps(header).encode(), changed)


def unconstrained(data: bytes, script: str) -> bytes:
    """Change the image with SQL while its tables have neither types nor constraints; the schema text stays as announced."""
    header, image = parts(data)
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    connection.execute("PRAGMA writable_schema = ON")
    kept = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'row%' OR name LIKE 'head%'"
    ).fetchall()
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
    return seal(json.dumps(header).encode(), changed)


def is_whole(data: bytes) -> bool:
    """Tell whether the envelope can be read."""
    return unpack(data).size_bytes == len(data)
