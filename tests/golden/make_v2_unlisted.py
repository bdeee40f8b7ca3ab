"""Make the golden files of a group of many sites, of which one changeset does not list all: `python -m tests.golden.make_v2_unlisted`.

`base.crdt` has a row of each of forty sites; `delta.crdt` a change of one row, for who has those.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from crdtsql.base.values import to_json
from crdtsql.wire import unpack
from tests.golden.make_v1 import read_image
from tests.support.peers import Clock, replica, rows, write

FOLDER = Path(__file__).with_name("v2-unlisted")
SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, title TEXT)"
SITES = 40


def main(target: Path) -> None:
    """Write the files, and what they must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one, fresh = (replica(Path(folder) / f"{n}.db", SCHEMA, now=Clock(step=1_000), site=n) for n in (1, 99))
        for number in range(2, SITES + 2):
            with one.connection:
                one.registry.become(bytes([number * 5 % 251]) + bytes(15))
            write(one, f"INSERT INTO t VALUES ('of {number}', 'by a site of its own')")
        files = {"base.crdt": one.export()}
        since = one.vector()
        write(one, "UPDATE t SET title = 'changed' WHERE id = 'of 7'")
        files["delta.crdt"] = one.export(since)
        for data in files.values():
            fresh.merge(data)
        headers = {name: unpack(data).header.to_json() for name, data in files.items()}
        told = ("sender", "created_ms", "sites", "tables")
        expected = {
            "format": 2,
            "schema": [SCHEMA],
            "tables": ["t"],
            "orders": [[*files]],
            "headers": {name: {key: header[key] for key in told} for name, header in headers.items()},
            "images": {name: read_image(data) for name, data in files.items()},
            "vector": fresh.vector(),
            "rows": {"t": rows(fresh, "t")},
            "changes": [[to_json(part) for part in change] for change in fresh.changes()],
        }
        target.mkdir()
        for name, data in files.items():
            (target / name).write_bytes(data)
        (target / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(FOLDER)
