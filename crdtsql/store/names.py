"""Names: what people call sites, as far as it is known here.

A fact of `_crdt_meta` per site. A site alone changes its name, and counts how often; the higher count is the later one. Names are no
events: they travel with changesets that bring some. A file in which no site has a name pays nothing for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from crdtsql.base import UsageError, naming, query
from crdtsql.store.identity import retired
from crdtsql.store.registry import Registry

PREFIX = "name:"
Names = dict[bytes, tuple[str, int]]
"""Site id -> name, "" for none, and how often the site was given one."""


def read(registry: Registry) -> Names:
    """Return the names that are known."""
    found: Names = {}
    if not registry.number("named"):
        return found
    for name, value in query.rows(
        registry.connection, "SELECT name, value FROM main._crdt_meta WHERE name GLOB 'name:*'"
    ):
        with suppress(ValueError, TypeError):  # what somebody else wrote there is as good as nothing
            text, times = json.loads(value)
            if isinstance(text, str) and isinstance(times, int) and (not text or naming.is_site_name(text)):
                found[bytes.fromhex(name.removeprefix(PREFIX))] = (text, times)
    return found


def give(registry: Registry, text: str) -> None:
    """Give the local site a name, or with "" none.

    Raises:
        UsageError: it is no name.
    """
    if text and not naming.is_site_name(text):
        raise UsageError(
            f"{text!r:.80} is no name for a site: 1 to 64 characters that can be printed, no space around them"
        )
    own = registry.site_id(registry.self_ordinal)
    before = read(registry).get(own, ("", 0))
    if before[0] != text:
        _write(registry, {own: (text, before[1] + 1)})


def call(registry: Registry, site: bytes) -> str:
    """Name a site for a person."""
    return naming.call_site(site.hex(), {one.hex(): name for one, (name, _) in read(registry).items() if name})


def told(registry: Registry) -> Names:
    """Return the names that a changeset carries: as many as its reader takes, that of the local site among them."""
    from crdtsql.wire import MAXIMUM_NAMES

    known, over = read(registry), retired.named(registry)
    known = {site: name for site, name in known.items() if site not in over}
    if not known:
        return known
    first = [registry.site_id(registry.self_ordinal), *sorted(known)]
    return {site: known[site] for site in first[:MAXIMUM_NAMES] if site in known}


def news(registry: Registry, names: Mapping[bytes, tuple[str, int]]) -> Names:
    """Return the names among those that somebody told which are later than what is known here, but for the local site's."""
    if not names:
        return {}
    known, own = read(registry), registry.site_id(registry.self_ordinal)
    found = {site: name for site, name in names.items() if site != own and name[1] > known.get(site, ("", 0))[1]}
    return {site: name for site, name in found.items() if site not in retired.among(registry, found)}


def meet(registry: Registry, names: Mapping[bytes, tuple[str, int]]) -> None:
    """Take over what somebody told of other sites."""
    _write(registry, news(registry, names))


def _write(registry: Registry, names: Names) -> None:
    for site, name in names.items():
        registry.set(f"{PREFIX}{site.hex()}", json.dumps(name))
    if names and not registry.number("named"):
        registry.set("named", 1)
