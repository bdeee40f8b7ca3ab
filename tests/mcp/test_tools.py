"""What agents may do with a file: the tools, resources and prompts, and who may use which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from crdtsql import Replica
from tests.mcp.agents import ask, by_http, by_stdio, in_process, play, refused
from tests.support.command import make, ok
from tests.support.command import refused as command_refused
from tests.support.hub import now_ms, serving
from tests.support.peers import read, write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, done INTEGER, votes INTEGER);
CREATE TABLE note (id INTEGER PRIMARY KEY, body);
CREATE TABLE pair (a, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO task VALUES ('t1', 'write', 0, 0), ('t2', 'read', 0, 0);
INSERT INTO pair VALUES (1, 'x', 2);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with three replicated tables, and a clone of it that it knows as `hub`."""
    file = make(tmp_path / "app.db", SCHEMA)
    with Replica.open(file, now=now_ms) as app:
        app.enable("task", "note", "pair", types=None)
        app.clone(tmp_path / "hub.db").close()
        app.add_remote("hub", str(tmp_path / "hub.db"))
    return file


def other_writes(path: Path, *statements: str) -> None:
    """Write to the clone."""
    with Replica.open(path.parent / "hub.db", now=now_ms) as hub:
        write(hub, *statements)
        hub.fold()


async def _everyday(client: Client) -> None:
    """Read, write what was seen, be refused, look again."""
    found = await ask(client, "query", sql="SELECT id, title FROM task WHERE id = :id", parameters={"id": "t1"})
    assert (found["columns"], found["rows"], found["complete"]) == (["id", "title"], [["t1", "write"]], True)
    rename = "UPDATE task SET title = ? WHERE id = 't1'"
    done = await ask(client, "write", sql=rename, parameters=["mine"], seen=found["seen"])
    assert (done["changes"], [row["key"] for row in done["written"]]) == (1, [["t1"]])
    why = await refused(client, "write", sql=rename, parameters=["late"], seen=found["seen"])
    assert "was written since it was seen" in why and "nothing was written" in why
    assert "was not seen" in await refused(client, "write", sql="DELETE FROM task")
    again = await ask(client, "query", sql="SELECT title FROM task WHERE id = 't1'")
    assert again["rows"] == [["mine"]]
    await ask(client, "write", sql=rename, parameters=["later"], expect=done["written"])
    assert "t1" in await refused(client, "write", sql=rename, parameters=["x"], expect=done["written"])
    assert (await ask(client, "write", sql="INSERT INTO task (id) VALUES ('t3')"))["changes"] == 1


def test_over_standard_input_and_output(path: Path) -> None:
    """The command serves the SDK's own client, and ends with it."""

    async def script() -> None:
        async with by_stdio(path) as client:
            await _everyday(client)
            assert "one SELECT" in await refused(client, "query", sql="DELETE FROM task")

    play(script())
    with Replica.open(path, now=now_ms) as app:
        assert read(app, "SELECT title FROM task ORDER BY id") == [("later",), ("read",), (None,)]


def test_over_http_with_the_tokens_of_the_server(path: Path) -> None:
    """A token says what its holder may do, as for syncs; nobody else is let in."""

    async def script(address: str, tokens: dict[str, str]) -> None:
        async with by_http(address, tokens["all"]) as client:
            await _everyday(client)
        async with by_http(address, tokens["read"]) as client:
            assert (await ask(client, "query", sql="SELECT count(*) FROM task"))["rows"] == [[3]]
            assert "may not write" in await refused(client, "write", sql="INSERT INTO task (id) VALUES ('t9')")
            assert "may not write" in await refused(client, "sync")
        async with by_http(address, tokens["task"]) as client:
            assert (await ask(client, "query", sql="SELECT count(*) FROM task"))["rows"] == [[3]]
            for statement in ("SELECT * FROM note", "SELECT * FROM crdt_conflicts", "SELECT sql FROM sqlite_schema"):
                assert "may touch task alone" in await refused(client, "query", sql=statement)
            assert "may touch" in await refused(client, "write", sql="INSERT INTO note (body) VALUES ('x')")
            assert "is for task alone" in await refused(client, "blame", table="note", key=[1])
            assert "is for task alone" in await refused(client, "conflicts")
            assert "is for task alone" in await refused(client, "sync")
            assert [one["name"] for one in (await ask(client, "status"))["tables"]] == ["task"]
            schema = json.loads((await client.read_resource("crdtsql://schema")).contents[0].text)  # type: ignore[union-attr]
            assert [one["table"] for one in schema] == ["task"]
        async with by_http(address, tokens["write"]) as client:
            assert "may only give" in await refused(client, "query", sql="SELECT 1")
        for bad in ("", "crdtsql_wrong"):
            with pytest.raises((MCPError, ExceptionGroup)):
                async with by_http(address, bad) as client:
                    await client.list_tools()

    with serving(path, rooms=True) as hub:
        tokens = {
            "all": hub.grant(path, "all"),
            "read": hub.grant(path, "read", write=False),
            "write": hub.grant(path, "write", read=False),
            "task": hub.grant(path, "task", tables=["task"]),
        }
        play(script(hub.address(path), tokens))


def test_a_request_without_a_token_gets_nothing(path: Path) -> None:
    """Neither tools nor names, and the answer says so as JSON."""
    import httpx2

    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    with serving(path, rooms=True) as hub:
        for address in (hub.address(path), f"{hub.base}/nothing"):
            found = httpx2.post(f"{address}/mcp", json=body, trust_env=False)
            assert found.status_code == 401 and "token" in found.json()["error"]


def test_conflicts_are_settled_by_who_has_seen_both(path: Path) -> None:
    """The cell must be as it was when the agent looked; the answer counts everywhere."""

    async def script() -> None:
        async with in_process(path) as client:
            await ask(client, "write", sql="UPDATE task SET title = 'ours' WHERE id = 't1'", **await _seen(client))
            other_writes(path, "UPDATE task SET title = 'theirs' WHERE id = 't1'")
            preview = await ask(client, "preview_merge", remote="hub")
            assert [(row["table"], row["key"], row["columns"]) for row in preview["here"]] == [
                ("task", ["t1"], {"title": "theirs"})
            ]
            assert preview["cells_sent"] > 0
            (synced,) = await ask(client, "sync")
            assert (synced["remote"], synced["concurrent"], synced["failed"]) == ("hub", 1, "")
            (entry,) = (await ask(client, "conflicts"))["conflicts"]
            assert (entry["ours"], entry["theirs"], entry["took"]) == ("ours", "theirs", "theirs")
            await ask(client, "write", sql="UPDATE task SET title = 'both' WHERE id = 't2'", **await _seen(client))
            gone = await refused(client, "resolve", number=entry["number"], present="1@x", take="ours")
            assert "was written since you saw it" in gone
            assert "either" in await refused(client, "resolve", number=1, present=entry["present"])
            done = await ask(client, "resolve", number=entry["number"], present=entry["present"], value="ours, theirs")
            assert done["resolved"]
            assert (await ask(client, "conflicts"))["conflicts"] == []
            told = await ask(client, "news", after=0)
            assert told["position"] > 0

    play(script())
    with Replica.open(path, now=now_ms) as app:
        assert read(app, "SELECT title FROM task ORDER BY id") == [("ours, theirs",), ("both",)]


async def _seen(client: Client) -> dict[str, Any]:
    return {"seen": (await ask(client, "query", sql="SELECT 1"))["seen"]}


def test_who_writes_is_told(path: Path) -> None:
    """An agent says its name, the run and why with a write; whoever acts in the file meanwhile acts on."""

    async def script() -> None:
        async with in_process(path) as client:
            with Replica.open(path, now=now_ms) as app:
                app.connection.execute("INSERT INTO crdt_actor (actor) VALUES ('shell')")
            sql = "UPDATE task SET title = 'x' WHERE id = 't1'"
            await ask(client, "write", sql=sql, actor="agent-7", run="r42", note="because", **await _seen(client))
            assert (await ask(client, "status"))["acting"] == "shell"
            with Replica.open(path, now=now_ms) as app:
                write(app, "UPDATE task SET done = 1 WHERE id = 't1'")
                app.connection.execute("DELETE FROM crdt_actor")
            cells = {
                one["column"]: one["by"] for one in (await ask(client, "blame", table="task", key=["t1"]))["cells"]
            }
            assert cells["title"].startswith("agent-7 (run r42) at ") and cells["done"].startswith("shell at ")
            assert "as whom" in await refused(client, "write", sql=sql, run="r42", **await _seen(client))
            assert "actor" in await refused(client, "write", sql=sql, actor="", **await _seen(client))
            await ask(client, "write", sql=sql.replace("x", "y"), **await _seen(client))
            cells = {
                one["column"]: one["by"] for one in (await ask(client, "blame", table="task", key=["t1"]))["cells"]
            }
            assert "at" not in cells["title"] and (await ask(client, "status"))["acting"] == ""
            other_writes(
                path, "INSERT INTO crdt_actor (actor) VALUES ('ben')", "UPDATE task SET votes = 7 WHERE id = 't1'"
            )
            await ask(client, "write", sql="UPDATE task SET votes = 8", actor="agent-7", **await _seen(client))
            await ask(client, "sync")
            (entry,) = (await ask(client, "conflicts"))["conflicts"]
            assert entry["ours_by"].startswith("agent-7 at ") and entry["theirs_by"].startswith("ben at ")
            settled = {"number": entry["number"], "present": entry["present"], "take": "ours"}
            assert "as whom" in await refused(client, "resolve", run="r43", **settled)
            await ask(client, "resolve", actor="judge", run="r43", **settled)

    play(script())
    with Replica.open(path, now=now_ms) as app:
        assert [str(one.by) for one in app.blame("task", "t1")] == ["None", "shell", "judge (run r43)"]


def test_what_there_is_to_look_at(path: Path) -> None:
    """Blame, held rows, news, status, rows as resources, and what is said of things that are not there."""

    async def script() -> None:
        async with in_process(path) as client:
            blamed = await ask(client, "blame", table="pair", key=[1, "x"])
            assert [(cell["column"], cell["value"]) for cell in blamed["cells"]] == [("v", 2)]
            assert "no row" in await refused(client, "blame", table="task", key=["none"])
            assert "key" in await refused(client, "blame", table="pair", key=[1])
            assert (await ask(client, "held"))["held"] == []
            other_writes(path, "UPDATE task SET done = 1", "INSERT INTO task (id) VALUES ('t9')")
            await ask(client, "sync", remote="hub")
            told = await ask(client, "news")
            assert {(row["table"], *row["key"], row["did"]) for row in told["rows"]} == {
                ("task", "t1", "updated"),
                ("task", "t2", "updated"),
                ("task", "t9", "inserted"),
            }
            assert (await ask(client, "news", after=told["position"]))["rows"] == []
            status = await ask(client, "status")
            assert {one["name"]: one["rows"] for one in status["tables"]} == {"task": 3, "note": 0, "pair": 1}
            assert status["remotes"].keys() == {"hub"}
            assert "no remote is called" in await refused(client, "sync", remote="/etc/passwd")
            for address, named in (("row/task/t1", "t1"), ("row/pair/%5B1%2C%22x%22%5D", "x")):
                found = json.loads((await client.read_resource(f"crdtsql://{address}")).contents[0].text)  # type: ignore[union-attr]
                assert named in found["row"].values() and "revision" in found
            for address in ("row/task/none", "row/nothing/1", "row/pair/%5B"):
                with pytest.raises(MCPError):
                    await client.read_resource(f"crdtsql://{address}")
            for name in ("schema", "status", "conflicts"):
                json.loads((await client.read_resource(f"crdtsql://{name}")).contents[0].text)  # type: ignore[union-attr]
            prompt = await client.get_prompt("hand_off", {"table": "task", "key": "t1", "to": "agent-7"})
            assert "agent-7" in str(prompt.messages[0].content)
            assert "conflicts" in str((await client.get_prompt("settle_conflicts", {})).messages[0].content)

    play(script())


def test_tools_say_what_they_give_and_whether_they_write(path: Path) -> None:
    """Every tool has a schema of its answer, words for each argument, and hints that are true."""

    async def script() -> None:
        async with in_process(path) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            reading = {"query", "status", "conflicts", "blame", "held", "news", "claims", "history"}
            writing = {"write", "resolve", "sync", "preview_merge", "claim", "renew", "release", "complete", "undo_run"}
            assert tools.keys() == reading | writing
            for name, tool in tools.items():
                assert tool.output_schema and tool.description and tool.annotations
                assert bool(tool.annotations.read_only_hint) == (name in reading)
                for argument in tool.input_schema.get("properties", {}).values():
                    assert argument.get("description"), f"{name}: {argument}"

    play(script())


def test_one_agent_alone_has_a_claim(path: Path) -> None:
    """Here, or at a remote that both share; a fence refuses who has no token, or an old one."""

    async def script() -> None:
        async with in_process(path) as one, in_process(path.parent / "hub.db") as hub:
            mine = await ask(one, "claim", resource="task/t1", holder="one", via="hub")
            assert "held" in await refused(hub, "claim", resource="task/t1", holder="two")
            assert [row["holder"] for row in (await ask(one, "claims", via="hub"))["claims"]] == ["one"]
            assert (await ask(one, "claims"))["claims"] == []
            await ask(one, "renew", resource="task/t1", token=mine["token"], minutes=20, via="hub")
            await ask(one, "release", resource="task/t1", token=mine["token"], via="hub")
            theirs = await ask(hub, "claim", resource="task/t1", holder="two")
            assert theirs["token"] > mine["token"]
            with Replica.open(path.parent / "hub.db", now=now_ms) as app:
                app.fence("task")
            sql = "UPDATE task SET title = 'mine' WHERE id = 't1'"
            assert "claimed" in await refused(hub, "write", sql=sql, **await _seen(hub))
            assert "token" in await refused(hub, "write", sql=sql, token=mine["token"], **await _seen(hub))
            assert (await ask(hub, "write", sql=sql, token=theirs["token"], **await _seen(hub)))["changes"] == 1
            assert "token" in await refused(one, "write", sql=sql, token=7, **await _seen(one))
            await ask(hub, "complete", resource="task/t1", token=theirs["token"])
            assert "completed" in await refused(one, "claim", resource="task/t1", holder="one", via="hub")
            assert "no remote" in await refused(one, "claim", resource="x", holder="one", via="nowhere")

    play(script())
    with Replica.open(path.parent / "hub.db", now=now_ms) as hub:
        assert read(hub, "SELECT title FROM task WHERE id = 't1'") == [("mine",)]


def test_values_that_json_has_not(path: Path) -> None:
    """Blobs and large numbers come and go whole; what is no value is refused."""

    async def script() -> None:
        async with in_process(path) as client:
            sent = [{"blob": "00ff"}, {"integer": "9007199254740993"}]
            await ask(client, "write", sql="INSERT INTO pair VALUES (?, ?, NULL)", parameters=sent)
            found = await ask(client, "query", sql="SELECT a, b FROM pair WHERE v IS NULL")
            assert found["rows"] == [sent]
            assert "no value" in await refused(client, "query", sql="SELECT ?", parameters=[{"a": 1, "b": 2}])

    play(script())


def test_the_command_says_what_is_wrong_before_an_agent_comes(path: Path, tmp_path: Path) -> None:
    """A file that is not replicated, and tables that are not there."""
    ok("mcp", path, stdin=-3)
    for words, named in (
        ((tmp_path / "none.db",), "none.db"),
        ((path, "--tables", "nothing"), "nothing"),
        ((path, "--tables", ","), "--tables"),
    ):
        assert named in command_refused("mcp", *words, code=2 if "," in words else 1, stdin=-3)


def test_the_past(path: Path) -> None:
    """What a run wrote is told, and taken back; first only said. A token for other tables takes back nothing."""
    with Replica.open(path, now=now_ms) as app:
        app.keep_history("task")

    async def script() -> None:
        async with by_stdio(path) as client:
            found = await ask(client, "query", sql="SELECT title FROM task WHERE id = 't1'")
            rename = "UPDATE task SET title = 'wrong' WHERE id = 't1'"
            await ask(client, "write", sql=rename, seen=found["seen"], actor="bot", run="r7")
            told = await ask(client, "history", table="task", key=["t1"])
            assert [(one["did"], one["values"]["title"]) for one in told["writes"]] == [
                ("before", "write"),
                ("updated", "wrong"),
            ]
            assert told["writes"][1]["by"].startswith("bot (run r7)") and not told["more"]
            said = await ask(client, "undo_run", run="r7", actor="ann")
            assert said["dry_run"] and said["undone"][0]["values"] == {"title": {"from": "wrong", "to": "write"}}
            assert (await ask(client, "query", sql="SELECT title FROM task WHERE id = 't1'"))["rows"] == [["wrong"]]
            done = await ask(client, "undo_run", run="r7", actor="ann", dry_run=False)
            assert done["undone"] == said["undone"] and done["left"] == []
            assert (await ask(client, "query", sql="SELECT title FROM task WHERE id = 't1'"))["rows"] == [["write"]]
            assert "has no history" in await refused(client, "history", table="note", key=["n1"])

    play(script())
