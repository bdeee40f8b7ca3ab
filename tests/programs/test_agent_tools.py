"""Files of LangGraph and llm with the schemas that these made, written by the statements that they run; `agent_tools.py` drives the real ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.programs import network, tools
from tests.programs.agent_tools import MADE, NEWER, OLD, clone, prepare_langgraph, prepare_llm, unite
from tests.support import command
from tests.support.command import query
from tests.support.peers import fast_directory

SEEDS = max(1, int(os.environ.get("CRDTSQL_SEEDS", "0")) // 60)
LANGGRAPH, LLM = MADE / "langgraph-checkpoint-sqlite_3.1.2.sql", MADE / "llm_0.36.sql"
PUT = """
INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
VALUES ('trip', '', '{0}', {1}, 'msgpack', x'{2}', '{{}}');
"""
PUT_WRITES = """
INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
VALUES ('trip', '', '1f1', 'task', '', -4, '__resume__', '{}', {});
"""
SHOWN = "SELECT checkpoint_id FROM checkpoints WHERE thread_id = 'trip' ORDER BY checkpoint_id DESC LIMIT 1"
FORKS = "SELECT parent_checkpoint_id FROM checkpoints GROUP BY thread_id, checkpoint_ns, parent_checkpoint_id HAVING count(*) > 1"
TURN = """
INSERT OR IGNORE INTO threads (id, name, datetime_utc) VALUES ('{thread}', 'talk', 'now');
INSERT OR IGNORE INTO messages (hash, role) VALUES ('{message}', 'user');
INSERT OR IGNORE INTO parts (message_hash, position, type, text) VALUES ('{message}', 0, 'text', '{message}');
INSERT OR IGNORE INTO fragments (hash, content) VALUES ('f', 'a long text');
INSERT INTO part_fragments SELECT parts.id, fragments.id, 0 FROM parts, fragments WHERE message_hash = '{message}';
INSERT INTO turns (id, thread_id, tip_message_hash) VALUES ('{turn}', '{thread}', '{message}');
INSERT INTO turn_search (turn_id, prompt) VALUES ('{turn}', '{message} about {turn}');
UPDATE threads SET tip_message_hash = '{message}' WHERE id = '{thread}';
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of the first replica."""
    (tmp_path / "a").mkdir()
    return tmp_path / "a"


def made(path: Path, schema: Path) -> Path:
    """Make a file as a program does."""
    command.execute(path, schema.read_text(encoding="utf-8"))
    return path


@pytest.mark.parametrize("schema", sorted(MADE.glob("*.sql")), ids=lambda path: path.stem)
def test_the_file_of_a_program_converges(schema: Path) -> None:
    """Replicas of it keep all constraints at each merge, become equal, and lose no row, whatever a program writes."""
    for seed in range(SEEDS):
        with fast_directory() as directory:
            network.run(directory, schema, seed)  # type: ignore[arg-type]


def test_two_branches_of_one_thread(folder: Path) -> None:
    """A thread that two hosts go on with has both branches; the newest checkpoint is shown, and the query of the page finds the fork."""
    file = made(folder / "graph.db", LANGGRAPH)
    command.execute(file, PUT.format("1f1", "NULL", "00"))
    prepare_langgraph(file)
    other = clone(file)
    command.execute(file, PUT.format("1f2", "'1f1'", "aa"))
    command.execute(other, PUT.format("1f3", "'1f1'", "bb"))
    tools.sync(file, other)
    tools.check(file, other)
    for path in (file, other):
        assert query(path, SHOWN) == [("1f3",)] and query(path, FORKS) == [("1f1",)]
        assert query(path, "SELECT count(*) FROM checkpoints") == [(3,)]
    assert json.loads(command.ok("conflicts", "--json", file)) == []


def test_a_value_keeps_its_type(folder: Path) -> None:
    """Of two answers to one interrupt the later one counts with its type, also where the other host wrote the type alone anew."""
    file = made(folder / "graph.db", LANGGRAPH)
    command.execute(file, PUT.format("1f1", "NULL", "00") + PUT_WRITES.format("null", "x''"))
    prepare_langgraph(file)
    other = clone(file)
    command.execute(file, PUT_WRITES.format("json", "'1'"))
    command.execute(file, PUT_WRITES.format("msgpack", "x''"))
    command.execute(other, PUT_WRITES.format("null", "x'01'"))
    tools.sync(file, other)
    tools.check(file, other)
    assert query(file, "SELECT type, value FROM writes") == [("null", b"\1")]
    lost = {one["column"]: one["lost_value"] for one in json.loads(command.ok("conflicts", "--json", file))}
    assert lost["type"] == "msgpack"


def test_what_llm_finds_by_its_content_is_one(folder: Path) -> None:
    """Messages, parts and fragments that both hosts wrote are shown once, and what refers to them shows that one; searches find all."""
    file = made(folder / "logs.db", LLM)
    prepare_llm(file)
    other = clone(file)
    command.execute(file, TURN.format(thread="x", message="hello", turn="t1"))
    command.execute(other, TURN.format(thread="y", message="hello", turn="t2"))
    tools.sync(file, other)
    tools.check(file, other)
    for path in (file, other):
        assert query(
            path,
            "SELECT count(*) FROM parts JOIN part_fragments ON part_id = parts.id JOIN fragments ON fragment_id = fragments.id",
        ) == [(1,)]
        assert query(
            path, "SELECT rowid FROM turn_search_fts WHERE turn_search_fts MATCH 'hello' ORDER BY rowid"
        ) == query(path, "SELECT id FROM turn_search ORDER BY id")
        assert query(path, "SELECT id FROM turns ORDER BY id") == [("t1",), ("t2",)]
    command.execute(other, TURN.format(thread="y", message="more", turn="t3"))
    tools.sync(file, other)
    tools.check(file, other)
    assert tools.held(file).keys() <= {"parts", "fragments", "part_fragments"}


def test_one_conversation_goes_on_from_the_later_turn(folder: Path) -> None:
    """Both turns are there; from which the conversation goes on is a conflict that can be answered."""
    file = made(folder / "logs.db", LLM)
    command.execute(file, TURN.format(thread="x", message="hello", turn="t1"))
    prepare_llm(file)
    other = clone(file)
    command.execute(file, TURN.format(thread="x", message="on a", turn="t2"))
    command.execute(other, TURN.format(thread="x", message="on b", turn="t3"))
    tools.sync(file, other)
    assert query(other, "SELECT count(*) FROM turns") == [(3,)]
    (entry,) = json.loads(command.ok("conflicts", "--json", other))
    assert (entry["table"], entry["column"]) == ("threads", "tip_message_hash")
    command.ok("resolve", other, str(entry["id"]), "--take", "theirs")
    tools.sync(file, other)
    tools.check(file, other)
    assert query(file, "SELECT tip_message_hash FROM threads") == [(entry["theirs"],)]


def test_one_host_migrates_first(folder: Path) -> None:
    """What a newer llm writes on one host waits in the other one's file, and is shown once that one's llm migrated its file too."""
    file = made(folder / "logs.db", MADE / "llm_0.27.1.sql")
    prepare_llm(file)
    other = clone(file)
    command.execute(other, OLD)
    newer = _statements(LLM)
    migration = "ALTER TABLE responses ADD COLUMN reasoning TEXT;\n" + "\n".join(newer[name] for name in NEWER)
    command.execute(file, migration)
    command.ok("enable", file, *NEWER)
    unite(file)
    command.execute(file, TURN.format(thread="x", message="hello", turn="t1"))
    command.execute(file, "INSERT INTO responses (id, prompt, reasoning) VALUES ('02', 'new', 'because')")
    tools.sync(file, other)
    command.execute(other, "UPDATE conversations SET name = 'older'")
    command.execute(other, migration)
    command.ok("enable", other, *NEWER)
    unite(other)
    tools.sync(file, other)
    command.execute(other, TURN.format(thread="y", message="more", turn="t2"))
    tools.sync(file, other)
    tools.check(file, other)
    assert query(other, "SELECT reasoning FROM responses WHERE id = '02'") == [("because",)]
    assert query(other, "SELECT id FROM turns ORDER BY id") == [("t1",), ("t2",)]


def _statements(schema: Path) -> dict[str, str]:
    """Return a schema's statements that make tables and their indexes, by table."""
    made_by: dict[str, str] = {}
    for statement in schema.read_text(encoding="utf-8").split(";\n"):
        words = statement.replace('"', " ").split()
        if words[:2] == ["CREATE", "TABLE"]:
            made_by[words[2]] = f"{statement};\n"
        elif "INDEX" in words[:3]:
            made_by[words[words.index("ON") + 1]] += f"{statement};\n"
    return made_by
