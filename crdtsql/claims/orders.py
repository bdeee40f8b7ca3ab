"""Orders: what somebody asks of the file that has the claims, here or by a server: to claim, renew, release or complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from crdtsql.base import ClaimedError, UsageError
from crdtsql.claims import claiming
from crdtsql.claims.claiming import Kept
from crdtsql.claims.records import COMPLETED, HELD, RELEASED, Claim, Moment
from crdtsql.store import Registry

CLAIM, RENEW, RELEASE, COMPLETE, LIST = "claim", "renew", "release", "complete", "list"
DEEDS = (CLAIM, RENEW, RELEASE, COMPLETE, LIST)


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        deed: claim, renew, release, complete, or list.
        resource: what it is about; "" to list.
        holder: who claims.
        length_ms: for how long, of claim and renew.
        token: of the claim, of all but claim and list; None to release whatever claim there is.
        nonce: tells an order that comes twice from two orders.
        again: claim also what is completed; list also what is not held.
        through: the name of the token that a server was shown, "" if none.
    """

    deed: str
    resource: str = ""
    holder: str = ""
    length_ms: int = 0
    token: int | None = None
    nonce: str = ""
    again: bool = False
    through: str = ""

    def check(self) -> Order:
        """Return it if it can be carried out.

        Raises:
            UsageError: it can't.
        """
        if self.deed not in DEEDS:
            raise UsageError(f"{self.deed!r:.40} is nothing that can be done with a claim")
        if self.deed == CLAIM and not (0 < len(self.holder) <= claiming.LONGEST and self.holder.isprintable()):
            raise UsageError(f"{self.holder!r:.80} is no name of a holder: say who claims")
        if self.deed in (CLAIM, RENEW) and not claiming.SHORTEST_MS <= self.length_ms <= claiming.LONGEST_MS:
            raise UsageError("a claim lasts from a millisecond to a year: say for how long, as 10m")
        if self.deed in (RENEW, COMPLETE) and self.token is None:
            raise UsageError(f"to {self.deed} a claim, say its token")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return it as it goes to a server."""
        return asdict(self)

    @staticmethod
    def from_json(found: Mapping[str, Any], through: str) -> Order:
        """Read what somebody asks of a server; who is said by the token that was shown, not by the asker.

        Raises:
            UsageError: it is no order.
        """
        try:
            token = found.get("token")
            texts = {name: str(found.get(name, "")) for name in ("deed", "resource", "holder", "nonce")}
            order = Order(
                **texts,
                length_ms=int(found.get("length_ms", 0)),
                token=None if token is None else int(token),
                again=found.get("again") is True,
                through=through,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"that is nothing that can be done with a claim ({error})") from error
        if not -(1 << 62) < (order.token or 0) < 1 << 62 or len(order.nonce) > claiming.LONGEST:
            raise UsageError("that is nothing that can be done with a claim: a number or a text is too long")
        return order.check()


def carry_out(registry: Registry, order: Order, moment: Moment) -> Claim | ClaimedError:
    """Do what is asked for; return the claim as it is then, or why it can't be done, for what was noted on the way stays."""
    claiming.set_up(registry)
    name = claiming.name_of(registry, order.resource)
    found = claiming.read(registry, name)
    before = found[0] if found else None
    if order.deed == CLAIM:
        return _claim(registry, order, name, before, moment)
    if before is None:
        return ClaimedError(f"{name} is claimed by nobody in {registry.path}: claim it first", name)
    if order.token is not None and order.token != before.token:
        return _refused(registry, before, moment, f"token {order.token} is not that of its last claim")
    return _go_on(registry, order, before, moment)


def _claim(registry: Registry, order: Order, name: str, before: Kept | None, moment: Moment) -> Claim | ClaimedError:
    if before is not None and before.state == HELD:
        if order.nonce and order.nonce == before.nonce:
            return before.told(moment)
        if before.left_ms(moment) > 0:
            if before.until_ms - moment.now_ms > before.length_ms:  # the clock was set back: it ends all the same
                claiming.put(registry, before.renewed(moment, before.length_ms))
            return _refused(registry, before, moment, "it is held")
    if before is not None and claiming.is_done(before) and not order.again:
        return _refused(registry, before, moment, "it is completed, and can be claimed again with --again")
    token, now_ms = claiming.next_token(registry, moment), moment.now_ms
    who = (order.holder, order.through, registry.self_ordinal)
    fresh = Kept(name, token, *who, HELD, now_ms, now_ms, order.length_ms, "", 0, order.nonce)
    kept = fresh.renewed(moment, order.length_ms)
    claiming.put(registry, kept)
    return kept.told(moment)


def _go_on(registry: Registry, order: Order, before: Kept, moment: Moment) -> Claim | ClaimedError:
    """Renew, release or complete a claim whose token was told."""
    ends = {RELEASE: RELEASED, COMPLETE: COMPLETED}
    if before.state != HELD:
        if ends.get(order.deed) == before.state:
            return before.told(moment)
        return _refused(registry, before, moment, f"it is {before.state}")
    kept = before.renewed(moment, order.length_ms) if order.deed == RENEW else replace(before, state=ends[order.deed])
    claiming.put(registry, kept)
    return kept.told(moment)


def _refused(registry: Registry, before: Kept, moment: Moment, why: str) -> ClaimedError:
    claim = before.told(moment)
    known = claim.to_json()
    through = f" through {claim.through}" if claim.through else ""
    until = f", until {known['until']}" if claim.state == HELD else ""
    return ClaimedError(
        f"{claim.resource}: {why}: its last claim is token {claim.token} of {claim.holder}{through} ({claim.state}{until}); nothing "
        f"was done in {registry.path}",
        claim.resource,
        known,
    )
