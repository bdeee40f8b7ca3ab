"""Permission: whether a token lets a request do what it asks for, found out before any lock is taken.

A scope by tables is exact or refused: a changeset says with its vector that it has all of its sender's events, so one that left
tables out would make its receiver believe that it has what it lacks. Nothing is filtered therefore: a changeset that touches a table
beyond the scope is refused as a whole, and so is taking changes of a file that has other tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crdtsql.base import CrdtsqlError
from crdtsql.replica import Replica, asked
from crdtsql.store import Registry
from crdtsql.transports.http.bodies import Refusal
from crdtsql.transports.http.tokens import Token
from crdtsql.transports.interface import Request
from crdtsql.wire import parts_of, unpack


def check(token: Token, request: Request, replica: Replica, name: str) -> None:
    """Check a request.

    Raises:
        Refusal: the token does not cover it, or its changeset is none.
    """
    who = f"/{name}: token {token.name}"
    if request.changeset:
        if not token.write:
            raise Refusal(403, f"{who} may only take changes, and there are some to give: sync with --pull")
        try:
            touched = {
                table.name for one in parts_of(request.changeset) for table in unpack(one).header.tables if table.rows
            }
        except CrdtsqlError as error:
            raise Refusal(400, error) from error
        beyond = token.others(touched)
        if beyond:
            raise Refusal(
                403,
                f"{who} is for {_list(token)} alone, and there are changes of {', '.join(beyond)} to give: a changeset goes as a "
                "whole, so ask for a token for these tables too, or keep them in another file",
            )
    if request.order is not None:
        _check_order(token, request.order, who)
        return
    if request.question is not None and (not token.read or token.tables is not None):
        raise Refusal(
            403, f"{who} may not be asked what the file there holds: verify needs a token that may read all tables"
        )
    if request.pull and not token.read:
        raise Refusal(403, f"{who} may only give changes: sync with --push")
    if request.pull and token.tables is not None:
        beyond = token.others(table.name for table in asked(replica, Registry.tables))
        if beyond:
            raise Refusal(
                403,
                f"{who} is for {_list(token)} alone, and the file there has {', '.join(beyond)} too: changes come as a whole, so "
                "sync with --push, or ask for a token for all tables",
            )


def _check_order(token: Token, order: Mapping[str, Any], who: str) -> None:
    """Check what somebody wants to do with a claim; what is for some tables alone is for claims of their rows alone."""
    if order.get("deed") == "list":
        if not token.read or token.tables is not None:
            raise Refusal(403, f"{who} may not hear of all claims: that needs a token that may read all tables")
        return
    if not token.write:
        raise Refusal(403, f"{who} may only take changes, and claim nothing")
    table, slash, _ = str(order.get("resource", "")).partition("/")
    if token.tables is not None and (not slash or token.others([table])):
        raise Refusal(403, f"{who} is for {_list(token)} alone, and so are its claims: name them TABLE/KEY")


def _list(token: Token) -> str:
    return ", ".join(token.tables or ())
