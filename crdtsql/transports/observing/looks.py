"""Looks: when a replica and a remote were last found equal, and where both stood then; kept outside of the user's file.

What is kept may be lost at any time: then all rows are read. Whether it counts still both sides decide (`crdtsql/verify/marks.py`).
"""

from __future__ import annotations

import json
from contextlib import suppress

from crdtsql.replica import Replica
from crdtsql.transports import cards
from crdtsql.verify import Look

KIND = "looks"


def read(replica: Replica, address: str) -> tuple[Look, int] | None:
    """Return the last look, and when all rows were last read, in milliseconds since 1970."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(cards.place(replica, address, KIND).read_text(encoding="utf-8"))
        return Look(dict(found["here"]), dict(found["there"]), dict(found["columns"])), int(found["read_ms"])
    return None


def keep(replica: Replica, address: str, look: Look, read_ms: int) -> None:
    """Keep a look that found both equal."""
    found = {"address": address, "here": look.here, "there": look.there, "columns": look.columns, "read_ms": read_ms}
    cards.replace(cards.place(replica, address, KIND), json.dumps(found))


def forget(replica: Replica, address: str) -> None:
    """Forget the last look: what differs now lies in rows of which it says that they are equal."""
    with suppress(OSError):
        cards.place(replica, address, KIND).unlink(missing_ok=True)
