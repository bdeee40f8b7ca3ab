"""Sites: how a person reads the id of a site: by its name, where it has one, with so much of the id that two of one name differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crdtsql.base import UsageError

if TYPE_CHECKING:
    from crdtsql.replica import Replica

_DIGITS = 8


def say(site: str, names: Mapping[str, str], me: str | None = None) -> str:
    """Name a site for a person.

    >>> say("a1" * 16, {"a1" * 16: "laptop"}), say("b2" * 4, {}, "b2" * 4)
    ('laptop (a1a1a1a1)', 'b2b2b2b2 (this file)')
    """
    named = f"{names[site]} ({site[:_DIGITS]})" if site in names else site
    return f"{named} (this file)" if site == me else named


def found(replica: Replica, text: str | None) -> str | None:
    """Return the id of the site that a person means: its id, or its name; what is neither is left as it is.

    Raises:
        UsageError: several sites are called so.
    """
    sites = [site for site, name in replica.names().items() if name == text]
    if len(sites) > 1:
        raise UsageError(f"several sites are called {text!r}: give the id of one of them: {', '.join(sorted(sites))}")
    return sites[0] if sites else text
