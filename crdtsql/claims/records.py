"""What is known of a claim, and of the moment at which it is looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from crdtsql.base import clock

HELD, LAPSED, RELEASED, COMPLETED = "held", "lapsed", "released", "completed"


class Moment(NamedTuple):
    """A moment, by the clock, which people set, and by how long the machine is up, which they don't.

    Attributes:
        now_ms: in milliseconds since 1970.
        boot: which start of the machine; "" if that is not known.
        up_ms: how long ago that was.
    """

    now_ms: int
    boot: str = ""
    up_ms: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, as the file that it was made in knows it.

    Attributes:
        resource: what is claimed: `table/key`, or any other name.
        token: grows with every claim in the file; whoever has the greatest one of a resource holds it.
        holder: who claimed it.
        through: the name of the token that a server was shown for that, "" if it was claimed in the file itself.
        state: `held`; `lapsed`: held, and others may take it; `released`; or `completed`.
        taken_ms: when it was claimed, in milliseconds since 1970.
        until_ms: when it lapses.
        left_ms: how long until then.
    """

    resource: str
    token: int
    holder: str
    through: str
    state: str
    taken_ms: int
    until_ms: int
    left_ms: int

    def to_json(self) -> dict[str, Any]:
        """Return the claim as `--json` prints it."""
        shown = {"taken": self.taken_ms, "until": self.until_ms}
        return asdict(self) | {name: clock.show_time(clock.from_ms(ms)) for name, ms in shown.items()}

    @staticmethod
    def from_json(found: dict[str, Any]) -> Claim:
        """Read what another machine says of a claim.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        texts = [str(found[name]) for name in ("resource", "holder", "through", "state")]
        numbers = [int(found[name]) for name in ("token", "taken_ms", "until_ms", "left_ms")]
        (resource, holder, through, state), (token, taken_ms, until_ms, left_ms) = texts, numbers
        return Claim(resource, token, holder, through, state, taken_ms, until_ms, left_ms)
