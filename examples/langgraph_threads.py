"""LangGraph's checkpoints on two machines: threads that one began the other goes on with, by LangGraph's own SqliteSaver.

Run it: `pip install langgraph langgraph-checkpoint-sqlite`, then `python examples/langgraph_threads.py`. It calls the command
`crdtsql`, so that may be installed elsewhere.

A row counts as written as a whole (`--granularity row`), because a value and its type belong together. What happens to a thread
that both machines go on with is shown in the end, and told in docs/AGENTS.md.
"""

from __future__ import annotations

import importlib.util
import operator
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, TypedDict


class State(TypedDict):
    """What a thread has noted so far."""

    notes: Annotated[list[str], operator.add]


def crdtsql(*words: str | Path) -> str:
    """Run a command of crdtsql."""
    return subprocess.run(["crdtsql", *map(str, words)], check=True, capture_output=True, text=True).stdout


def note(path: Path, thread: str, *words: str) -> list[str]:
    """Let the graph run once with each word; return what the thread has noted then."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    plan = StateGraph(State)
    plan.add_node("think", lambda state: {"notes": [f"{state['notes'][-1]}!"]})
    plan.add_edge(START, "think")
    plan.add_edge("think", END)
    with SqliteSaver.from_conn_string(str(path)) as saver:
        graph = plan.compile(checkpointer=saver)
        config = {"configurable": {"thread_id": thread}}
        for word in words:
            graph.invoke({"notes": [word]}, config)
        return list(graph.get_state(config).values.get("notes", []))


def main() -> None:
    """Run threads on a desk and a laptop, both offline, and bring them together."""
    if importlib.util.find_spec("langgraph") is None or importlib.util.find_spec("langgraph.checkpoint.sqlite") is None:
        print("LangGraph is not installed here: pip install langgraph langgraph-checkpoint-sqlite")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(folder) / "state")  # so that the example leaves nothing behind
        desk, laptop = Path(folder) / "desk.db", Path(folder) / "laptop.db"
        note(desk, "trip", "north")
        crdtsql("enable", desk, "--all", "--granularity", "row")
        crdtsql("clone", desk, laptop)
        note(desk, "desk's own", "tidy")
        note(laptop, "laptop's own", "pack")
        crdtsql("sync", desk, laptop)
        print("the laptop goes on with what the desk began:", note(laptop, "desk's own", "sweep"))
        note(desk, "trip", "by train")
        note(laptop, "trip", "by boat")
        crdtsql("sync", desk, laptop)
        shown = [note(path, "trip") for path in (desk, laptop)]
        print("both went on with one thread; the later one is shown:", shown[0])
        print("conflicts:", crdtsql("conflicts", desk).strip())
        if shown[0] != shown[1] or note(desk, "desk's own") != note(laptop, "desk's own"):
            sys.exit("the replicas differ")
        print("the replicas are equal")


if __name__ == "__main__":
    main()
