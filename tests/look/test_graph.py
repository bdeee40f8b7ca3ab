"""The graph: whose writes came in with which merge."""

from __future__ import annotations

import json
from pathlib import Path

from crdtsql import Replica, sync
from crdtsql.look import graph, lanes
from tests.support.command import ok
from tests.support.peers import three, write


def arrived(folder: Path) -> list[Replica]:
    """Let two laptops write, and the hub take their writes in three merges."""
    hub, one, two = three(folder, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    for site, name in ((hub, "hub"), (one, "one"), (two, "two")):
        site.set_name(name)
    write(one, "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    sync(hub, one)
    write(two, "INSERT INTO t VALUES (30, 'c')")
    write(one, "UPDATE t SET v = 'aa' WHERE id = 1")
    sync(one, two)
    sync(hub, one)
    return [hub, one, two]


def test_lanes_and_lines(tmp_path: Path) -> None:
    """Sites have lanes from the newest arrival on; a merge counts the rows of each site whose writes it brought."""
    hub, one, two = arrived(tmp_path)
    found = graph(hub.log(), 12)
    assert found.sites == (two.site, one.site) or found.sites == (one.site, two.site)
    assert [arrival.rows for arrival in found.arrivals] == [{one.site: 1, two.site: 1}, {one.site: 2}]
    assert graph(hub.log(), 1).sites == found.sites[:1] and graph([], 12).arrivals == ()


def test_log_draws_it(tmp_path: Path) -> None:
    """A lane for each site, a line for each merge, without colours or characters that a terminal may lack."""
    hub, *_ = arrived(tmp_path)
    path = hub.path
    hub.close()
    drawn = ok("log", path, "--graph").splitlines()
    assert {line[3:].split()[0] for line in drawn[:2]} == {"one", "two"} and drawn[2] == "A  B"
    lines = [line.partition("batch")[0].split() for line in drawn[3:]]
    assert lines == [["o", "o"], [mark for lane in drawn[:2] for mark in ("o" if lane[3:].startswith("one") else "|")]]
    assert all(line.isascii() for line in drawn) and "rows of" in drawn[3]


def test_merges_of_all_replicas(tmp_path: Path) -> None:
    """Every replica lists who had merged whose writes when it wrote on, also between others; one that only passes on is not in it."""
    hub, one, two = arrived(tmp_path)
    write(two, "UPDATE t SET v = 'seen' WHERE id = 1")
    sync(one, two)
    write(one, "UPDATE t SET v = 'and back' WHERE id = 1")
    sync(hub, one)
    found = hub.merges()
    assert [(merge.site, [*merge.saw]) for merge in found] == [(one.site, [two.site]), (two.site, [one.site])]
    assert found[0].saw[two.site] == two.vector()[two.site] and found[0].hlc == one.vector()[one.site]
    assert [merge.to_json() for merge in one.merges()] == [merge.to_json() for merge in found]
    assert hub.merges(limit=1) == found[:1]
    assert lanes(found, 12) == (one.site, two.site) and lanes(found, 1) == (one.site,) and lanes([], 12) == ()
    path = hub.path
    hub.close()
    drawn = ok("log", path, "--graph").splitlines()
    begin = drawn.index("merges of all replicas that are known here: * had merged what o wrote when it wrote on")
    assert [line.split()[:2] for line in drawn[begin + 4 :]] == [["*", "o"], ["o", "*"]]
    assert "one" in drawn[begin + 4] and "had merged two" in drawn[begin + 4]
    told = json.loads(ok("log", path, "--graph", "--json"))["merges"]
    assert told == [merge.to_json() for merge in found]
    assert "merges" not in json.loads(ok("log", path, "--json"))
    assert "merges of all" not in ok("log", path, "--graph", "--table", "t")
