"""One person's notes on two machines, edited offline with plain SQLite, exchanged through a shared folder.

Run it: `python examples/two_laptops.py`. The folder stands for whatever carries files: a USB stick, a synced folder, mail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from crdtsql import Replica, parse_vector

# The writers know nothing of crdtsql. They run in processes of their own, because Python's sqlite3 module and crdtsql carry
# different copies of the SQLite library, and two copies in one process must not open the same file.
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
connection.close()
"""
SCHEMA = """CREATE TABLE note (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))),
  title TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL DEFAULT '',
  pinned INTEGER NOT NULL DEFAULT 0
)"""


def write(database: Path, *statements: str) -> None:
    """Let another program write to a database."""
    subprocess.run([sys.executable, "-c", WRITER, str(database), *statements], check=True)


def carry(sender: Path, receiver: Path, folder: Path) -> None:
    """Send what the receiver lacks: the receiver leaves its vector in the folder, the sender a changeset."""
    vector_file = folder / f"{receiver.parent.name}.vector.json"
    changeset_file = folder / f"{sender.parent.name}-to-{receiver.parent.name}.crdt"
    with Replica.open(receiver) as replica:
        vector_file.write_text(json.dumps(replica.vector()))
    with Replica.open(sender) as replica:
        changeset_file.write_bytes(replica.export(parse_vector(vector_file.read_text())))
    with Replica.open(receiver) as replica:
        total = replica.merge(changeset_file.read_bytes()).total
    print(
        f"  {changeset_file.name} ({changeset_file.stat().st_size:,} bytes): {total.inserted} inserted, "
        f"{total.updated} updated, {total.deleted} deleted"
    )


def notes(database: Path) -> list[tuple[object, ...]]:
    """Read all notes."""
    with Replica.open(database) as replica:
        return replica.connection.execute("SELECT title, body, pinned, id FROM note ORDER BY title").fetchall()


def main() -> int:
    """Tell the story; return 0 if both machines end with the same notes."""
    with tempfile.TemporaryDirectory(prefix="two-laptops-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        home, work, folder = (Path(name) / part for part in ("home", "work", "shared-folder"))
        for part in (home, work, folder):
            part.mkdir()
        return story(home / "notes.db", work / "notes.db", folder)


def story(home: Path, work: Path, folder: Path) -> int:
    """Write, part, write on both sides, exchange, compare."""
    write(
        home,
        SCHEMA,
        "INSERT INTO note (title, body) VALUES ('shopping', 'milk'), ('ideas', 'a boat'), ('old', 'forget me')",
    )
    with Replica.open(home) as replica:
        replica.enable("note")
        replica.clone(work)
    print("home has three notes; work is a clone of it.")

    print("\nBoth are edited offline, by programs that don't know crdtsql:")
    print("  home pins 'shopping', deletes 'old', writes 'call the bank', and rewrites the body of 'ideas'")
    write(
        home,
        "UPDATE note SET pinned = 1 WHERE title = 'shopping'",
        "DELETE FROM note WHERE title = 'old'",
        "INSERT INTO note (title) VALUES ('call the bank')",
        "UPDATE note SET body = 'a boat, a small one' WHERE title = 'ideas'",
    )
    print("  work adds to the body of 'shopping', writes 'meeting', and rewrites the body of 'ideas' a little later")
    write(
        work,
        "UPDATE note SET body = 'milk, bread' WHERE title = 'shopping'",
        "INSERT INTO note (title, body) VALUES ('meeting', 'Thursday at 9')",
        "UPDATE note SET body = 'a bicycle' WHERE title = 'ideas'",
    )

    print("\nThey exchange files through the folder:")
    carry(work, home, folder)
    carry(home, work, folder)

    print("\nBoth machines now have:")
    for title, body, pinned, _ in notes(home):
        print(f"  {'*' if pinned else ' '} {title}: {body}")
    with Replica.open(home) as replica:
        found = replica.connection.execute(
            'SELECT "key", "column", won_value, lost_value FROM crdt_conflicts'
        ).fetchall()
    for _, column, won, lost in found:
        print(
            f"The two edits of one {column} did not know of each other: {won!r} is shown, {lost!r} is in crdt_conflicts."
        )
    same = notes(home) == notes(work)
    print("The replicas are equal." if same else "THE REPLICAS DIFFER.")
    return 0 if same and len(found) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
