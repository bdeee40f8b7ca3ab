"""Claiming: the verbs that say who works on what, in a file that all who ask share, or by a server that has it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crdtsql.base import ClaimedError
from crdtsql.replica.exchanging import carrier
from crdtsql.replica.guarding.permitting import Permitting
from crdtsql.replica.opening import now_ms
from crdtsql.replica.transactions import reading
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.claims import Claim, Moment, Order


class Claiming(Permitting):
    """Claim things, and fence tables."""

    def claim(
        self,
        resource: str,
        *,
        holder: str | None = None,
        length: timedelta = timedelta(minutes=10),
        again: bool = False,
        via: object = None,
    ) -> Claim:
        """Claim something that one alone may do; return the claim, whose token is greater than all before it.

        Of all who ask one file, or one server, one gets it until it is released, completed, or has lapsed and is taken.

        Args:
            resource: `table/key`, or any other name.
            holder: who claims; None for this user and machine.
            length: when it lapses, unless it is renewed.
            again: claim it also if it is completed.
            via: the remote whose file has the claims, as in `sync`; None for this file.

        Raises:
            ClaimedError: somebody else holds it, or it is completed.
            UsageError: it is no name, or a remote is a store, which can't answer.
        """
        from secrets import token_hex

        from crdtsql.claims import Order

        who = holder if holder is not None else _user()
        length_ms = round(length / timedelta(milliseconds=1))
        return self._ordered(Order("claim", resource, who, length_ms, nonce=token_hex(8), again=again), via)

    def renew(
        self, resource: str, token: int, *, length: timedelta = timedelta(minutes=10), via: object = None
    ) -> Claim:
        """Let a claim last longer from now on; one that has lapsed too, if nobody took it.

        Raises:
            ClaimedError: it is not the last claim, or is not held any more.
        """
        from crdtsql.claims import Order

        length_ms = round(length / timedelta(milliseconds=1))
        return self._ordered(Order("renew", resource, length_ms=length_ms, token=token), via)

    def release(self, resource: str, token: int | None, *, via: object = None) -> Claim:
        """Give a claim back; with None whatever claim there is, for whoever knows that its holder is gone.

        Raises:
            ClaimedError: it is not the last claim, or is completed.
        """
        from crdtsql.claims import Order

        return self._ordered(Order("release", resource, token=token), via)

    def complete(self, resource: str, token: int, *, via: object = None) -> Claim:
        """Say that what was claimed is done: nobody gets it any more, unless he asks for it again.

        Raises:
            ClaimedError: it is not the last claim, or was released.
        """
        from crdtsql.claims import Order

        return self._ordered(Order("complete", resource, token=token), via)

    def claims(self, *, every: bool = False, via: object = None) -> list[Claim]:
        """List the claims that are held or have lapsed, by resource; with `every` the last one of everything."""
        from crdtsql.claims import Claim, Order

        if via is not None:
            found = carrier().claim(self, via, Order("list", again=every).to_json())
            return [Claim.from_json(one) for one in found["claims"]]
        return self._listed(every=every)

    @verb
    def fence(self, table: str, mode: str | None = "claimed") -> bool:
        """Refuse writes of a table's rows that are claimed, unless their writer shows the token; return whether that is new.

        It holds in this file alone, for every program, and merges are not refused.

        Args:
            mode: `claimed`; `always`: also updates and deletes of rows that nobody has claimed; None: refuse nothing any more.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: there is no such fence.
        """
        from crdtsql.claims import fence
        from crdtsql.evolve import renew_triggers

        with self._changing():
            registered = self.registry.present_table(table)
            changed = fence(self.registry, registered, mode)
            if changed:
                renew_triggers(self.registry, registered)
            return changed

    def ordered(self, found: Mapping[str, Any], through: str = "") -> dict[str, Any]:
        """Do for somebody what is asked for, in this file; return what to answer.

        Args:
            through: the name of the token that was shown.

        Raises:
            ClaimedError: it can't be done.
            UsageError: it is no order.
        """
        from crdtsql.claims import Order

        order = Order.from_json(found, through)
        if order.deed == "list":
            return {"claims": [claim.to_json() for claim in self._listed(every=order.again)]}
        return {"claim": self._carried_out(order).to_json()}

    def _ordered(self, order: Order, via: object) -> Claim:
        from crdtsql.claims import Claim

        order.check()
        if via is None:
            return self._carried_out(order)
        return Claim.from_json(carrier().claim(self, via, order.to_json())["claim"])

    @verb
    def _listed(self, *, every: bool) -> list[Claim]:
        from crdtsql.claims import listed

        with self._explained(), reading(self.connection):
            self.registry.require()
            return listed(self.registry, self._moment(), every=every)

    @verb
    def _carried_out(self, order: Order) -> Claim:
        from crdtsql.claims import carry_out

        with self._changing(strict=False):
            found = carry_out(self.registry, order, self._moment())
        if isinstance(found, ClaimedError):
            raise found
        return found

    def _moment(self) -> Moment:
        from crdtsql.claims import Moment

        boot, up_ms = _up() if self._now is now_ms else ("", 0)
        return Moment(self._now(), boot, up_ms)


def _up() -> tuple[str, int]:
    """Return which start of this machine it is, and how long ago; "" if that is not known."""
    with suppress(OSError, AttributeError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return "", 0


def _user() -> str:
    """Return who runs this, and where."""
    from getpass import getuser
    from socket import gethostname

    try:
        return f"{getuser()}@{gethostname()}"
    except (OSError, KeyError, ImportError):  # a user without a name, as in a container
        return f"process {os.getpid()}@{gethostname()}"
