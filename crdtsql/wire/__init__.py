"""What are the bytes of a changeset, and why may they be trusted?"""

from crdtsql.wire import image, workbench
from crdtsql.wire.envelope import VERSION, pack, unpack
from crdtsql.wire.files import move_to_new, no_such_file, read_changeset, read_text, write_file
from crdtsql.wire.header import MAXIMUM_LANES, Header, Site, TableHeader, UnseenWrite

__all__ = [
    "MAXIMUM_LANES",
    "VERSION",
    "Header",
    "Site",
    "TableHeader",
    "UnseenWrite",
    "image",
    "move_to_new",
    "no_such_file",
    "pack",
    "read_changeset",
    "read_text",
    "unpack",
    "workbench",
    "write_file",
]
