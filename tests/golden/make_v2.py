"""Make the golden files of changeset format 2: `python -m tests.golden.make_v2`.

What is in them is what is in those of format 1; so whoever reads both can compare.
"""

from __future__ import annotations

from tests.golden import make_v1, make_v1_types

if __name__ == "__main__":
    make_v1.main(make_v1.FOLDER.with_name("v2"))
    make_v1_types.main(make_v1_types.FOLDER.with_name("v2-types"))
