"""Conflict clauses for the constraints of a schema that was written without any."""

from __future__ import annotations

import re
from itertools import cycle

CLAUSES = ("REPLACE", "IGNORE", "FAIL", "ROLLBACK", "REPLACE IGNORE", "IGNORE REPLACE FAIL")
"""What constraints say, in turn."""
_CONSTRAINT = re.compile(r"(?:UNIQUE(?! INDEX)|PRIMARY KEY(?: DESC)?|NOT NULL)(?: \([^)]*\))?")
_INDEX = re.compile(r"CREATE UNIQUE INDEX \w+ ON \w+ (?P<columns>\([\w, ]*\))(?P<where> WHERE [^;]*)?;")


def with_clauses(schema: str, clauses: str) -> str:
    """Give the constraints of a schema conflict clauses, in turn."""
    turn = cycle(clauses.split())
    return _CONSTRAINT.sub(lambda found: f"{found[0]} ON CONFLICT {next(turn)}", schema) if clauses else schema


def with_constraints(create: str, indexes: str) -> tuple[str, str]:
    """Make constraints of a table's plain UNIQUE indexes, since only these can have a conflict clause."""
    body, _, rest = create.rpartition(")")
    plain = "".join(f", UNIQUE {found['columns']}" for found in _INDEX.finditer(indexes) if not found["where"])
    return f"{body}{plain}){rest}", _INDEX.sub(lambda found: found[0] if found["where"] else "", indexes)
