"""Said: which replica a file is, by the word of the operator of this process, and of the one who ran it before (decision 0033)."""

from __future__ import annotations

import json
import os

from crdtsql.base import UsageError, naming
from crdtsql.store.registry import Registry

VARIABLE = "CRDTSQL_REPLICA_ID"
"""The variable of the environment by which an operator says it."""


def by_operator() -> str | None:
    """Return which replica a file is, as the operator of this process says; None if nothing is said.

    Raises:
        UsageError: what is said can't be the id of a replica.
    """
    word = os.environ.get(VARIABLE)
    if word and not naming.is_site_name(word):
        raise UsageError(
            f"{VARIABLE} is {word!r:.80}: the id of a replica is 1 to 64 characters that can be printed, no space around them"
        )
    return word or None


def of_file(registry: Registry) -> str | None:
    """Return which replica the file is, as an operator said when it became, or started as, the site that it is."""
    try:
        site, word = json.loads(str(registry.get("replica_id")))
    except (ValueError, TypeError):
        return None
    return str(word) if site == registry.site_id(registry.self_ordinal).hex() else None


def remember(registry: Registry, word: str) -> None:
    """Remember in the file which replica it is, as long as it is the site that it is."""
    registry.set("replica_id", json.dumps([registry.site_id(registry.self_ordinal).hex(), word]))
