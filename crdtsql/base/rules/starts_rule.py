"""Starts: whether two files that go on as one site are one line, or two. Knows no file.

A *start* is where a file goes on as its site because its operator says so. Starts of a site are numbered, and each has a nonce. The
events of a site between two starts were written by one file in one place, if the operator was right. So what is known of a site, its
last starts and how far it had come with these, is a *line*; two lines that can't be parts of one prove that two files wrote.
"""

from __future__ import annotations

from typing import NamedTuple

KEPT = 64
"""So many of its last starts a file keeps of a site. A file that parted before these is noticed only if it still writes."""


class Start(NamedTuple):
    """One start of a site.

    Attributes:
        since: the site's last event before it, as hlc; 0 if there was none.
        nonce: 8 hex digits, by chance, so that two files that start from the same state differ.
    """

    number: int
    since: int
    nonce: str


class SiteLine(NamedTuple):
    """What is known of a site that has starts.

    Attributes:
        upto: the last event of the site that follows on the last of these starts, or a later one of no other start, as hlc.
        starts: the last ones, by their numbers.
    """

    upto: int
    starts: tuple[Start, ...]

    @property
    def last(self) -> int:
        """Return the number of the last start."""
        return self.starts[-1].number

    def started(self, nonce: str, upto: int) -> SiteLine:
        """Return the line with one more start, from an event on; one after which nothing was written is replaced."""
        before = [start for start in self.starts if start.since < upto]
        number = self.starts[len(before)].number if len(before) < len(self.starts) else self.last + 1
        return SiteLine(upto, (*before, Start(number, upto, nonce))[-KEPT:])

    def at(self, upto: int) -> SiteLine | None:
        """Return the line once the site has come to an event: without a start after which nothing was written."""
        starts = tuple(start for start in self.starts if start.since < upto)
        return SiteLine(upto, starts) if starts else None

    def after(self, upto: int) -> SiteLine:
        """Return what somebody must hear who has the site's events up to one: from the last start before that on."""
        before = sum(start.since < upto for start in self.starts)
        return self._replace(starts=self.starts[max(0, before - 1) :])

    def joined(self, other: SiteLine) -> SiteLine:
        """Return what both say together, if they are one line."""
        known = {start.number: start for start in (*self.starts, *other.starts)}
        return SiteLine(max(self.upto, other.upto), tuple(known[number] for number in sorted(known)[-KEPT:]))


def parted(one: SiteLine, other: SiteLine) -> int | None:
    """Tell after which event of a site two files went on as it; None if both lines can be one.

    >>> first = SiteLine(10, (Start(1, 0, "aa"),))
    >>> parted(first, SiteLine(30, (Start(1, 0, "aa"), Start(2, 10, "bb"))))
    >>> parted(first._replace(upto=20), SiteLine(30, (Start(1, 0, "aa"), Start(2, 10, "bb"))))
    10
    >>> parted(first, SiteLine(10, (Start(1, 0, "bb"),)))
    0
    """
    theirs = {start.number: start for start in other.starts}
    differing = [
        min(start.since, theirs[start.number].since)
        for start in one.starts
        if start.number in theirs and start != theirs[start.number]
    ]
    if differing:
        return min(differing)
    earlier, later = sorted((one, other), key=lambda line: line.last)
    following = next((start for start in later.starts if start.number > earlier.last), None)
    return following.since if following is not None and earlier.upto > following.since else None
