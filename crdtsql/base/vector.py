"""Version vectors as people and programs exchange them: JSON, site ids as hex."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from crdtsql.base import clock
from crdtsql.base.errors import UsageError

Vector = Mapping[str, int]
"""A version vector: site id as 32 hex digits -> highest hlc seen of that site."""

_SITE = re.compile("[0-9a-fA-F]{32}")


def parse_vector(text: str) -> dict[str, int]:
    """Read a version vector from JSON: `{"<site id>": hlc, ...}`.

    Raises:
        UsageError: the text is not one.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a version vector: {error}; `crdtsql vector FILE` prints one") from error
    if not isinstance(found, dict) or not all(
        _SITE.fullmatch(site) and isinstance(hlc, int) and not isinstance(hlc, bool) and 0 <= hlc <= clock.HIGHEST_HLC
        for site, hlc in found.items()
    ):
        raise UsageError('not a version vector: {"<site id, 32 hex digits>": number, ...} is expected')
    return found


def by_id(vector: Vector) -> dict[bytes, int]:
    """Return a vector with site ids as bytes.

    Raises:
        UsageError: a site id is not hex.
    """
    try:
        return {bytes.fromhex(site): hlc for site, hlc in vector.items()}
    except ValueError as error:
        raise UsageError(f"not a version vector: {error}") from error
