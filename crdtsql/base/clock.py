"""The hybrid logical clock: how its 64 bits are used.

A stamp is (hlc, site). `hlc` is milliseconds since 1970 in the upper bits and a 16-bit counter in the lower
ones (Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014). It is the time that last-writer-wins compares
*and* the event's number in its site's version-vector entry.

A *genesis* stamp marks a row that was there before its table was enabled. It is the hlc of that `enable` minus
2**62, hence negative: older than every write, ordered among themselves by when their table was enabled. The event
that a stamp belongs to is `stamp & EVENT_MASK`, for both kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

COUNTER_BITS = 16
GENESIS_OFFSET = 1 << 62
EVENT_MASK = GENESIS_OFFSET - 1
HIGHEST_HLC = EVENT_MASK - (1 << 32)
ABSENT = -GENESIS_OFFSET
"""The stamp of a cell that nobody ever wrote: older than any genesis, its event (0) seen by everybody."""

MAXIMUM_SKEW_MS = 5 * 60 * 1000
"""How far a received stamp may be ahead of this machine's clock."""

Now = Callable[[], int]
"""The present in milliseconds since 1970; handed in, so that tests own the time."""


def from_ms(ms: int) -> int:
    """Return the first hlc of a millisecond.

    >>> from_ms(1)
    65536
    """
    return ms << COUNTER_BITS


def to_event(hlc: int) -> int:
    """Return the event that a stamp belongs to.

    >>> to_event(from_ms(5) - GENESIS_OFFSET) == to_event(from_ms(5)) == from_ms(5)
    True
    """
    return hlc & EVENT_MASK


def to_ms(hlc: int) -> int:
    """Return the milliseconds since 1970 that a stamp was taken at.

    >>> to_ms(from_ms(5) + 3), to_ms(from_ms(5) - GENESIS_OFFSET)
    (5, 5)
    """
    return (hlc & EVENT_MASK) >> COUNTER_BITS


def moment_ms(moment: datetime | timedelta, now_ms: int) -> int:
    """Return a moment, or how long ago it was, as milliseconds since 1970; without a time zone it is UTC.

    >>> moment_ms(datetime(1970, 1, 1, 0, 0, 1), 0), moment_ms(timedelta(seconds=1), 5000)
    (1000, 4000)
    """
    if isinstance(moment, timedelta):
        return max(0, now_ms - moment // timedelta(milliseconds=1))
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, min(int(aware.timestamp() * 1000), to_ms(HIGHEST_HLC)))


def show_time(hlc: int) -> str:
    """Write a stamp's time in UTC, ISO 8601, to the millisecond.

    >>> show_time(from_ms(0))
    '1970-01-01T00:00:00.000Z'
    """
    try:
        moment = datetime.fromtimestamp(to_ms(hlc) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{to_ms(hlc)} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
