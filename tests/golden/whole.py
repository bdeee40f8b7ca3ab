"""What the golden file of one whole changeset must give, for the programs that make such files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crdtsql import Replica
from crdtsql.base.values import to_json
from crdtsql.wire import unpack
from tests.golden.make_v1 import read_image
from tests.support.peers import rows


def write(
    target: Path, data: bytes, fresh: Replica, schema: str, tables: tuple[str, ...] = ("t",), **more: Any
) -> None:
    """Write a changeset of some tables, and what a replica that has nothing has once it took it."""
    header = unpack(data).header.to_json()
    fresh.merge(data)
    expected = {
        "format": 2,
        "schema": schema.split("; "),
        "tables": list(tables),
        **more,
        "orders": [["whole.crdt"]],
        "headers": {"whole.crdt": {name: header[name] for name in ("sender", "created_ms", "sites", "tables")}},
        "images": {"whole.crdt": read_image(data)},
        "vector": fresh.vector(),
        "rows": {table: rows(fresh, table) for table in tables},
        "changes": [[to_json(part) for part in change] for change in fresh.changes()],
    }
    target.mkdir()
    (target / "whole.crdt").write_bytes(data)
    (target / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False), encoding="utf-8")
