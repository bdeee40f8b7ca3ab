"""How is a write of any program noticed?"""

from crdtsql.capture import addkey, enable
from crdtsql.capture.quiet import without_capture
from crdtsql.capture.triggers import triggers

__all__ = [
    "addkey",
    "enable",
    "triggers",
    "without_capture",
]
