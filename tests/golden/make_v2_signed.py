"""Make the golden file of a signed changeset: `python -m tests.golden.make_v2_signed`. Its site has had two keys."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from crdtsql.base.values import to_json
from crdtsql.wire import unpack
from tests.golden.make_v1 import read_image
from tests.support import peers
from tests.support.peers import Clock, rows, write

FOLDER = Path(__file__).with_name("v2-signed")
SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"


def main(target: Path) -> None:
    """Write the file, and what it must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one = peers.replica(Path(folder) / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
        first = one.sign()
        write(one, "INSERT INTO t VALUES (1, 'before')")
        one.fold()
        one.sign(rotate=True)
        write(one, "INSERT INTO t VALUES (2, 'after')", "UPDATE t SET v = 'written anew' WHERE id = 1")
        data = one.export()
        header = unpack(data).header.to_json()
        fresh = peers.replica(Path(folder) / "9.db", SCHEMA, site=9)
        fresh.merge(data)
        expected = {
            "format": 2,
            "schema": [SCHEMA],
            "tables": ["t"],
            "key": first.key.hex(),
            "orders": [["whole.crdt"]],
            "headers": {"whole.crdt": {name: header[name] for name in ("sender", "created_ms", "sites", "tables")}},
            "images": {"whole.crdt": read_image(data)},
            "vector": fresh.vector(),
            "rows": {"t": rows(fresh)},
            "changes": [[to_json(part) for part in change] for change in fresh.changes()],
        }
        target.mkdir()
        (target / "whole.crdt").write_bytes(data)
        (target / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(FOLDER)
