"""The rule of delete floods: how many rows of a table may disappear at once before somebody is asked.

Knows numbers alone. Who counts the rows is `shown/vanishing.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from crdtsql.base.errors import UsageError

OFF, HALF_WORD = "off", "half"
LEAST_ROWS = 50
"""Where fewer rows of a table go, `half` lets them: a small table loses half of its rows on any ordinary day."""


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """How many rows of a table may disappear by one merge.

    Attributes:
        text: as a person writes it: `25`, `10%`, `half`.
        rows: at most so many; None if it is a share.
        percent: at most this share of the rows that the table shows before.
        least: where fewer go, nothing is said.
    """

    text: str
    rows: int | None = None
    percent: float = 100.0
    least: int = 1

    def allows(self, gone: int, of: int) -> bool:
        """Tell whether so many of a table's rows may go.

        >>> HALF.allows(49, 49), HALF.allows(50, 100), HALF.allows(51, 100)
        (True, True, False)
        """
        if gone < self.least:
            return True
        return gone <= self.rows if self.rows is not None else 100 * gone <= self.percent * of

    def __str__(self) -> str:
        return f"{self.text} of a table's rows" if self.rows is None else f"{self.rows:,} rows of a table"


HALF = DeleteLimit(HALF_WORD, percent=50.0, least=LEAST_ROWS)


def parse_limit(given: DeleteLimit | int | str | None) -> DeleteLimit | None:
    """Read a limit as a person or a program gives it; None lets everything through.

    >>> parse_limit("10%").percent, parse_limit(25).rows, parse_limit("off"), parse_limit("half") is HALF
    (10.0, 25, None, True)

    Raises:
        UsageError: it is none.
    """
    if given is None or isinstance(given, DeleteLimit):
        return given
    text = "" if isinstance(given, bool) else str(given).strip()
    if text in (OFF, HALF_WORD):
        return None if text == OFF else HALF
    number = text.removesuffix("%").strip()
    try:
        if text.endswith("%"):
            percent = float(number)
            if 0 <= percent <= 100 and math.isfinite(percent):
                return DeleteLimit(f"{percent:g}%", percent=percent)
        elif number.isascii() and number.isdigit() and len(number) < 19:
            return DeleteLimit(str(int(number)), rows=int(number))
    except ValueError:
        pass
    raise UsageError(
        f"{given!r:.40} is no limit of deletes: give a number of rows, a share of a table's rows such as 10%, {HALF_WORD}, or {OFF}"
    )


def write_limit(limit: DeleteLimit | None) -> str:
    """Write a limit so that `parse_limit` reads it."""
    return OFF if limit is None else limit.text
