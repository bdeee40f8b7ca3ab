"""Values at the edge of what SQLite, JSON and clocks take: where sums overflow, numbers round, and text is none."""

from __future__ import annotations

LIMIT = 1 << 62
"""What an integer counter shows at most."""
MOST_REAL = 1.7e308
"""What a REAL counter shows at most."""

COUNTS = (0, 1, -1, 7, 1 << 40, 1 << 53, LIMIT - 1, LIMIT, 1 - LIMIT, -LIMIT, LIMIT // 2)
"""Integers that a counter takes."""
REAL_COUNTS = (0.1, 0.2, -0.1, 1.0, 1e16, 2.0**53, 1 / 3, 5e-324, 1e300, 1e308, MOST_REAL, -MOST_REAL, -1e308, -0.0)
"""Reals that a counter takes."""

NO_UTF8 = ("ff", "61e2", "eda080", "c080", "f4908080", "00ff00")
"""Bytes that SQLite stores as text and that are no UTF-8, in hexadecimal digits: CAST(x'..' AS TEXT)."""

LITERALS = (
    *("NULL", "0", "-1", "1.0", "9e999", "-9e999", "1e308", "-1.7e308", "5e-324", "9007199254740993"),
    *("9223372036854775807", "-9223372036854775807 - 1", "4611686018427387904", "-4611686018427387904", "9e18"),
    *(
        "''",
        "x''",
        "'1'",
        "x'00'",
        "'a' || char(0) || 'b'",
        "char(55296)",
        "'{bad'",
        "'[1'",
        "'$.'",
        "hex(zeroblob(25010))",
    ),
    *(f"CAST(x'{digits}' AS TEXT)" for digits in NO_UTF8),
    *(
        "'[]'",
        "'{}'",
        """'[1,1.0,"1",1e400,9223372036854775808,null,true,-0]'""",
        """'{"a":1,"a":{"b":2},"":-0.0,"\\ud800":1e400}'""",
    ),
    *("'[' || char(34) || CAST(x'ff' AS TEXT) || char(34) || ']'", "'{\"a\":' || hex(zeroblob(40)) || '}'"),
)
"""Values of any kind, as SQL; not -0.0, since its change to 0.0 is not recorded (docs/SQLITE_FACTS.md, 18)."""
