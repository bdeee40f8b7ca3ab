"""Reasons of held rows: how they are stored, how statements ask for them, and the words that people see.

A held row's `reason` is one of the texts here: a kind, or a kind and a detail after `: `. `.sql` files say `${reason_...}` for
what `SLOTS` lists, so that no template spells a reason itself; Python uses the constants and functions. Knows no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

DELETED = "deleted"
"""Nothing but deleted: every row that was deleted is among the held rows, and only `undelete` wants it."""
WAITING = "waiting"
"""Not settled yet: never the case at a commit."""
DELETED_WAITING = "deleted, waiting"
"""Deleted, and perhaps to be shown again for the sake of rows that refer to it; never the case at a commit."""
RESTORED = "deleted, shown: referenced"
"""A stand-in: deleted, and shown because rows refer to it that its deletes had not seen."""

UNIQUE = "unique"
UNITED = "united"
MOVED = "moved"
FOREIGN_KEY = "foreign key"
CHECK = "check"
TRIGGER = "trigger"
MASKED = "masked"
REFERENCED = "referenced"
"""What people see of `RESTORED`."""

KINDS = {
    UNIQUE: "another row has its value",
    UNITED: "it is one with the row that has its value, and references to it show that row",
    MOVED: "a row that it refers to is one with another one, and the key that it would have for that is another row's",
    FOREIGN_KEY: "the row that it refers to is not shown",
    CHECK: "a CHECK, NOT NULL or STRICT type refuses it, or an expression fails on it",
    TRIGGER: "a trigger of yours refuses it",
    MASKED: "it is shown with other values in some columns",
    REFERENCED: "it is deleted, and shown because rows refer to it",
    DELETED: "it is deleted",
}
"""What a kind of reason means, in the words that people see."""

SLOTS = {
    "reason_deleted": DELETED,
    "reason_waiting": WAITING,
    "reason_deleted_waiting": DELETED_WAITING,
    "reason_restored": RESTORED,
    "reason_masked_prefix": f"{MASKED}: ",
    "reason_like_deleted": f"{DELETED}*",
    "reason_like_masked": f"{MASKED}: *",
    "reason_like_shown": "*shown*",
    "reason_like_unique": f"{UNIQUE}: *",
    "reason_like_united": f"{UNITED}: *",
    "reason_like_check": f"{CHECK}: *",
    "reason_like_trigger": f"{TRIGGER}: *",
}
"""Slot of a template -> the text that it stands for; `like` ones are patterns for GLOB."""

IS_KEPT = f"reason <> '{DELETED}'"
"""Held for another reason than a plain delete: the condition of the index on `reason`."""


def because(kind: str, detail: str) -> str:
    """Write a reason with its detail.

    >>> because(FOREIGN_KEY, "person")
    'foreign key: person'
    """
    return f"{kind}: {detail}"


def masked(columns: Iterable[str]) -> str:
    """Write the reason of a row that is shown with other values in some columns."""
    return because(MASKED, json.dumps(sorted(columns)))


def is_stand_in(reason: str) -> bool:
    """Tell whether the table shows the row, otherwise than it is."""
    return reason == RESTORED or reason.startswith(f"{MASKED}: ")


def read(reason: str) -> tuple[str, str]:
    """Take a reason apart: kind and detail, as people see them.

    >>> read('masked: ["boss", "deputy"]'), read(RESTORED), read("deleted")
    (('masked', 'boss, deputy'), ('referenced', ''), ('deleted', ''))
    """
    if reason == RESTORED:
        return REFERENCED, ""
    kind, _, detail = reason.partition(": ")
    return kind, ", ".join(json.loads(detail)) if kind == MASKED else detail
