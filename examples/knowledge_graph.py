"""Agents read different sources and write what they find into one knowledge graph; an arbiter settles what they disagree on.

Run it: `python examples/knowledge_graph.py`.

A fact's object is a register: if several agents write it without knowing of each other, all values are kept, on every replica, until
somebody decides. Sources are a set, confidence is a maximum. Edges are rows that two agents can both add, and a vote counts how
often an edge was confirmed. What it is honest about: the merge never knows which value is true. The arbiter here,
`crdtsql arbitrate`, asks a program that trusts one source more than another; it asks about each conflict once, and a person or a model
could answer in its place.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from crdtsql import Replica, sync

READERS = ("almanac", "forum", "letters")
TRUST = ("letters", "almanac", "forum")
"""Whom the arbiter believes first."""
SCHEMA = """
CREATE TABLE fact (
  subject TEXT NOT NULL, predicate TEXT NOT NULL, object TEXT,
  sources TEXT NOT NULL DEFAULT '[]', confidence REAL,
  PRIMARY KEY (subject, predicate)
);
CREATE TABLE edge (
  source TEXT NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL, votes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (source, relation, target)
) WITHOUT ROWID;
"""
TYPES = {
    "fact.object": "register",
    "fact.sources": "grow-set",
    "fact.confidence": "max",
    "edge.votes": "counter",
}
# A reader uses Python's sqlite3 module, nothing else. It runs in a process of its own, because two copies of the SQLite library
# in one process must not open the same file.
READER = """
import json, sqlite3, sys
graph = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement, values in json.loads(sys.argv[2]):
    graph.execute(statement, values)
graph.close()
"""
# What the arbiter asks: it gets a conflict as JSON, and looks at all that was said of the fact, because three may have written it.
JUDGE = """
import json, sqlite3, sys
conflict, readers, trust = json.load(sys.stdin), json.loads(sys.argv[2]), json.loads(sys.argv[3])
graph = sqlite3.connect(sys.argv[1])
sides = graph.execute(
    'SELECT won_site, won_value, lost_site, lost_value FROM crdt_conflicts WHERE NOT resolved AND ("key", "column") IN '
    '(SELECT "key", "column" FROM crdt_conflicts WHERE id = ?)', [conflict["id"]]
).fetchall()
said = {readers[side[n]]: side[n + 1] for side in sides for n in (0, 2)}
print(json.dumps({"value": said[min(said, key=trust.index)]}))
"""
STATE = """INSERT INTO fact (subject, predicate, object, sources, confidence)
VALUES (:subject, :predicate, :object, json_array(:me), :confidence)
ON CONFLICT DO UPDATE SET
  object = excluded.object, sources = json_insert(sources, '$[#]', :me), confidence = excluded.confidence"""
LINK = "INSERT OR IGNORE INTO edge (source, relation, target) VALUES (:source, :relation, :target)"
CONFIRM = "UPDATE edge SET votes = votes + 1 WHERE (source, relation, target) = (:source, :relation, :target)"
UNLINK = "DELETE FROM edge WHERE (source, relation, target) = (:source, :relation, :target)"

Step = tuple[str, dict[str, object]]


def fact(me: str, subject: str, predicate: str, value: str, confidence: float) -> Step:
    """State a fact, or state it anew."""
    given = {"me": me, "subject": subject, "predicate": predicate, "object": value, "confidence": confidence}
    return STATE, given


def edge(source: str, relation: str, target: str) -> list[Step]:
    """Add an edge if it is not there, and confirm it."""
    given: dict[str, object] = {"source": source, "relation": relation, "target": target}
    return [(LINK, given), (CONFIRM, given)]


def read(graph: Path, *steps: Step) -> None:
    """Let a reader write to its replica."""
    subprocess.run([sys.executable, "-c", READER, str(graph), json.dumps(steps)], check=True)


def sync_all(hub: Path, graphs: dict[str, Path]) -> None:
    """Bring all replicas together through the arbiter's, there and back."""
    for _ in range(2):
        for graph in graphs.values():
            sync(hub, graph)


def query(database: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask a replica."""
    with Replica.open(database) as replica:
        return replica.connection.execute(sql).fetchall()


def show(database: Path) -> None:
    """Print the graph."""
    for subject, predicate, value, sources, confidence in query(database, "SELECT * FROM fact ORDER BY 1, 2"):
        print(f"  {subject} {predicate}: {value} (from {sources}, confidence {confidence})")
    for source, relation, target, votes in query(database, "SELECT * FROM edge ORDER BY 1, 2, 3"):
        print(f"  {source} -{relation}-> {target} ({votes} votes)")


def arbitrate(hub: Path, readers: dict[str, str]) -> int:
    """Have each fact with several values settled by the source that is trusted most; return how many answers that took."""
    judge = shlex.join([sys.executable, "-c", JUDGE, str(hub), json.dumps(readers), json.dumps(TRUST)])
    command = [sys.executable, "-m", "crdtsql", "arbitrate", str(hub), "--table", "fact", "--with", judge, "--json"]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for subject, predicate, value in query(hub, "SELECT subject, predicate, object FROM fact ORDER BY 1, 2"):
        print(f"  {subject!s} {predicate!s}: {value!s}")
    return len(done["resolved"])


def main() -> int:
    """Tell the story; return 0 if every disagreement was settled everywhere and all replicas end equal."""
    with tempfile.TemporaryDirectory(prefix="knowledge-graph-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        hub = Path(name) / "arbiter.db"
        return story(hub, {reader: Path(name) / f"{reader}.db" for reader in READERS})


def set_up(hub: Path, graphs: dict[str, Path]) -> dict[str, str]:
    """Make the graph and a replica for each reader; return site id -> reader."""
    hub.touch()
    readers = {}
    with Replica.open(hub) as replica:
        replica.connection.execute(SCHEMA)
        replica.connection.execute("INSERT INTO edge VALUES ('Ada', 'worked with', 'Grace', 0)")
        replica.enable("fact", "edge", types=TYPES)
        for reader, path in graphs.items():
            with replica.clone(path) as graph:
                readers[graph.site] = reader
    print(f"An arbiter and {len(graphs)} readers, each with a replica of the graph.")
    return readers


def story(hub: Path, graphs: dict[str, Path]) -> int:
    """Read apart, sync, settle, sync again."""
    readers = set_up(hub, graphs)
    print("\nApart, the readers state facts, add edges, and one deletes an edge that another confirms.")
    almanac, forum, letters = READERS
    wrong: dict[str, object] = {"source": "Ada", "relation": "worked with", "target": "Grace"}
    read(
        graphs[almanac],
        fact(almanac, "Ada", "born", "1815-12-10", 0.9),
        fact(almanac, "Ada", "field", "mathematics", 0.8),
    )
    read(graphs[almanac], *edge("Ada", "wrote about", "Analytical Engine"), (UNLINK, wrong))
    read(
        graphs[letters], fact(letters, "Ada", "field", "poetical science", 0.6), *edge("Ada", "worked with", "Charles")
    )
    read(graphs[letters], *edge("Ada", "wrote about", "Analytical Engine"))
    read(graphs[forum], fact(forum, "Ada", "born", "1816", 0.3), fact(forum, "Ada", "field", "programming", 0.4))
    read(graphs[forum], (CONFIRM, wrong))
    sync_all(hub, graphs)
    show(graphs[almanac])
    print("\nThe latest value is shown, but nobody has decided. The arbiter does:")
    settled = arbitrate(hub, readers)
    sync_all(hub, graphs)
    print("\nAll replicas have its word:")
    show(graphs[forum])
    found = query(graphs[forum], "SELECT predicate, object FROM fact ORDER BY predicate")
    right = settled == 2 and found == [("born", "1815-12-10"), ("field", "poetical science")]
    every = (hub, *graphs.values())
    left = sum(len(query(path, "SELECT 1 FROM crdt_conflicts WHERE NOT resolved")) for path in every)
    same = (
        len(
            {
                str([query(path, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("fact", "edge")])
                for path in every
            }
        )
        == 1
    )
    print("Nothing is left to settle." if right and not left else "SOMETHING IS LEFT TO SETTLE.")
    print("The replicas are equal." if same else "THE REPLICAS DIFFER.")
    return 0 if right and not left and same else 1


if __name__ == "__main__":
    sys.exit(main())
