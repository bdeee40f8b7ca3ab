"""Ages: how long ago something is, as people write it."""

from __future__ import annotations

import re
from datetime import timedelta

_AGE = re.compile("([0-9]{1,6})([hdw])", re.ASCII)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def read_age(text: str) -> timedelta | None:
    """Read an age, None if it is none.

    >>> read_age("12h"), read_age("soon")
    (datetime.timedelta(seconds=43200), None)
    """
    found = _AGE.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def show_age(ms: int) -> str:
    """Write an age as `read_age` reads it, if it can be written so.

    >>> show_age(0), show_age(12 * 3600 * 1000), show_age(30 * 24 * 3600 * 1000), show_age(1500)
    ('0', '12h', '30d', '1.5 s')
    """
    hours, rest = divmod(ms, 3600 * 1000)
    if ms == 0:
        return "0"
    if rest:
        return f"{ms / 1000:,g} s"
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"
