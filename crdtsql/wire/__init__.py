"""What are the bytes of a changeset, and why may they be trusted?"""

from crdtsql.wire import image
from crdtsql.wire.changeset import VERSION, Header, Site, TableHeader, pack, unpack
from crdtsql.wire.files import move_to_new, read_changeset, read_text, write_file

__all__ = [
    "VERSION",
    "Header",
    "Site",
    "TableHeader",
    "image",
    "move_to_new",
    "pack",
    "read_changeset",
    "read_text",
    "unpack",
    "write_file",
]
