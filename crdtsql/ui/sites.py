"""Sites: how a person reads the id of a site, and writes it: by its name, where it has one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from crdtsql.base import CrdtsqlError, UsageError, naming

if TYPE_CHECKING:
    from crdtsql.replica import Replica
    from crdtsql.store import Actor

_IN_WORDS = re.compile(r"\bsite ([0-9a-f]{32})\b")


def say(site: str, names: Mapping[str, str], me: str | None = None) -> str:
    """Name a site for a person.

    >>> say("a1" * 16, {"a1" * 16: "laptop"}), say("b2" * 4, {}, "b2" * 4)
    ('laptop (a1a1a1a1)', 'b2b2b2b2 (this file)')
    """
    named = naming.call_site(site, names)
    return f"{named} (this file)" if site == me else named


def say_writer(site: str, by: Actor | None, names: Mapping[str, str], me: str | None = None) -> str:
    """Name the site that wrote something, and who wrote there, for a person."""
    named = say(site, names, me)
    return named if by is None else f"{named} as {by}"


def say_some(sites: Sequence[str], names: Mapping[str, str], most: int = 5) -> str:
    """Name the first of some sites, and say how many more there are.

    >>> say_some(["a1" * 16, "b2" * 16, "c3" * 16], {"a1" * 16: "laptop"}, 2)
    'laptop (a1a1a1a1), b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2 and 1 more'
    """
    more = f" and {len(sites) - most:,} more" if len(sites) > most else ""
    return f"{', '.join(say(site, names) for site in sites[:most])}{more}"


@contextmanager
def named(replica: Replica) -> Iterator[None]:
    """Have errors of a block call sites by their names; their fields keep the ids."""
    try:
        yield
    except CrdtsqlError as error:
        name_in(error, replica)
        raise


def name_in(error: CrdtsqlError, replica: Replica) -> None:
    """Have an error's message call sites by their names, as far as a replica knows these."""
    if error.args and _IN_WORDS.search(str(error)):
        with suppress(CrdtsqlError):  # of a file that is damaged, or locked, the ids are told
            names = replica.names()
            told = _IN_WORDS.sub(lambda one: f"site {naming.call_site(one[1], names)}", str(error))
            error.args = (told, *error.args[1:])


def found(replica: Replica, text: str | None) -> str | None:
    """Return the id of the site that a person means: its id, or its name; what is neither is left as it is.

    Raises:
        UsageError: several sites are called so.
    """
    sites = [site for site, name in replica.names().items() if name == text]
    if len(sites) > 1:
        raise UsageError(f"several sites are called {text!r}: give the id of one of them: {', '.join(sorted(sites))}")
    return sites[0] if sites else text
