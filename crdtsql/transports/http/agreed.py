"""What both sides of HTTP agree on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

MEDIA_TYPE = "application/vnd.crdtsql"
"""Of requests and responses: the bytes of `transports/messages.py`."""


def mark_of(vector: Mapping[str, int], lanes: Mapping[str, int]) -> str:
    """Return a text that is another one when a replica has something else."""
    found = json.dumps([sorted(vector.items()), sorted(lanes.items())])
    return hashlib.blake2b(found.encode(), digest_size=16).hexdigest()
