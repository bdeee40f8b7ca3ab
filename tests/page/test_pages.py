"""The pages that people look at: what they show, who may see them, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crdtsql import Replica, sync
from tests.page.board import board
from tests.support.hub import now_ms, serving
from tests.support.peers import read, write

COUNTER = count()
EVIL = "<script>alert(1)</script>"


@contextmanager
def looking(path: Path, **scope: Any) -> Iterator[httpx2.Client]:
    """Serve a file, and look at it with a token as a browser does."""
    with (
        serving(path, rooms=True) as hub,
        httpx2.Client(base_url=f"{hub.base}/board/page", trust_env=False, follow_redirects=True) as browser,
    ):
        entered = browser.post("/enter", data={"token": hub.grant(path, f"me{next(COUNTER)}", **scope)})
        assert entered.status_code == 200, entered.text
        yield browser


def words(page: httpx2.Response) -> str:
    """Return what a page says."""
    assert page.status_code == 200, page.text
    return " ".join(unescape(re.sub("<[^>]+>", " ", page.text)).split())


def fields(page: httpx2.Response) -> dict[str, str]:
    """Return the hidden fields of the first form that settles something."""
    form = page.text.split('/settle"', 1)[1].split("</form>")[0]
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a board with a conflict, a held row and changes of others."""
    return board(tmp_path, EVIL)


def test_what_the_pages_show(path: Path) -> None:
    """Members and what they lack, tables, both values of a conflict, held rows, changes and rows, by whom; text is never markup."""
    with looking(path) as browser:
        assert "counts as" not in words(browser.get(""))
        with Replica.open(path, now=now_ms) as app, app.acting_as("ann", run="r1"):
            assert "what is written to it now counts as ann (run r1) 's" in words(browser.get(""))
        overview = words(browser.get(""))
        for said in ("This file is hub", "1 open conflicts", "1 held rows", "laptop", "hub (this file)", "task"):
            assert said in overview
        conflicts = browser.get("/conflicts")
        assert EVIL not in conflicts.text and EVIL in words(conflicts)
        assert "theirs" in words(conflicts) and "agent-7 (run r42) at laptop" in words(conflicts)
        for said in ("unique", "dup", "agent-7 (run r42)"):
            assert said in words(browser.get("/held"))
        changes = browser.get("/changes")
        assert "<svg" in changes.text and "agent-7 (run r42) at laptop" in words(changes)
        (link,) = {*re.findall(r'href="(/board/page/row/task\?key=[^"]+)"', conflicts.text)}
        row = words(browser.get(link.removeprefix("/board/page")))
        assert "Revision" in row and "title" in row and "laptop" in row
        assert "no row" in browser.get("/row/task?key=%5B%22none%22%5D").text
        for bad in (
            "/row/task?key=x",
            "/row/nothing?key=%5B1%5D",
            "/row/task?key=%5B%7B%22a%22%3A1%2C%22b%22%3A2%7D%5D",
        ):
            assert browser.get(bad).status_code in (409, 400), bad
        assert browser.get("/nothing").status_code == 404


def test_a_row_has_its_history(path: Path) -> None:
    """Who wrote what, when and in which run, the newest first; of a table without a history, and of a purged row, it says so."""
    with Replica.open(path, now=now_ms) as hub:
        write(hub, "INSERT INTO secret VALUES (1, 'word')")
        write(hub, "INSERT INTO task VALUES ('t8', 'a', 8)")
        write(hub, "DELETE FROM task WHERE id = 't8'")
    with looking(path) as browser:
        row = words(browser.get("/row/task?key=%5B%22t1%22%5D"))
        past = row.partition(" History ")[2]
        assert past.index("theirs") < past.index("first") and "inserted" in past and "updated" in past
        assert "agent-7 (run r42) at laptop" in past and EVIL in past
        assert "None is kept of this table" in words(browser.get("/row/secret?key=%5B1%5D"))
        gone = words(browser.get("/row/task?key=%5B%22t8%22%5D"))
        assert "does not show this row" in gone and "deleted" in gone and "inserted" in gone
        assert "does not show this row" not in row
        with Replica.open(path, now=now_ms) as hub:
            for number in range(120):
                write(hub, "UPDATE task SET title = ? WHERE id = 't2'", values=[f"title {number}"])
                hub.fold()
        many = words(browser.get("/row/task?key=%5B%22t2%22%5D"))
        assert "title 119" in many and "title 20 " in many and "title 19 " not in many and "There is more" in many


def test_merges_of_all_replicas_are_drawn(path: Path) -> None:
    """Also those that the file took no part in, for whoever may see all of it."""
    with Replica.open(path, now=now_ms) as hub, Replica.open(path.parent / "laptop.db", now=now_ms) as laptop:
        write(laptop, "UPDATE task SET title = 'seen' WHERE id = 't2'")
        sync(hub, laptop)
        with laptop.clone(path.parent / "phone.db") as phone:
            phone.set_name("phone")
            write(phone, "UPDATE task SET title = 'phoned' WHERE id = 't2'")
            sync(phone, laptop)
            write(laptop, "UPDATE task SET title = 'heard' WHERE id = 't2'")
            sync(hub, laptop)
    with looking(path) as browser:
        page = browser.get("/changes")
        said = words(page).partition("Merges of all replicas")[2]
        assert "laptop" in said and "phone up to" in said and page.text.count("<svg") == 2
    with looking(path, tables=["task"]) as browser:
        assert "Merges of all replicas" not in browser.get("/changes").text


def test_a_conflict_is_settled_with_a_button(path: Path) -> None:
    """A side, or another text; who chose too late is told so, and nothing is written."""
    with looking(path) as browser:
        page = browser.get("/conflicts")
        form = fields(page)
        done = browser.post("/settle", data=form | {"take": "value", "value": "both"})
        assert "both was written" in words(done) and "There are none" in words(done)
        late = browser.post("/settle", data=form)
        assert late.status_code == 409 and "look again" in late.text
        reload = browser.get(str(done.url).removeprefix(str(browser.base_url)).replace("both", "nonsense"))
        assert "nonsense was written" not in reload.text
    with Replica.open(path, now=now_ms) as hub:
        assert read(hub, "SELECT title FROM task WHERE id = 't1'") == [("both",)]
        assert hub.conflicts(open_only=True) == []


@pytest.mark.parametrize(
    "change",
    [{"word": "x"}, {"word": ""}, {"number": "99"}, {"number": "x"}, {"take": "nobody"}, {"present": "1@x"}],
)
def test_forms_that_this_page_did_not_make(path: Path, change: dict[str, str]) -> None:
    """They change nothing."""
    with looking(path) as browser:
        form = fields(browser.get("/conflicts"))
        assert browser.post("/settle", data=form | change).status_code == 409
        assert browser.post("/settle", content=b"a=" + b"x" * 70_000).status_code == 409
        assert browser.post("/settle", content=b"\xff\xfe").status_code == 409
        assert browser.get("/settle").status_code == 405
    with Replica.open(path, now=now_ms) as hub:
        assert len(hub.conflicts(open_only=True)) == 1


def test_who_may_see_what(path: Path) -> None:
    """A token that may not write has no buttons, one for some tables sees these alone, and one that may only give sees nothing."""
    with looking(path, write=False) as browser:
        page = browser.get("/conflicts")
        assert EVIL in words(page) and "Take this" not in page.text
    with looking(path, write=False) as browser:
        word = re.findall(r'name="word" value="([^"]+)"', browser.get("").text)[0]
        with Replica.open(path, now=now_ms) as hub:
            (entry,) = hub.conflicts(open_only=True)
            present = f"{entry.present[0]}@{entry.present[1]}" if entry.present else ""
        form = {"word": word, "number": str(entry.id), "present": present, "take": "ours"}
        refused = browser.post("/settle", data=form)
        assert refused.status_code == 409 and "may not write" in unescape(refused.text)
    with looking(path, tables=["secret"]) as browser:
        overview = words(browser.get(""))
        assert "secret" in overview and "task" not in overview and "laptop" not in overview
        assert "There are none" in words(browser.get("/conflicts"))
        assert "not for the table" in browser.get("/row/task?key=%5B%22t1%22%5D").text
        assert browser.get("/news").status_code == 204
    with serving(path, rooms=True) as hub, httpx2.Client(base_url=hub.base, trust_env=False) as browser:
        token = hub.grant(path, "giver", read=False)
        found = browser.get("/board/page", headers={"Authorization": f"Bearer {token}"})
        assert found.status_code == 409 and "may only give" in found.text


def test_nobody_gets_in_without_a_token(path: Path) -> None:
    """Pages ask for one, of a file that is not there too; a cookie is for these pages alone, and is gone after `Leave`."""
    with serving(path, rooms=True) as hub, httpx2.Client(base_url=hub.base, trust_env=False) as browser:
        for place in ("/board/page", "/board/page/conflicts", "/board/page/news"):
            found = browser.get(place)
            assert found.status_code == 401 and "Which token" in found.text and "laptop" not in found.text
        assert browser.get("/none/page").status_code == 401
        assert browser.post("/board/page/settle", data={"number": "1"}).status_code == 401
        wrong = browser.post("/board/page/enter", data={"token": "crdtsql_wrong"}, follow_redirects=True)
        assert wrong.status_code == 401 and "not one of this file" in wrong.text
        token = hub.grant(path, "me")
        entered = browser.post("/board/page/enter", data={"token": f" {token}\n"})
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/board/page" in cookie
        page = browser.get("/board/page")
        assert page.status_code == 200 and token not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        word = re.findall(r'name="word" value="([^"]+)"', page.text)[0]
        browser.post("/board/page/leave", data={"word": word})
        assert browser.get("/board/page").status_code == 401


def test_a_page_is_told_of_news(path: Path) -> None:
    """Whoever wrote it; the stream is for tokens that may see all."""
    with looking(path) as browser, browser.stream("GET", "/news", timeout=20) as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data:"))
        first = next(lines)
        with Replica.open(path, now=now_ms) as hub:
            write(hub, "INSERT INTO task (id) VALUES ('t9')")
        assert next(lines) != first


def test_pages_of_a_file_with_nothing_in_it(tmp_path: Path) -> None:
    """Each says that there is nothing."""
    path = board(tmp_path, None)
    with looking(path) as browser:
        for page in ("", "/conflicts", "/held", "/changes"):
            assert "none" in words(browser.get(page)).lower() or "Nothing" in words(browser.get(page))


def test_the_board_is_what_the_tests_think(path: Path) -> None:
    """The other replica has the conflict too."""
    with Replica.open(path, now=now_ms) as hub, Replica.open(path.parent / "laptop.db", now=now_ms) as laptop:
        sync(hub, laptop)
        assert hub.conflicts(open_only=True) and hub.held()
