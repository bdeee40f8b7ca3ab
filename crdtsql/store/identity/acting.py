"""Acting: who writes to a file, and in which run, as writers say it, and whose the events of each site are.

A writer says it in the view `crdt_actor`; that is a mark between two entries of the log. Fold makes *attributions* of the marks:
ranges of a site's events that do not overlap. They grow at their end alone, and never get another actor, so two that begin with the
same event are one, which has the later end. In a file in which nobody says who writes, all of this costs one look at an empty table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from typing import Any, NamedTuple

import apsw

from crdtsql.base import UsageError, query, sql
from crdtsql.store.registry import Registry

LONGEST, LONGEST_NOTE = 200, 2_000
"""How many characters the name of an actor, a session or a run may have, and a note."""
FORGOTTEN = "forgotten"
"""The actor whose name was purged."""
NAMES = ("actor", "session", "run", "note")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wrote, as the writer said it.

    Attributes:
        actor: a name, 1 to 200 characters.
        session, run: names of what it did that in, None where nothing was said.
        note: why, up to 2,000 characters.
    """

    actor: str
    session: str | None = None
    run: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        return self.actor if self.run is None else f"{self.actor} (run {self.run})"

    def to_json(self) -> dict[str, str | None]:
        """Return it as `--json` prints it."""
        return asdict(self)

    def check(self) -> None:
        """Check that it can be said.

        Raises:
            UsageError: a name is empty, too long, or no text.
        """
        for name, value in zip(NAMES, astuple(self), strict=True):
            most = LONGEST_NOTE if name == "note" else LONGEST
            if value is None and name != "actor":
                continue
            if not isinstance(value, str) or not 1 <= len(value) <= most or "\0" in value or not _is_unicode(value):
                raise UsageError(
                    f"{value!r:.80} can't be said as {name} in crdt_actor: give a text of 1 to {most:,} characters"
                )


def _is_unicode(value: str) -> bool:
    return value.encode(errors="replace").decode() == value


def acting(connection: apsw.Connection) -> Actor | None:
    """Return as whom writes of now count, None if nobody said so."""
    found = marks(connection)
    return found[-1].actor if found else None


def leave(connection: apsw.Connection) -> None:
    """Note that the file goes on as another site, and so as nobody. It is looked at before anything else is: ours may be gone."""
    (there,) = query.first(
        connection, "SELECT count(*) FROM main.sqlite_schema WHERE name IN ('_crdt_acting', '_crdt_log')"
    )
    if there < 2:
        return
    end(connection)
    connection.execute("UPDATE main._crdt_acting SET actor = '' WHERE id = (SELECT max(id) FROM main._crdt_acting)")


class Said(NamedTuple):
    """What was said of who writes.

    Attributes:
        after: the entry of the log after which it holds.
        actor: None for nobody.
        left: nobody said it: the file went on as another site.
    """

    after: int
    actor: Actor | None
    left: bool = False


def marks(connection: apsw.Connection) -> list[Said]:
    """List what was said since the last fold, and what holds since before it, in order."""
    found = query.rows(connection, sql("store/identity/acting/list_marks"))
    return [Said(after, _actor(said), said[0] == b"") for after, *said in found]


def keep(connection: apsw.Connection) -> None:
    """Keep of the marks, once the log is folded, as whom writes of now count."""
    connection.execute(sql("store/identity/acting/keep"))


def draw_back(connection: apsw.Connection) -> None:
    """Let no mark stand behind the log, of which the last entries were removed: others will have their numbers."""
    connection.execute(sql("store/identity/acting/draw_back"))


class Writers:
    """Who wrote events, as far as the writers said it; costs nothing where nobody ever did."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._any = query.exists(registry.connection, "_crdt_attribution")

    def of(self, hlc: int, site: int | str) -> Actor | None:
        """Return who wrote an event, given its stamp with the site's ordinal, or its id as hex; None if that is not known."""
        if not self._any or hlc < 0:
            return None
        ordinal = site if isinstance(site, int) else self._registry.ordinals().get(bytes.fromhex(site))
        found = query.rows(self._registry.connection, sql("store/identity/acting/find"), {"hlc": hlc, "site": ordinal})
        return Actor(*found[0]) if found else None


def count(registry: Registry) -> int:
    """Count the attributions."""
    return int(query.first(registry.connection, "SELECT count(*) FROM _crdt_attribution")[0])


def ranges_of_run(registry: Registry, run: str) -> dict[int, list[tuple[int, int]]]:
    """Return the ranges of events of a run, in order: ordinal of the site -> first and last hlc of each."""
    found: dict[int, list[tuple[int, int]]] = {}
    for site, since, upto in query.rows(registry.connection, sql("store/identity/acting/list_run"), {"run": run}):
        found.setdefault(site, []).append((since, upto))
    return found


def ranges_of(registry: Registry, run: str | None, actor: str | None) -> list[tuple[int, int, int]] | None:
    """Return the ranges of events of a run, of an actor, or of a run by an actor: ordinal of the site, first and last hlc of each.

    None if neither is given.
    """
    if run is None and actor is None:
        return None
    values = {"run": run, "actor": actor}
    return query.rows(registry.connection, sql("store/identity/acting/list_ranges"), values)


def ranges_up_to(registry: Registry, below: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
    """Return the attributions that end at or before an event of their site: ordinal -> first and last hlc of each, in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for site, upto in below.items():
        ranges = query.rows(registry.connection, sql("store/identity/acting/list_up_to"), {"site": site, "upto": upto})
        found |= {site: ranges} if ranges else {}
    return found


def attribute(registry: Registry, site: int, since: int, upto: int, actor: Actor, before: int) -> None:
    """Let events of a site count as an actor's, all from one on to another one.

    Args:
        before: the site's last event before them; if that is the actor's too, its range grows.
    """
    connection, known = registry.connection, (*astuple(actor),)
    last = query.rows(connection, sql("store/identity/acting/find_last"), {"site": site})
    if last and last[0][1] == before and tuple(last[0][2:]) == known:
        statement = "UPDATE _crdt_attribution SET upto = ? WHERE site = ? AND since = ?"
        connection.execute(statement, (upto, site, last[0][0]))
    else:
        connection.execute(sql("store/identity/acting/add"), (site, since, upto, *known))


def attribute_directly(registry: Registry, site: int, since: int, upto: int) -> None:
    """Let events that are no entries of the log count as the actor's who acts now, if any does.

    On a folded registry, so that no mark stands between two entries; of a site that has earlier events, before the vector covers them.
    """
    actor = acting(registry.connection)
    if actor is not None:
        (before,) = query.first(registry.connection, "SELECT upto FROM _crdt_site WHERE ordinal = ?", (site,))
        attribute(registry, site, since, upto, actor, before)


def forget(registry: Registry, ranges: Iterable[tuple[int, int]]) -> None:
    """Forget attributions, by site and first event."""
    registry.connection.executemany("DELETE FROM _crdt_attribution WHERE site = ? AND since = ?", ranges)


def forget_name(registry: Registry, actor: str) -> int:
    """Let attributions say no more whose they are, but for the run; return how many did.

    They stay, under the name `forgotten`, so that no other replica brings the name again with events that are known here.
    """
    values = {"actor": actor, "forgotten": FORGOTTEN}
    registry.connection.execute(sql("store/identity/acting/rename"), values)
    return registry.connection.changes()


def begin(connection: apsw.Connection, actor: Actor) -> None:
    """Let what is written from now on count as somebody's."""
    connection.execute("INSERT INTO crdt_actor (actor, session, run, note) VALUES (?, ?, ?, ?)", astuple(actor))


def end(connection: apsw.Connection) -> None:
    """Let what is written from now on count as nobody's."""
    connection.execute(sql("store/identity/acting/end"))


@contextmanager
def for_now(connection: apsw.Connection, actor: Actor | None) -> Iterator[None]:
    """Let what is written in a block, within one transaction, count as somebody's, and what follows as whose it did before.

    Raises:
        UsageError: its names can't be said.
    """
    if actor is None:
        yield
        return
    actor.check()
    before = acting(connection)
    begin(connection, actor)
    yield
    end(connection)
    if before is not None:
        begin(connection, before)


def _actor(said: Iterable[Any]) -> Actor | None:
    """Make an actor of what stands in a mark, as bytes: whoever writes past the triggers may write anything."""
    actor, session, run, note = (_text(value, name) for value, name in zip(said, NAMES, strict=True))
    return None if actor is None else Actor(actor, session, run, note)


def _text(value: bytes | None, name: str) -> str | None:
    plain = (value or b"").decode(errors="replace").replace("\0", "")
    return plain[: LONGEST_NOTE if name == "note" else LONGEST] or None
