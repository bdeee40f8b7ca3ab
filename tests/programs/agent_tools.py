"""LangGraph's checkpoints and llm's logs, each written by the real program on two replicas; `make soak` installs both and runs this.

They are programs as they are installed, in processes of their own. `test_agent_tools.py` has what `make test` runs of it: the same
with the schemas that they made, which this compares with what they make now.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT
from tests.programs import tools
from tests.programs.trackers import interpreter
from tests.support import command

MADE = Path(__file__).parent / "made"
"""Schemas as the programs made them; the names say which version."""
NEWER = (
    "messages", "part_attachments", "part_fragments", "parts", "threads", "tool_instantiations", "turn_fragments", "turn_search",
    "turn_tools", "turns",
)  # fmt: skip
"""The tables of llm that its version 0.27 did not have."""
SAME = {"fragments": "hash", "tools": "hash", "parts": "message_hash,position"}
"""What llm finds by its content, and numbers."""

LANGGRAPH = """
import json, operator, sys
from typing import Annotated, TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

class State(TypedDict):
    said: Annotated[list[str], operator.add]
    word: str

def say(state):
    return {"said": [state["word"]]}

def ask(state):
    return {"said": [interrupt("which?") if state["word"] == "ask" else state["word"].upper()]}

plan = StateGraph(State)
plan.add_node("say", say)
plan.add_node("ask", ask)
plan.add_edge(START, "say")
plan.add_edge("say", "ask")
plan.add_edge("ask", END)
path, thread, did, *words = sys.argv[1:]
with SqliteSaver.from_conn_string(path) as saver:
    graph = plan.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": thread}}
    if did == "say":
        graph.invoke({"word": words[0]}, config)
    elif did == "resume":
        graph.invoke(Command(resume=words[0]), config)
    elif did == "branch":
        graph.invoke({"word": words[1]}, {"configurable": {"thread_id": thread, "checkpoint_id": words[0]}})
    elif did == "delete":
        saver.delete_thread(thread)
    state = graph.get_state(config)
    ends = {one.config["configurable"]["checkpoint_id"]: one.values["said"] for one in graph.get_state_history(config) if not one.next}
    print(json.dumps({"said": state.values.get("said"), "next": list(state.next), "ends": ends}))
"""


def langgraph(path: Path, *words: str) -> Any:
    """Do something to a thread with LangGraph; return what it shows of the thread then."""
    return tools.python(LANGGRAPH, path, *words, folder=path.parent, interpreter=interpreter())


def llm(path: Path, *words: str) -> str:
    """Run llm on the logs of a folder, with its model that only echoes."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(interpreter().with_name("llm")), *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=path.parent,
        env=environment | {"LLM_USER_PATH": str(path.parent)},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def prompt(path: Path, text: str, *words: str) -> None:
    """Ask the echo."""
    llm(path, "-m", "echo", text, *words)


def prompts(path: Path) -> list[Any]:
    """Return what llm shows of its logs: prompt, conversation, hashes of fragments, names of tools."""
    shown = json.loads(llm(path, "logs", "list", "-n", "0", "--json"))
    return [
        [
            one["prompt"],
            one["conversation_id"],
            [fragment["hash"][:6] for fragment in one["prompt_fragments"]],
            [tool["name"] for tool in one["tools"]],
        ]
        for one in shown
    ]


def prepare_langgraph(path: Path) -> None:
    """Do what docs/AGENTS.md says for a file of LangGraph's checkpoints."""
    command.ok("enable", path, "--all", "--granularity", "row")


def prepare_llm(path: Path) -> None:
    """Do what docs/AGENTS.md says for llm's logs."""
    command.ok("enable", path, "--all")
    command.ok("disable", path, "_llm_migrations")
    unite(path)


def unite(path: Path) -> None:
    """Say that rows of llm's with one content are one."""
    there = {name for (name,) in command.query(path, "SELECT name FROM sqlite_schema")}
    for table, columns in SAME.items():
        if table in there:
            command.ok("unique", path, table, columns, "same")


def clone(path: Path) -> Path:
    """Make the other replica, in a folder of its own as llm wants it."""
    other = path.parent.parent / "b" / path.name
    other.parent.mkdir()
    command.ok("clone", path, other)
    return other


def schema(path: Path) -> list[str]:
    """Return the statements of a file's schema, without what a full-text index keeps for itself."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    connection.close()
    kept = re.compile(r"_fts_(data|idx|docsize|config)$")
    return [re.sub(r"\s+", " ", statement) for name, statement in rows if not kept.search(name)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Say where the first replica is to be; the tool makes it."""
    (tmp_path / "a").mkdir()
    return tmp_path / "a" / "logs.db"


@pytest.mark.parametrize("made", sorted(MADE.glob("*.sql")), ids=lambda path: path.stem)
def test_the_schemas_are_those_of_the_programs(made: Path, file: Path, tmp_path: Path) -> None:
    """A schema that is kept here is what the program of that version makes; another version is told, and not compared."""
    package, _, version = made.stem.partition("_")
    installed = tools.python(
        "import importlib.metadata, json, sys; print(json.dumps(importlib.metadata.version(sys.argv[1])))",
        package, folder=tmp_path, interpreter=interpreter(),
    )  # fmt: skip
    if installed != version:
        pytest.skip(f"{package} {installed} is installed")
    langgraph(file, "t", "say", "x") if package.startswith("langgraph") else prompt(file, "x")
    kept = tmp_path / "kept.db"
    command.execute(kept, made.read_text(encoding="utf-8"))
    assert schema(kept) == schema(file)


def test_threads_of_both_hosts_are_on_both(file: Path) -> None:
    """Threads that LangGraph made on two hosts can be read, and gone on with, on both."""
    langgraph(file, "common", "say", "first")
    prepare_langgraph(file)
    other = clone(file)
    langgraph(file, "of a", "say", "x")
    langgraph(other, "of b", "say", "y")
    tools.sync(file, other)
    langgraph(other, "of a", "say", "from b")
    tools.sync(file, other)
    tools.check(file, other)
    for path in (file, other):
        assert langgraph(path, "of a", "look")["said"] == ["x", "X", "from b", "FROM B"]
        assert langgraph(path, "of b", "look")["said"] == ["y", "Y"]


def test_one_thread_on_both_hosts_has_two_branches(file: Path) -> None:
    """LangGraph shows the branch that was written later by the clock; the other one is there, and can be gone on with."""
    langgraph(file, "common", "say", "first")
    prepare_langgraph(file)
    other = clone(file)
    langgraph(file, "common", "say", "a")
    langgraph(other, "common", "say", "b")
    tools.sync(file, other)
    shown = [langgraph(path, "common", "look") for path in (file, other)]
    assert shown[0] == shown[1] and shown[0]["said"][2:] == ["b", "B"]
    (branch,) = [end for end, said in shown[0]["ends"].items() if said[2:] == ["a", "A"]]
    langgraph(other, "common", "branch", branch, "again")
    tools.sync(file, other)
    tools.check(file, other)
    assert langgraph(file, "common", "look")["said"] == ["first", "FIRST", "a", "A", "again", "AGAIN"]
    assert json.loads(command.ok("conflicts", "--json", file)) == []


def test_an_interrupt_that_both_answer(file: Path) -> None:
    """Of two answers to one interrupt the later one counts, as a whole, and the other one is in the conflict log."""
    langgraph(file, "common", "say", "ask")
    prepare_langgraph(file)
    other = clone(file)
    assert langgraph(other, "common", "look")["next"] == ["ask"]
    langgraph(file, "common", "resume", "yes")
    langgraph(other, "common", "resume", "no")
    tools.sync(file, other)
    tools.check(file, other)
    assert [langgraph(path, "common", "look")["said"][-1] for path in (file, other)] == ["no", "no"]
    found = json.loads(command.ok("conflicts", "--json", file))
    assert found and {one["table"] for one in found} == {"writes"}


def test_a_thread_that_one_deletes_and_the_other_goes_on_with(file: Path) -> None:
    """What was written without knowing of the delete stays, and is enough to go on."""
    langgraph(file, "common", "say", "first")
    prepare_langgraph(file)
    other = clone(file)
    langgraph(file, "common", "delete")
    langgraph(other, "common", "say", "later")
    tools.sync(file, other)
    tools.check(file, other)
    said = ["first", "FIRST", "later", "LATER"]
    assert langgraph(file, "common", "look")["said"] == langgraph(other, "common", "look")["said"] == said
    assert langgraph(file, "common", "say", "on")["said"] == [*said, "on", "ON"]


ADD = 'def add(a: int, b: int) -> int:\n    "Add."\n    return a + b\n'
CALL = '{{"tool_calls": [{{"name": "add", "arguments": {{"a": {}, "b": 1}}}}], "prompt": "{}"}}'


def test_prompts_of_both_hosts_are_on_both(file: Path) -> None:
    """llm shows and finds what was asked on either host, with fragments and tools that both used; both logs are sound."""
    prompt(file, "first")
    prepare_llm(file)
    other = clone(file)
    for path, name in ((file, "a"), (other, "b")):
        (path.parent / "long.txt").write_text("some long text", encoding="utf-8")
        (path.parent / "add.py").write_text(ADD, encoding="utf-8")
        prompt(path, f"fragment {name}", "-f", "long.txt")
        prompt(path, CALL.format(len(name), name), "--functions", "add.py")
        prompt(path, "the same")
    tools.sync(file, other)
    tools.check(file, other)
    shown = [prompts(path) for path in (file, other)]
    assert shown[0] == shown[1] and len(shown[0]) == 9
    assert len({one[1] for one in shown[0]}) == 7, "those of tools are two turns of one conversation"
    assert sorted(len(one[2]) for one in shown[0])[-2:] == [1, 1] and sum(one[3] == ["add"] for one in shown[0]) == 4
    for path in (file, other):
        found = json.loads(llm(path, "logs", "list", "-q", "fragment", "-n", "0", "--json"))
        assert {one["prompt"].split()[-1] for one in found} == {"a", "b"}
    prompt(other, "more", "-f", "long.txt")
    tools.sync(file, other)
    tools.check(file, other)


def test_one_conversation_on_both_hosts(file: Path) -> None:
    """All turns are shown on both; it goes on from the later one, the other one is in the conflict log, and can be taken."""
    prompt(file, "first")
    prepare_llm(file)
    other = clone(file)
    prompt(file, "on a", "-c")
    prompt(other, "on b", "-c")
    tools.sync(file, other)
    for path in (file, other):
        assert [one[0] for one in prompts(path)] == ["first", "on a", "on b"] and len(
            {one[1] for one in prompts(path)}
        ) == 1
    (entry,) = json.loads(command.ok("conflicts", "--json", file))
    assert (entry["table"], entry["column"]) == ("threads", "tip_message_hash")
    command.ok("resolve", file, str(entry["id"]), "--take", "ours")
    prompt(file, "after a", "-c")
    tools.sync(file, other)
    tools.check(file, other)
    history = command.query(other, "SELECT message FROM message_tree WHERE message LIKE '%a' OR message LIKE '%b'")
    assert sorted((text.strip(), len(text) - len(text.lstrip())) for (text,) in history) == [
        ("after a", 16), ("on a", 8), ("on b", 8),
    ]  # fmt: skip


OLD = """
INSERT INTO conversations VALUES ('c', 'old', 'echo');
INSERT INTO responses (id, model, prompt, options_json, response, conversation_id, duration_ms, datetime_utc)
VALUES ('01k', 'echo', 'old', '{}', 'old', 'c', 1, '2025-09-01T10:00:00.000000+00:00');
"""
"""What the older llm wrote."""


def test_llm_migrates_its_own_schema(file: Path) -> None:
    """One host gets a newer llm first: what it writes waits for the other one, and is all there once that one migrated too."""
    command.execute(file, (MADE / "llm_0.27.1.sql").read_text(encoding="utf-8"))
    prepare_llm(file)
    other = clone(file)
    command.execute(other, OLD)
    llm(file, "logs", "list")
    command.ok("enable", file, *NEWER)
    unite(file)
    prompt(file, "new on a")
    tools.sync(file, other)
    command.execute(other, "UPDATE conversations SET name = 'older'")
    llm(other, "logs", "list")
    command.ok("enable", other, *NEWER)
    unite(other)
    tools.sync(file, other)
    prompt(other, "new on b")
    tools.sync(file, other)
    tools.check(file, other)
    assert prompts(file) == prompts(other)
    assert [one[0] for one in prompts(file)] == ["old", "new on a", "new on b"]
    assert "nothing is broken" in command.ok("doctor", other)


@pytest.mark.parametrize("example", ["langgraph_threads.py", "llm_logs.py"])
def test_examples(example: str, tmp_path: Path) -> None:
    """The examples run with the real programs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(interpreter()), str(ROOT / "examples" / example)],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PATH": path}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "the replicas are equal" in done.stdout, done.stdout + done.stderr
