"""Prompts: how to hand work over, and how to settle conflicts, in words for a model."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from pydantic import Field

Table = Annotated[str, Field(description="the table with the tasks")]


def add_to(server: MCPServer[Any]) -> None:
    """Register all of them."""
    server.prompt(title="Hand work over")(hand_off)
    server.prompt(title="Settle conflicts")(settle_conflicts)


def hand_off(
    table: Table,
    key: Annotated[str, Field(description="the row's key")],
    to: Annotated[str, Field(description="who goes on")],
) -> str:
    """Hand a task over so that whoever goes on has seen everything, and nothing is overwritten."""
    return (
        f"Hand the row {key!r} of the table {table!r} over to {to}.\n"
        "1. Call `sync`, so that what others wrote is here.\n"
        f"2. Read the row with `query`; keep `seen`. Call `blame` for {table!r} and the key: who wrote what, when.\n"
        "3. Write down what is done, what is open and what you know that the row does not say, in the columns that are meant for it; "
        f"say that {to} goes on. Call `write` with the `seen` of step 2. If it is refused, go back to step 1.\n"
        "4. Call `sync` again, and say whether the change went to every remote."
    )


def settle_conflicts(table: Annotated[str, Field(description="of this table alone; all without")] = "") -> str:
    """Settle open conflicts one by one, with a reason for each."""
    where = f" of the table {table!r}" if table else ""
    return (
        f"Settle the open conflicts{where}.\n"
        "1. Call `conflicts`. Each names a cell, the two values, and who wrote them; neither writer had seen the other's value.\n"
        "2. For each, read the row, and `blame` it. Decide which value is right, or whether a third one says what both meant.\n"
        "3. Call `resolve` with the conflict's `number` and `present`. If it is refused, the cell was written meanwhile: look again.\n"
        "4. Where you can't tell, leave it open, and say what a person must decide. List at the end what you chose, and why."
    )
