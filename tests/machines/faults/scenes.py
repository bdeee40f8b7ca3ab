"""Scenes: files as they are before a command, the command, and what comes of it when nothing fails."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from crdtsql import Replica, sync
from crdtsql.base import NotAllowedError, naming
from crdtsql.base.sqltext import identifier
from crdtsql.store import Registry
from crdtsql.trust import chains
from crdtsql.wire import ChainLink
from crdtsql.wire.envelope import unpack
from tests.support.links import introduced, items
from tests.support.peers import write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, votes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX task_by_title ON task (title);
CREATE TABLE note (id INTEGER PRIMARY KEY, task TEXT REFERENCES task (id) ON DELETE CASCADE, text TEXT UNIQUE);
INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2), ('t3', 'three', 3), ('t4', 'four', 4);
INSERT INTO note VALUES (1, 't1', 'a'), (2, 't2', 'b'), (3, 't3', 'c');
"""
WRITES = (
    "UPDATE task SET title = title || '!', votes = votes + 1 WHERE id < 't3'",
    "DELETE FROM task WHERE id = 't4'",
    "INSERT INTO task VALUES ('t5', hex(zeroblob(9000)), 5)",
    "INSERT INTO note (task, text) VALUES ('t5', 'd')",
)
ANSWERS = ("UPDATE task SET title = 'other' WHERE id = 't1'", "INSERT INTO note (task, text) VALUES ('t1', 'e')")
NOTES = ("names_looked",)
"""Facts that only say that somebody looked, which a command that is done again may do once more."""
SITE = re.compile(r"[0-9a-f]{32}")
"""Facts about a site have it in their names; that of a file which was just made is another one each time."""
Content = list[tuple[object, ...]]
Make = Callable[[Path, str], None]


@dataclass
class Scene:
    """Files in a folder of their own, which stay the same files however often they are brought back.

    Attributes:
        words: the command.
        output: the file that it writes, "" for none.
        files: name -> bytes as they were, those of the state directory too.
    """

    folder: Path
    state: Path
    words: list[str]
    output: str = ""
    files: dict[Path, bytes] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """Return the database that the command is about."""
        return next(word for word in self.words if word.endswith(".db"))

    def keep(self) -> None:
        """Take the files as they are for those that are brought back."""
        self.files = {path: path.read_bytes() for path in self._present()}

    def bring_back(self) -> None:
        """Have the files as they were, in the same places on the disk, and no others."""
        for path in self._present():
            if path not in self.files:
                path.unlink()
        for path, data in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "r+b" if path.exists() else "wb") as file:
                file.write(data)
                file.truncate()

    def digest(self) -> bytes:
        """Return a digest of all files, their names and bytes."""
        found = hashlib.blake2b(digest_size=16)
        for path in self._present():
            data = path.read_bytes()
            found.update(f"{path} {len(data)}\n".encode() + data)
        return found.digest()

    def is_untouched(self) -> bool:
        """Tell whether all files are, byte by byte, as they were: whatever is done next is what would have been done first."""
        present = self._present()
        return present == [*self.files] and all(path.read_bytes() == data for path, data in self.files.items())

    def _present(self) -> list[Path]:
        folders = [folder for folder in (self.folder, self.state) if folder.exists()]
        return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]

    def left_over(self) -> list[str]:
        """Name the files that no command leaves behind; a journal that can't be deleted is SQLite's, and does no harm."""
        return [path.name for path in self._present() if ".tmp" in path.name]

    def content(self) -> dict[str, Content]:
        """Return what the files hold, but for ids and times; all of them must be sound."""
        found: dict[str, Content] = {}
        for path in sorted(self.folder.iterdir()):
            if path.suffix == ".db":
                found[path.name] = _content(path)
            elif path.name == self.output:
                headers = [unpack(data).header for _, data in items(path.read_bytes())]
                found[path.name] = [(table.name, table.rows) for header in headers for table in header.tables]
        return found


def _content(path: Path) -> Content:
    connection = apsw.Connection(str(path))
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        objects = "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
        found = connection.execute(objects).fetchall()
        for kind, name, _ in list(found):
            if name == "_crdt_meta":
                noted = connection.execute("SELECT name FROM _crdt_meta ORDER BY name").fetchall()
                found += sorted(("fact", SITE.sub("SITE", fact)) for (fact,) in noted if fact not in NOTES)
            elif name == "_crdt_link":
                found += _chains(connection)
            elif kind == "table" and name.startswith(("_crdt_clock_", "_crdt_heads_", "_crdt_parts_", "_crdt_born_")):
                found += connection.execute(f"SELECT '{name}', count(*) FROM {identifier(name)}").fetchall()
            elif kind == "table" and name.startswith("_crdt_held_"):
                held = connection.execute(f"SELECT * FROM {identifier(name)} ORDER BY k1, reason").fetchall()
                found += [(name, *row[1:]) for row in held]  # its number is nobody's business
            elif name == "_crdt_attribution":
                found += connection.execute(
                    "SELECT 'actor', actor, session, run, note FROM _crdt_attribution ORDER BY upto"
                ).fetchall()
            elif kind == "table" and naming.is_history(name):
                rows = connection.execute(f"SELECT * FROM {identifier(name)} ORDER BY at, op").fetchall()
                found += [(name, op, key, columns, *rest[2:]) for _, _, op, key, columns, *rest in rows]
            elif kind == "table" and not name.startswith("_crdt_"):
                found += connection.execute(f"SELECT '{name}', * FROM {identifier(name)} ORDER BY 2").fetchall()
        return found
    finally:
        connection.close()


def _chains(connection: apsw.Connection) -> Content:
    """Return of how many sites there are links, and of how many these have all that is here; each must be a whole chain.

    Where a chain was cut into links is nobody's business.
    """
    registry = Registry(connection)
    found, vector = dict[bytes, ChainLink](), registry.vector()
    statement = "SELECT site, number, since, upto, before, content, signature FROM _crdt_link ORDER BY site, number"
    for row in connection.execute(statement).fetchall():
        link = ChainLink(*row)
        last = found.get(link.site)
        if last is not None:
            assert (link.number, link.since, link.before) == (last.number + 1, last.upto, last.hash), "a broken chain"
        assert chains.is_signed(registry, link), "a link that nobody signed"
        found[link.site] = link
    complete = sum(vector.get(site, 0) == link.upto for site, link in found.items())
    return [("chains", len(found), complete, len(chains.forks(registry)))]


def _plain(folder: Path, journal: str) -> Path:
    path = folder / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = {journal}").fetchall()
    connection.execute(SCHEMA)
    connection.close()
    return path


def _pair(folder: Path, journal: str, names: Sequence[str] = ("peer.db",)) -> list[Replica]:
    """Make replicas that have met."""
    app = Replica.open(_plain(folder, journal))
    app.enable(all=True, types={"task.votes": "counter"})
    found = [app, *(app.clone(folder / name) for name in names)]
    for number, replica in enumerate(found):
        write(replica, f"INSERT INTO task VALUES ('of {number}', 'x', 0)")
    for _ in range(2):
        for other in found[1:]:
            sync(app, other)
    return found


def _close(*replicas: Replica) -> None:
    for replica in replicas:
        replica.close()


def _pending(folder: Path, journal: str) -> None:
    app, peer = _pair(folder, journal)
    _close(app, peer)
    write(folder / "app.db", *WRITES)
    write(folder / "peer.db", *ANSWERS)


def _exported(folder: Path, journal: str) -> None:
    _pending(folder, journal)
    with Replica.open(folder / "app.db") as app:
        (folder / "all.crdt").write_bytes(app.export())


def _enabled(folder: Path, journal: str) -> None:
    _close(*_pair(folder, journal))


def _damaged(folder: Path, journal: str) -> None:
    _pending(folder, journal)
    connection = apsw.Connection(str(folder / "app.db"))
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'note'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {identifier(name)}")
    connection.execute("INSERT INTO note VALUES (9, 't1', 'unseen')")
    connection.close()


def _alone(folder: Path, journal: str) -> None:
    """Make a replica that never exchanged anything, and has something to forget."""
    with Replica.open(_plain(folder, journal)) as app:
        app.enable(all=True, types={"task.votes": "counter"})
        write(app, *WRITES)
        write(app, "DELETE FROM note WHERE id < 3")


def _missed(folder: Path, journal: str, begin: Callable[..., None] = lambda *_: None) -> None:
    """Have one replica miss a compaction of the two others.

    Args:
        begin: what is done to the three at first.
    """
    lost, one, other = _pair(folder, journal, ("peer.db", "third.db"))
    begin(lost, one, other)
    write(one, "DELETE FROM task WHERE id = 't2'")
    write(lost, "UPDATE task SET title = 'late' WHERE id IN ('t2', 't3')", "INSERT INTO note VALUES (70, 't3', 'late')")
    one.forget(lost.site)
    sync(one, other)
    for _ in range(2):
        for each in (one, other):
            each.compact(keep_ms=0)
            sync(one, other)
    _close(lost, one, other)


def _in_conflict(folder: Path, journal: str) -> None:
    """Have two replicas write one cell, each without knowing of the other."""
    app, peer = _pair(folder, journal)
    write(app, *WRITES)
    write(peer, *ANSWERS)
    sync(app, peer)
    _close(app, peer)
    write(folder / "app.db", "UPDATE task SET votes = votes + 1")


def _kept(folder: Path, journal: str) -> None:
    """Keep the history of a table in which a run wrote, and something waits."""
    app, peer = _pair(folder, journal)
    app.keep_history("task")
    with app.acting_as("bot", run="r1"):
        write(app, *WRITES)
    app.fold()
    _close(app, peer)
    write(folder / "app.db", "UPDATE task SET votes = votes + 1")


def _separate(folder: Path, journal: str) -> None:
    """Fill two files separately."""
    _alone(folder, journal)
    (folder / "app.db").rename(folder / "strange.db")
    _enabled(folder, journal)


def _ahead(folder: Path, journal: str) -> None:
    """Have a replica whose schema has more than that of another one."""
    app, peer = _pair(folder, journal)
    peer.alter("ALTER TABLE task ADD COLUMN more TEXT")
    peer.connection.execute("CREATE TABLE extra (id TEXT PRIMARY KEY NOT NULL, v)")
    peer.enable("extra")
    write(peer, "UPDATE task SET more = id", "INSERT INTO extra VALUES ('e', 1)")
    _close(app, peer)
    write(folder / "app.db", *WRITES)


def _keeping(folder: Path, journal: str) -> None:
    """Have a replica keep what another one's schema has more."""
    _ahead(folder, journal)
    with Replica.open(folder / "app.db") as app, Replica.open(folder / "peer.db") as peer:
        sync(app, peer)


def _aside(folder: Path, journal: str) -> None:
    """Have a changeset set aside, which may be taken by now."""
    app, peer = _pair(folder, journal)
    app.allow(peer.site, tables=["note"])
    write(peer, *ANSWERS)
    with suppress(NotAllowedError):
        app.merge(peer.export(app.vector()))
    app.allow_all(peer.site)
    _close(app, peer)
    write(folder / "app.db", *WRITES[:1])


def _stored(folder: Path, journal: str, begin: Make = _pending) -> None:
    """Have something to put into a store, and something to take from it.

    Args:
        begin: makes the replicas.
    """
    (folder / "store").mkdir()
    begin(folder, journal)
    with Replica.open(folder / "peer.db") as peer:
        peer.sync(f"dir:{folder / 'store'}")


def _differing(folder: Path, journal: str) -> None:
    """Have two replicas with equal vectors and different rows."""
    app, peer = _pair(folder, journal)
    _close(app, peer)
    connection = apsw.Connection(str(folder / "peer.db"))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.execute("UPDATE task SET title = 'spoiled' WHERE id = 't2'")
    connection.close()


def _signing(folder: Path, journal: str) -> None:
    """Have two replicas that sign, and trust each other."""
    app, peer = _pair(folder, journal)
    introduced(app, peer, proofs=False)
    sync(app, peer)
    _close(app, peer)
    write(folder / "app.db", *WRITES)


def _proven(folder: Path, journal: str) -> None:
    """Have three replicas that require proofs, of which one has links of the third that the second lacks."""
    app, peer, third = _pair(folder, journal, ("peer.db", "third.db"))
    introduced(app, peer, third)
    for _ in range(2):
        for other in (peer, third):
            sync(app, other)
    write(
        third,
        "UPDATE task SET title = 'of the third' WHERE id IN ('t2', 't3')",
        "INSERT INTO note VALUES (80, 't3', 'third')",
    )
    sync(app, third)
    _close(app, peer, third)
    (folder / "third.db").unlink()
    write(folder / "app.db", *WRITES)
    write(folder / "peer.db", *ANSWERS)


def _bundled(folder: Path, journal: str) -> None:
    """Have a bundle of links of two sites."""
    _proven(folder, journal)
    with Replica.open(folder / "app.db") as app, Replica.open(folder / "peer.db") as peer:
        (folder / "all.crdt").write_bytes(app.export(peer.vector()))


def _linked(folder: Path, journal: str) -> None:
    """Have links to put into a store, and others to take from it."""
    _stored(folder, journal, _proven)


def _missed_proven(folder: Path, journal: str) -> None:
    """Have one replica miss a compaction of the two others, where all require proofs."""
    _missed(folder, journal, introduced)


def _plain_only(folder: Path, journal: str) -> None:
    _plain(folder, journal)


APP, PEER = "app.db", "peer.db"
SCENES: dict[str, tuple[Make, list[str], str]] = {
    "enable": (_plain_only, ["enable", APP, "--all"], ""),
    "clone": (_pending, ["clone", APP, "copy.db"], "copy.db"),
    "fold": (_pending, ["vector", APP], ""),
    "export": (_pending, ["export", APP, "-o", "new.crdt"], "new.crdt"),
    "import": (_exported, ["import", PEER, "all.crdt"], ""),
    "sync": (_pending, ["sync", APP, PEER], ""),
    "store": (_stored, ["sync", APP, "dir:store"], ""),
    "alter": (_pending, ["alter", APP, "ALTER TABLE task RENAME COLUMN title TO name"], ""),
    "repair": (_damaged, ["repair", APP], ""),
    "compact": (_alone, ["compact", APP, "--keep", "0"], ""),
    "rejoin": (_missed, ["rejoin", APP, PEER, "--yes"], ""),
    "forget": (_pending, ["forget", APP, "@peer.db"], ""),
    "purge": (_pending, ["purge", APP, "task", "t4", "--vacuum"], ""),
    "undelete": (_pending, ["undelete", APP, "task", "t4"], ""),
    "claim": (_pending, ["claim", APP, "task/t1", "--as", "ada"], ""),
    "fence": (_pending, ["fence", APP, "task", "claimed"], ""),
    "write": (_pending, ["write", APP, "task", "t1", "title=written"], ""),
    "history": (_pending, ["history", APP, "task", "on"], ""),
    "recorded": (_kept, ["vector", APP], ""),
    "undo": (_kept, ["undo", APP, "--run", "r1"], ""),
    "unkept": (_kept, ["history", APP, "task", "off", "--drop"], ""),
    "unnamed": (_kept, ["purge", APP, "--actor", "bot"], ""),
    "resolve": (_in_conflict, ["resolve", APP, "--all", "--take", "theirs"], ""),
    "combine": (_separate, ["combine", APP, "strange.db"], ""),
    "downgrade": (_pending, ["downgrade", APP], ""),
    "pull": (_ahead, ["schema", "pull", APP, PEER, "--yes"], ""),
    "strangers": (_keeping, ["strangers", APP, "--drop"], ""),
    "aside": (_aside, ["aside", APP, "1", "--take"], ""),
    "allow": (_pending, ["allow", APP, "@peer.db", "--only-own"], ""),
    "sign": (_pending, ["sign", APP], ""),
    "chain": (_signing, ["sign", APP, "--chain"], ""),
    "prove": (_signing, ["trust", APP, "--require-proofs"], ""),
    "unchain": (_proven, ["trust", APP, "--no-require-proofs"], ""),
    "seal": (_proven, ["export", APP, "-o", "new.crdt"], "new.crdt"),
    "bundle": (_bundled, ["import", PEER, "all.crdt"], ""),
    "pass": (_proven, ["sync", APP, PEER], ""),
    "link": (_linked, ["sync", APP, "dir:store"], ""),
    "offspring": (_proven, ["clone", APP, "copy.db"], "copy.db"),
    "rotate": (_proven, ["sign", APP, "--rotate"], ""),
    "revoke": (_proven, ["trust", APP, "@peer.db", "--revoke"], ""),
    "unlink": (_proven, ["purge", APP, "task", "t4"], ""),
    "return": (_missed_proven, ["rejoin", APP, PEER, "--yes"], ""),
    "verify": (_differing, ["verify", APP, PEER, "--repair", "--take", "ours"], ""),
    "unique": (_in_conflict, ["unique", APP, "note", "text", "null"], ""),
    "rows": (_in_conflict, ["rows", APP, "task", "delete-wins"], ""),
    "type": (_pending, ["type", APP, "note.text", "register"], ""),
    "ids": (_pending, ["ids", APP, "note", "autoincrement"], ""),
    "reference": (_pending, ["reference", APP, "task.title", "note.id"], ""),
    "name": (_pending, ["name", APP, "desk"], ""),
    "remote": (_pending, ["remote", "add", APP, "mate", PEER], ""),
    "disable": (_pending, ["disable", APP, "--all"], ""),
}


def _placed(word: str, folder: Path) -> str:
    """Put a word of a command into a folder: a file, a store, or `@file`, which stands for the site of a file."""
    if word.startswith("@"):
        with Replica.open(folder / word[1:]) as replica:
            return replica.site
    if word.startswith("dir:"):
        return f"dir:{folder / word[4:]}"
    return str(folder / word) if Path(word).suffix in (".db", ".crdt") else word


def make(name: str, folder: Path, journal: str) -> Scene:
    """Make the files of a scene."""
    begin, words, output = SCENES[name]
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    begin(folder / "files", journal)
    placed = [_placed(word, folder / "files") for word in words]
    scene = Scene(folder / "files", Path(os.environ["CRDTSQL_STATE_DIR"]), placed, output)
    scene.keep()
    return scene
