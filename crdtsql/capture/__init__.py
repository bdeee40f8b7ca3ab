"""How is a write of any program noticed?"""

from crdtsql.capture import addkey, enable, fences, shadows, views
from crdtsql.capture.placing import create_block_triggers, create_triggers, drop_triggers, fingerprint, note_triggers
from crdtsql.capture.quiet import without_capture, without_effects
from crdtsql.capture.trial import Followers
from crdtsql.capture.triggers import trigger_statements

__all__ = [
    "Followers",
    "addkey",
    "create_block_triggers",
    "create_triggers",
    "drop_triggers",
    "enable",
    "fences",
    "fingerprint",
    "note_triggers",
    "shadows",
    "trigger_statements",
    "views",
    "without_capture",
    "without_effects",
]
