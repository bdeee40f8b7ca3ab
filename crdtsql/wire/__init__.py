"""What are the bytes of a changeset, and why may they be trusted?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.wire import image, rows, workbench
    from crdtsql.wire.attaching import attached, attached_file, laid_open
    from crdtsql.wire.bundles import (
        NOTHING_BEFORE,
        Bundle,
        Capacity,
        ChainLink,
        is_bundle,
        pack_bundle,
        parts_of,
        read_bundle,
    )
    from crdtsql.wire.envelope import (
        MAXIMUM_ROWS_BYTES,
        Changeset,
        Sign,
        header_bytes,
        pack,
        pack_file,
        pack_rows,
        unpack,
    )
    from crdtsql.wire.files import move_to_new, no_such_file, read_changeset, read_text, write_file
    from crdtsql.wire.halfway import left_in, unfinished
    from crdtsql.wire.header import Header, KeyStep, PurgedRow, Site, TableHeader, UnseenWrite
    from crdtsql.wire.parsing import (
        MAXIMUM_FORETOLD,
        MAXIMUM_KEYS,
        MAXIMUM_LANES,
        MAXIMUM_NAMES,
        MAXIMUM_SITES,
        MAXIMUM_STARTS,
        read_header,
    )
    from crdtsql.wire.room import having_room
    from crdtsql.wire.spilled import Spill, Spilled, bytes_of, pieces_of, put_together
else:
    __getattr__ = door(
        __name__,
        {
            "attaching": "attached attached_file laid_open",
            "bundles": "Bundle ChainLink NOTHING_BEFORE Capacity is_bundle pack_bundle parts_of read_bundle",
            "envelope": "Changeset MAXIMUM_ROWS_BYTES Sign header_bytes pack pack_file pack_rows unpack",
            "files": "move_to_new no_such_file read_changeset read_text write_file",
            "header": "Header KeyStep PurgedRow Site TableHeader UnseenWrite",
            "parsing": "MAXIMUM_FORETOLD MAXIMUM_KEYS MAXIMUM_LANES MAXIMUM_NAMES MAXIMUM_SITES MAXIMUM_STARTS read_header",
            "halfway": "left_in unfinished",
            "room": "having_room",
            "spilled": "Spill Spilled bytes_of pieces_of put_together",
        },
    )

__all__ = [
    "MAXIMUM_FORETOLD",
    "MAXIMUM_KEYS",
    "MAXIMUM_LANES",
    "MAXIMUM_NAMES",
    "MAXIMUM_ROWS_BYTES",
    "MAXIMUM_SITES",
    "MAXIMUM_STARTS",
    "NOTHING_BEFORE",
    "Bundle",
    "Capacity",
    "ChainLink",
    "Changeset",
    "Header",
    "KeyStep",
    "PurgedRow",
    "Sign",
    "Site",
    "Spill",
    "Spilled",
    "TableHeader",
    "UnseenWrite",
    "attached",
    "attached_file",
    "bytes_of",
    "having_room",
    "header_bytes",
    "image",
    "is_bundle",
    "laid_open",
    "left_in",
    "move_to_new",
    "no_such_file",
    "pack",
    "pack_bundle",
    "pack_file",
    "pack_rows",
    "parts_of",
    "pieces_of",
    "put_together",
    "read_bundle",
    "read_changeset",
    "read_header",
    "read_text",
    "rows",
    "unfinished",
    "unpack",
    "workbench",
    "write_file",
]
