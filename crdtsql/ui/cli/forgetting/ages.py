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
