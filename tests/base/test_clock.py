"""The hybrid logical clock's 64 bits."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crdtsql.base import clock

MS = st.integers(0, clock.HIGHEST_HLC >> clock.COUNTER_BITS)


@given(MS, st.integers(0, 2**16 - 1))
def test_a_stamp_keeps_its_millisecond(ms: int, counter: int) -> None:
    """A stamp gives back the millisecond it was taken at, whatever its counter says, and as genesis too."""
    hlc = clock.from_ms(ms) + counter
    assert clock.to_ms(hlc) == ms
    assert clock.to_ms(hlc - clock.GENESIS_OFFSET) == ms


@given(st.integers(1, clock.HIGHEST_HLC), st.integers(1, clock.HIGHEST_HLC))
def test_genesis_is_older_than_every_write(genesis: int, write: int) -> None:
    """A genesis stamp is older than any write, ordered like the events it belongs to, and newer than a cell nobody wrote."""
    stamp = genesis - clock.GENESIS_OFFSET
    assert clock.ABSENT < stamp < 0 < write
    assert stamp & clock.EVENT_MASK == genesis
    assert write & clock.EVENT_MASK == write
    assert (stamp < write - clock.GENESIS_OFFSET) == (genesis < write)


def test_a_cell_nobody_wrote_is_known_to_everybody() -> None:
    """The stamp of a cell that nobody ever wrote belongs to event 0, which every vector covers."""
    assert clock.ABSENT & clock.EVENT_MASK == 0


def test_the_clock_has_room() -> None:
    """Stamps fit SQLite's integers, and last beyond the year 4000, with a reserve above the highest."""
    year_4000 = int(datetime(4000, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert clock.from_ms(year_4000) < clock.HIGHEST_HLC < clock.EVENT_MASK < 2**63
    assert clock.HIGHEST_HLC + 2**32 <= clock.EVENT_MASK


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_number_can_be_shown_as_a_time(hlc: int) -> None:
    """Showing a stamp never fails, not even for one that no clock of ours gives."""
    assert clock.show_time(hlc)


@given(MS.filter(lambda ms: ms < 250_000_000_000_000))
def test_a_time_is_shown_in_utc(ms: int) -> None:
    """A time is shown in UTC, ISO 8601, to the millisecond."""
    shown = clock.show_time(clock.from_ms(ms))
    assert shown.endswith("Z")
    assert len(shown) == 24
    moment = datetime.fromisoformat(shown)
    assert abs(moment.timestamp() * 1000 - ms) <= 1
