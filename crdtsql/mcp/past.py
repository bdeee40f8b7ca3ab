"""Past: the tools that tell what was written to a row, and take a run back."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from pydantic import Field

from crdtsql.base import value_to_json
from crdtsql.look import writer
from crdtsql.mcp import shapes
from crdtsql.mcp.caller import Callers, check_table, key_of
from crdtsql.mcp.tools import MOST, READS, WRITES, KeyParts, Listed, TableName
from crdtsql.replica import Replica
from crdtsql.store import Actor
from crdtsql.transports import http


class PastTools:
    """The tools of one file that look into its past."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register them."""
        server.add_tool(self.history, annotations=READS)
        server.add_tool(self.undo_run, annotations=WRITES)

    async def history(self, table: TableName, key: KeyParts, limit: Listed = MOST) -> shapes.RowHistory:
        """List every value that was written to a row, with who wrote it and when; the table must keep a history."""

        def work(replica: Replica, token: http.Token) -> shapes.RowHistory:
            check_table(token, table)
            names, found = replica.names(), replica.history(table, *key_of(key), limit=limit + 1)
            writes = [
                shapes.PastWrite(
                    did=one.did,
                    values={name: value_to_json(value) for name, value in one.values.items()},
                    by=writer(one, names),
                    at=one.time,
                )
                for one in found[-limit:]
            ]
            return shapes.RowHistory(table=table, key=key, writes=writes, more=len(found) > limit)

        return await self._callers.read(work)

    async def undo_run(
        self,
        run: Annotated[str, Field(description="the run whose writes are taken back, as `history` and `blame` name it")],
        actor: Annotated[str, Field(description="your name, so that others see who undid it")],
        dry_run: Annotated[bool, Field(description="only say what would be done; look at that first")] = True,
    ) -> shapes.UndoneRun:
        """Write back how rows were before a run, where its values are on top; what others wrote since then stays, and is listed."""

        def work(replica: Replica, token: http.Token) -> shapes.UndoneRun:
            by = Actor(actor, None, f"undo of {run}"[:200], None)
            told = replica.undo(run=run, by=by, tables=token.tables, dry_run=dry_run).to_json()
            return shapes.UndoneRun(
                dry_run=dry_run, undone=told["undone"], left=told["left"], unrecorded=told["unrecorded"]
            )

        return await self._callers.write(work)
