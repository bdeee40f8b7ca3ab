"""Tools: what agents may have done with a file. Each passes on to a verb of `Replica`; none knows SQL of ours."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from crdtsql.base import CrdtsqlError, SqliteValue, suggest, value_to_json
from crdtsql.claims import Claim
from crdtsql.conflicts import Conflict
from crdtsql.look import writer, writer_at
from crdtsql.mcp import shapes
from crdtsql.mcp.caller import Callers, check_table, key_of, value_of
from crdtsql.replica import UNSET, Expected, Replica, RowChange, SyncReport
from crdtsql.sqlite import ReadLimits
from crdtsql.store import Actor
from crdtsql.transports import http

MOST = 200
"""So many of anything are listed, unless more is asked for."""
MOST_ROWS = 5000

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)
REACHES_OUT = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

Sql = Annotated[str, Field(description="one statement of SQLite's SQL; values as ? or :name")]
Parameters = Annotated[
    list[Any] | dict[str, Any] | None,
    Field(description='values for ? in order, or for :name by name; a BLOB is {"blob": "00ff"}'),
]
TableName = Annotated[str, Field(description="a replicated table")]
KeyParts = Annotated[list[Any], Field(description="the row's primary key: one value for each of its columns")]
Resource = Annotated[str, Field(description="what is claimed: TABLE/KEY for a row, or any other name")]
ClaimToken = Annotated[int, Field(description="the claim's token")]
Minutes = Annotated[float, Field(gt=0, le=10080, description="when it lapses unless it is renewed")]
ActorName = Annotated[str | None, Field(description="your name, so that others see who wrote it")]
Run = Annotated[str | None, Field(description="name of the run or task that you write in")]
Note = Annotated[str | None, Field(description="why")]
Via = Annotated[str | None, Field(description="name of the remote whose file has the claims; this file without")]
Listed = Annotated[int, Field(ge=1, le=MOST_ROWS, description="list at most so many")]


Tool = Callable[..., Coroutine[Any, Any, Any]]


class Tools:
    """The tools of one file."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register all of them."""
        reading: list[Tool] = [self.query, self.status, self.conflicts, self.blame, self.held, self.news, self.claims]
        writing: list[Tool] = [self.write, self.resolve, self.claim, self.renew, self.release, self.complete]
        reaching_out: list[Tool] = [self.preview_merge, self.sync]
        for tools, hints in ((reading, READS), (writing, WRITES), (reaching_out, REACHES_OUT)):
            for tool in tools:
                server.add_tool(tool, annotations=hints)

    async def query(
        self,
        sql: Sql,
        parameters: Parameters = None,
        max_rows: Listed = MOST,
    ) -> shapes.Found:
        """Run one SELECT. Keep `seen` of the answer, and pass it to `write` if you change what you read here."""
        found = await self._callers.read(
            lambda replica, token: replica.query(
                sql, _bound(parameters), limits=ReadLimits(rows=max_rows), tables=token.tables
            ),
        )
        told = found.to_json()
        return shapes.Found(columns=told["columns"], rows=told["rows"], complete=told["complete"], seen=told["seen"])

    async def write(
        self,
        sql: Sql,
        parameters: Parameters = None,
        seen: Annotated[
            str,
            Field(
                description="`seen` of the query in which you read what you change now; without it only new rows are written"
            ),
        ] = "",
        expect: Annotated[
            list[shapes.RowAt] | None,
            Field(
                description="rows that must still be at these revisions: those that you change without `seen`, or rely on"
            ),
        ] = None,
        token: Annotated[
            int | None,
            Field(description="token of your claim of the row, where its table refuses other writes of claimed rows"),
        ] = None,
        actor: ActorName = None,
        run: Run = None,
        note: Note = None,
    ) -> shapes.Wrote:
        """Run one INSERT, UPDATE or DELETE. It is refused, and nothing is written, if it would overwrite a row that you have not seen.

        When it is refused, query again, think again, and write with the new `seen`. To change a counter, write `n = n + 1`.
        """
        shown, who = token, _who(actor, run, note)
        rows = [Expected(one["table"], key_of(one["key"]), one["revision"]) for one in expect or ()]
        done = await self._callers.write(
            lambda replica, token: replica.execute(
                sql,
                _bound(parameters),
                seen=seen,
                expect=rows,
                token=shown,
                actor=who,
                limits=ReadLimits(rows=MOST),
                tables=token.tables,
            ),
        )
        told = done.to_json()
        return shapes.Wrote(
            changes=told["changes"],
            columns=told["columns"],
            rows=told["rows"],
            written=told["written"],
            seen=told["seen"],
        )

    async def conflicts(
        self,
        table: Annotated[str | None, Field(description="of this table alone")] = None,
        open_only: Annotated[bool, Field(description="leave out those that somebody has settled")] = True,
        limit: Listed = MOST,
    ) -> shapes.Conflicts:
        """List cells that two replicas wrote without having seen each other's write: both values, and whose counts now."""

        def work(replica: Replica, token: http.Token) -> shapes.Conflicts:
            check_table(token, table)
            found, names = replica.conflicts(table, open_only=open_only), replica.names()
            listed = [_conflict(one, names) for one in found[:limit]]
            return shapes.Conflicts(conflicts=listed, more=len(found) > limit)

        return await self._callers.read(work)

    async def resolve(
        self,
        number: Annotated[int, Field(description="the conflict's number")],
        present: Annotated[
            str, Field(description="`present` of the conflict as you saw it; refused if the cell was written since")
        ],
        take: Annotated[Literal["ours", "theirs"] | None, Field(description="take one side")] = None,
        value: Annotated[Any, Field(description="or write this value; give {'json': null} for NULL")] = None,
        actor: ActorName = None,
        run: Run = None,
        note: Note = None,
    ) -> shapes.OpenConflict:
        """Settle a conflict by a write that has seen both values, and so wins everywhere."""
        if (take is None) == (value is None):
            raise ToolError("say either which side to take, or which value")
        who = _who(actor, run, note)

        def work(replica: Replica, token: http.Token) -> shapes.OpenConflict:
            entry = replica.conflict(number)
            check_table(token, entry.table)
            if entry.present_mark != present:
                raise ToolError(f"the cell of conflict {number} was written since you saw it: look at it again")
            chosen = UNSET if take is not None else value_of(None if value == {"json": None} else value)
            return _conflict(replica.resolve(number, take, value=chosen, seen=entry, actor=who), replica.names())

        return await self._callers.write(work)

    async def blame(self, table: TableName, key: KeyParts) -> shapes.Blamed:
        """Say who wrote each cell of a row last, and when, and the row's revision."""

        def work(replica: Replica, token: http.Token) -> shapes.Blamed:
            check_table(token, table)
            parts, names = key_of(key), replica.names()
            cells = [
                shapes.Cell(column=one.column, value=value_to_json(one.value), by=writer(one, names), at=one.time)
                for one in replica.blame(table, *parts)
            ]
            return shapes.Blamed(table=table, key=key, revision=replica.revision(table, *parts), cells=cells)

        return await self._callers.read(work)

    async def held(
        self,
        table: Annotated[str | None, Field(description="of this table alone")] = None,
        limit: Listed = MOST,
    ) -> shapes.HeldRows:
        """List rows that a table can't show, or not as they are, because of a constraint; and what would release them."""

        def work(replica: Replica, token: http.Token) -> shapes.HeldRows:
            check_table(token, table)
            found = replica.held(table)
            rows = [
                shapes.Held(
                    table=one.table,
                    key=[value_to_json(part) for part in one.key],
                    reason=one.reason,
                    detail=one.detail,
                    release=one.release,
                    by="" if one.by is None else str(one.by),
                    values={name: value_to_json(value) for name, value in one.values.items()},
                )
                for one in found[:limit]
            ]
            return shapes.HeldRows(held=rows, more=len(found) > limit)

        return await self._callers.read(work)

    async def news(
        self,
        after: Annotated[int, Field(ge=0, description="`position` of the last answer; 0 for all")] = 0,
        table: Annotated[str | None, Field(description="of this table alone")] = None,
        limit: Listed = MOST,
    ) -> shapes.Arrivals:
        """List rows that show what other replicas wrote, the newest first, for instance what came in while you worked."""

        def work(replica: Replica, token: http.Token) -> shapes.Arrivals:
            check_table(token, table)
            names, position = replica.names(), replica.position()
            rows = [
                shapes.Arrived(
                    table=one.table,
                    key=[value_to_json(part) for part in one.key],
                    did=one.did,
                    columns=list(one.columns),
                    by=writer(one, names),
                    at=one.time,
                )
                for one in replica.log(table, after=after, limit=limit)
            ]
            return shapes.Arrivals(rows=rows, position=position)

        return await self._callers.read(work)

    async def status(self) -> shapes.StateOfFile:
        """Say which tables are replicated, how many rows, open conflicts and held rows they have, and which remotes there are."""

        def work(replica: Replica, token: http.Token) -> shapes.StateOfFile:
            found, names = replica.status(), replica.names()
            tables = [one for one in found.tables if not token.others([one.name])]
            lacking = {names.get(peer.site, peer.site): peer.missing_rows for peer in found.peers if peer.missing_rows}
            whole = token.tables is None
            return shapes.StateOfFile(
                site=found.site,
                name=names.get(found.site, ""),
                acting="" if found.acting is None or not whole else str(found.acting),
                tables=[
                    shapes.TableAt(
                        name=one.name, rows=one.rows, held_rows=one.held_rows, open_conflicts=one.open_conflicts
                    )
                    for one in tables
                ],
                remotes=replica.remotes() if whole else {},
                peers_that_lack_changes=lacking if whole else {},
            )

        return await self._callers.read(work)

    async def sync(
        self,
        remote: Annotated[
            str | None, Field(description="the name of a remote, as `status` lists them; all without")
        ] = None,
    ) -> list[shapes.Synced]:
        """Exchange changes with a remote that this file knows by name, or with all of them."""

        def work(replica: Replica, token: http.Token) -> list[shapes.Synced]:
            check_table(token, None)
            return [_sync(replica, name) for name in _remotes(replica, remote)]

        return await self._callers.write(work)

    async def preview_merge(
        self,
        remote: Annotated[str, Field(description="the name of a remote, as `status` lists them")],
        limit: Listed = MOST,
    ) -> shapes.Preview:
        """Say row by row what a sync with a remote would change here, collide or hold. Changes nothing."""

        def work(replica: Replica, token: http.Token) -> shapes.Preview:
            check_table(token, None)
            (name,) = _remotes(replica, remote)
            found = replica.preview(name, limit=limit)
            here = found.here
            return shapes.Preview(
                remote=name,
                here=[_would_change(one) for one in here.rows],
                collisions=here.conflict_count,
                held=here.held_count,
                more=here.more,
                cells_sent=found.cell_count,
                stopped=found.stopped or "",
            )

        return await self._callers.read(work)

    async def claim(
        self,
        resource: Resource,
        holder: Annotated[str, Field(min_length=1, description="who claims: your name")],
        minutes: Minutes = 10,
        via: Via = None,
        again: Annotated[bool, Field(description="claim it also if it is completed")] = False,
    ) -> shapes.ClaimAt:
        """Claim what one alone may do, such as a task, before you begin. Refused if somebody has it; keep the token.

        The claim counts in this file, or, with `via`, at a remote that all agents share. Renew it while you work: it lapses.
        """
        length = timedelta(minutes=minutes)
        return await self._order(
            resource,
            via,
            lambda replica, at: replica.claim(resource, holder=holder, length=length, again=again, via=at),
        )

    async def renew(
        self, resource: Resource, token: ClaimToken, minutes: Minutes = 10, via: Via = None
    ) -> shapes.ClaimAt:
        """Let a claim last longer from now on."""
        length = timedelta(minutes=minutes)
        return await self._order(
            resource, via, lambda replica, at: replica.renew(resource, token, length=length, via=at)
        )

    async def release(self, resource: Resource, token: ClaimToken, via: Via = None) -> shapes.ClaimAt:
        """Give a claim back, so that others get it."""
        return await self._order(resource, via, lambda replica, at: replica.release(resource, token, via=at))

    async def complete(self, resource: Resource, token: ClaimToken, via: Via = None) -> shapes.ClaimAt:
        """Say that what was claimed is done, so that nobody gets it any more."""
        return await self._order(resource, via, lambda replica, at: replica.complete(resource, token, via=at))

    async def claims(self, via: Via = None) -> shapes.Claims:
        """List claims that are held, or have lapsed and can be taken."""

        def work(replica: Replica, token: http.Token) -> shapes.Claims:
            check_table(token, None)
            at = None if via is None else _remotes(replica, via)[0]
            return shapes.Claims(claims=[_claim(one) for one in replica.claims(via=at)])

        return await self._callers.read(work)

    async def _order(
        self, resource: str, via: str | None, order: Callable[[Replica, str | None], Claim]
    ) -> shapes.ClaimAt:
        def work(replica: Replica, token: http.Token) -> shapes.ClaimAt:
            table, slash, _ = resource.partition("/")
            check_table(token, table if slash else None)
            return _claim(order(replica, None if via is None else _remotes(replica, via)[0]))

        return await self._callers.write(work)


def _claim(one: Claim) -> shapes.ClaimAt:
    told = one.to_json()
    return shapes.ClaimAt(
        resource=one.resource,
        token=one.token,
        holder=one.holder,
        state=one.state,
        until=told["until"],
        left_ms=one.left_ms,
    )


def _would_change(one: RowChange) -> shapes.WouldChange:
    told = one.to_json()
    return shapes.WouldChange(table=one.table, key=told["key"], did=one.did, columns=told["columns"])


def _bound(parameters: list[Any] | dict[str, Any] | None) -> list[SqliteValue] | dict[str, SqliteValue]:
    """Turn parameters into values of SQLite's."""
    if isinstance(parameters, dict):
        return {name: value_of(value) for name, value in parameters.items()}
    return [value_of(value) for value in parameters or ()]


def _who(actor: str | None, run: str | None, note: str | None) -> Actor | None:
    """Say who writes, if somebody said it."""
    if actor is None and (run or note):
        raise ToolError("say as whom you write, if you say in which run, or why: actor")
    return None if actor is None else Actor(actor, None, run, note)


def _conflict(entry: Conflict, names: dict[str, str]) -> shapes.OpenConflict:
    return shapes.OpenConflict(
        number=entry.id,
        table=entry.table,
        key=[value_to_json(part) for part in entry.key],
        column=entry.column,
        part=entry.part,
        ours=value_to_json(entry.ours),
        theirs=value_to_json(entry.theirs),
        took=entry.took,
        ours_by=writer_at(entry.ours_site, entry.ours_by, names),
        theirs_by=writer_at(entry.theirs_site, entry.theirs_by, names),
        resolved=entry.resolved,
        deleted=entry.deleted,
        present_value=value_to_json(entry.present_value),
        present=entry.present_mark,
    )


def _remotes(replica: Replica, wanted: str | None) -> list[str]:
    """Return the names of remotes: an agent does not get to say addresses."""
    known = replica.remotes()
    if wanted is None and known:
        return [*known]
    if wanted not in known:
        there = ", ".join(known) or f"none: a person adds one with {suggest.verb('remote add')}"
        raise ToolError(
            f"no remote is called {wanted!r}; there is {there}" if wanted else f"of remotes there is {there}"
        )
    return [wanted]


def _sync(replica: Replica, name: str) -> shapes.Synced:
    try:
        found: SyncReport = replica.sync(name)
    except CrdtsqlError as error:
        return shapes.Synced(remote=name, sent=0, received=0, rows_here=0, concurrent=0, failed=str(error))
    total = found.here.total
    return shapes.Synced(
        remote=name,
        sent=found.sent,
        received=found.received,
        rows_here=total.inserted + total.updated + total.deleted,
        concurrent=total.concurrent,
        failed="",
    )
