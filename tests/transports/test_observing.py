"""Figures for monitoring."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from crdtsql import Replica, sync
from crdtsql.store import state_directory
from crdtsql.transports import Response, metrics_text
from crdtsql.transports.messages import pack_response, unpack_response
from crdtsql.transports.observing import counting, exposition
from crdtsql.ui.cli import cli
from tests.support import peers
from tests.support.peers import Clock, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, votes INTEGER)"
OBSERVABILITY = Path(__file__).parents[2] / "examples" / "observability"
SECOND = 1000
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands until a test sets it."""
    return Clock()


@pytest.fixture
def two(tmp_path: Path, clock: Clock) -> Iterator[list[Replica]]:
    """Give two replicas that have met."""
    one, other = peers.two(tmp_path, SCHEMA, now=clock)
    write(one, "INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2)")
    sync(one, other)
    yield [one, other]
    one.close()
    other.close()


def samples(replica: Replica, *, sizes: bool = False) -> Samples:
    """Return the samples of a replica, by name and labels but for `file`."""
    found = {}
    for family in text_string_to_metric_families(metrics_text({"app": replica}, sizes=sizes)):
        for one in family.samples:
            assert one.labels["file"] == "app"
            labels = tuple(sorted((name, value) for name, value in one.labels.items() if name != "file"))
            found[one.name, labels] = one.value
    return found


def lag(replica: Replica, peer: str) -> float:
    """Return how many seconds a replica and a peer are apart."""
    return samples(replica)["crdtsql_replication_lag_seconds", (("peer", peer),)]


def test_lag_is_the_age_of_the_oldest_change(two: list[Replica], clock: Clock) -> None:
    """Lag is 0 at rest, however long that lasts; else the age of the oldest change that the peer lacks, whatever came later."""
    one, other = two
    clock.ms += 100 * SECOND
    assert lag(one, other.site) == 0
    write(one, "UPDATE task SET votes = 5 WHERE id = 't1'")
    clock.ms += 30 * SECOND
    write(one, "UPDATE task SET votes = 6 WHERE id = 't2'")
    clock.ms += 10 * SECOND
    assert lag(one, other.site) == 40
    way = (("peer", other.site), ("way", "there"))
    assert samples(one)["crdtsql_vector_divergence_events", way] == 2
    sync(one, other)
    assert lag(one, other.site) == lag(other, one.site) == 0


def test_an_older_cell_of_a_row_that_was_written_again_counts(two: list[Replica], clock: Clock) -> None:
    """The oldest change is looked for in every cell: a later write of the same row does not hide it."""
    one, other = two
    write(one, "UPDATE task SET votes = 5 WHERE id = 't1'")
    clock.ms += 30 * SECOND
    write(one, "UPDATE task SET title = 'new' WHERE id = 't1'")
    assert lag(one, other.site) == 30


def test_what_is_not_here_counts_too(two: list[Replica], clock: Clock) -> None:
    """A peer that was seen to have more than this file lags by the age of what is known of that."""
    one, other = two
    write(other, "UPDATE task SET votes = 5")
    clock.ms += 20 * SECOND
    one.sync(other, pull=False)
    assert lag(one, other.site) == 20
    way = (("peer", other.site), ("way", "here"))
    assert samples(one)["crdtsql_vector_divergence_events", way] == 1


def test_stores_lag_like_peers(two: list[Replica], clock: Clock, tmp_path: Path) -> None:
    """What a store lacks, and what waits there, is told under its address."""
    one, _ = two
    (tmp_path / "team").mkdir()
    address = f"dir:{tmp_path / 'team'}"
    one.sync(address)
    clock.ms += 5 * SECOND
    assert lag(one, address) == 0
    write(one, "DELETE FROM task")
    clock.ms += 7 * SECOND
    assert lag(one, address) == 7
    assert samples(one)["crdtsql_pending_changesets", (("peer", address),)] == 0


def test_conflicts_held_rows_and_sizes(two: list[Replica]) -> None:
    """Conflicts are counted by table, held rows by reason, the bytes that crdtsql keeps only if they are asked for."""
    one, other = two
    write(one, "UPDATE task SET votes = 7 WHERE id = 't1'; INSERT INTO task VALUES ('a', 'same', 0)")
    write(other, "UPDATE task SET votes = 8 WHERE id = 't1'; INSERT INTO task VALUES ('b', 'same', 0)")
    sync(one, other)
    found = samples(one, sizes=True)
    table = (("table", "task"),)
    assert found["crdtsql_conflicts_total", table] == found["crdtsql_conflicts_open", table] == 1
    assert found["crdtsql_held_rows", (("reason", "unique"), *table)] == 1
    (status,) = one.status().tables
    assert found["crdtsql_metadata_bytes", table] == status.clock_bytes > 0
    assert ("crdtsql_metadata_bytes", table) not in samples(one)


def test_what_syncs_did_is_counted_on_both_sides(two: list[Replica]) -> None:
    """Bytes and merges are counted where they come and go; syncs with nothing to do count nothing."""
    one, other = two
    before = samples(one), samples(other)
    for _ in range(2):
        sync(one, other)
    assert (samples(one), samples(other)) == before
    write(one, "UPDATE task SET votes = 9")
    report = sync(one, other)
    sent, received = (("direction", "sent"),), (("direction", "received"),)
    for name, replica, labels in (("one", one, sent), ("other", other, received)):
        old, new = before[replica is other], samples(replica)
        assert new["crdtsql_bytes_total", labels] - old["crdtsql_bytes_total", labels] == report.sent_bytes > 0, name
    count = "crdtsql_merge_seconds_count", ()
    assert samples(one)[count] == before[0][count] and samples(other)[count] == before[1][count] + 1
    assert samples(other)["crdtsql_merge_seconds_bucket", (("le", "+Inf"),)] == samples(other)[count]


def test_counts_may_be_lost_and_damaged(two: list[Replica]) -> None:
    """What is kept of counts may be gone or anything at all: they begin anew then."""
    one, other = two
    place = state_directory() / "counts" / f"{one.site}.json"
    for damage in ("{", "[]", '{"merges": [1]}', json.dumps({"merges": ["x"] * 16}), "\0" * 10):
        counting.read(one)
        place.write_text(damage)
        write(one, "UPDATE task SET votes = votes + 1")
        report = sync(one, other)
        assert counting.read(one).sent_bytes == report.sent_bytes


def test_processes_add_to_the_same_counts(two: list[Replica]) -> None:
    """What another process wrote meanwhile is not lost: counts are added, not replaced."""
    one, _ = two
    before = counting.read(one).sent_bytes
    for _ in range(3):
        counting.answered(one, received=0, sent=5)
        pending = dict(counting._PENDING)
        counting._PENDING.clear()
        counting.answered(one, received=0, sent=7)
        counting.write(one)
        for place, counts in pending.items():
            counting._PENDING.setdefault(place, counting.Counts()).add(counts)
    assert counting.read(one).sent_bytes == before + 36


@pytest.mark.parametrize(("theirs", "skew"), [(100, 0), (90, 0), (110, 0), (85, -5), (115, 5), (None, None)])
def test_skew_is_what_is_certain(two: list[Replica], theirs: int | None, skew: int | None) -> None:
    """A clock that was read between two looks at ours is wrong only by what lies outside of them."""
    one, _ = two
    counting.clock_seen(one, "aa" * 16, theirs, (90, 110))
    assert counting.read(one).skew_ms.get("aa" * 16) == skew


def test_an_answer_says_what_time_it_is(two: list[Replica], clock: Clock) -> None:
    """The answer of a peer has its clock, so that a wrong one is seen; earlier versions leave it out, nonsense is refused."""
    one, other = two
    other._now = lambda: clock() + 3600 * SECOND  # type: ignore[method-assign]
    write(one, "UPDATE task SET votes = 3")
    sync(one, other)
    assert samples(one)["crdtsql_clock_skew_seconds", (("peer", other.site),)] == 3600
    for ms in (None, 0, 5):
        packed = pack_response(Response("aa" * 16, {}, clock_ms=ms))
        assert unpack_response(packed, "there").clock_ms == ms
    with pytest.raises(Exception, match="clock_ms is no time"):
        unpack_response(pack_response(Response("aa" * 16, {}, clock_ms=-1)), "there")


def test_a_command_writes_them_for_cron(two: list[Replica], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`metrics` prints the figures of any number of files, or writes them as a whole; sites have their names."""
    one, other = two
    other.set_name("laptop")
    write(other, "UPDATE task SET votes = 0")
    sync(one, other)
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(cli, ["metrics", "1.db", "2.db"])
    assert printed.exit_code == 0, printed.output
    assert 'peer="laptop (' in printed.stdout
    assert set(re.findall(r'file="([^"]+)"', printed.stdout)) == {"1.db", "2.db"}
    done = CliRunner().invoke(cli, ["metrics", "1.db", "2.db", "--textfile", "out.prom"])
    assert done.exit_code == 0 and done.stdout == ""
    assert len(Path("out.prom").read_text().splitlines()) == len(printed.stdout.splitlines())
    assert CliRunner().invoke(cli, ["metrics", "1.db", "1.db"]).exit_code == 2


def test_without_the_package_it_says_what_to_install(two: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where prometheus_client is missing, nothing else does not work, and the message says what to install."""
    monkeypatch.delattr("crdtsql.transports.observing.exposition")
    monkeypatch.setitem(sys.modules, "crdtsql.transports.observing.exposition", None)
    with pytest.raises(Exception, match=re.escape("pip install 'crdtsql[metrics]'")):
        metrics_text({"app": two[0]})


def names_in(text: str) -> set[str]:
    """Return the metrics that an expression names, without what a histogram or counter adds to them."""
    return {re.sub("_(bucket|total)$", "", name) for name in re.findall(r"\bcrdtsql_([a-z_]+)\b", text)}


def test_dashboard_alerts_and_page_know_every_metric() -> None:
    """The dashboard shows every metric but one, the alert rules name only those that there are, and docs/TRANSPORTS.md lists all."""
    board = json.loads((OBSERVABILITY / "dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert {name for one in expressions for name in names_in(one)} == exposition.HELP.keys() - {"conflicts_forgotten"}
    for expression in expressions:
        for name, labels in re.findall(r"crdtsql_([a-z_]+)\{([^}]*)\}", expression):
            used = set(re.findall(r"(\w+)=", labels)) - {"file"}
            assert used <= set(exposition.LABELS[re.sub("_(bucket|total)$", "", name)])
    for one in (target for panel in board["panels"] for target in panel["targets"]):
        (name,) = names_in(one["expr"])
        assert set(re.findall(r"\{\{(\w+)\}\}", one["legendFormat"])) <= {"file", *exposition.LABELS[name]}
    alerts = (OBSERVABILITY / "alerts.yml").read_text(encoding="utf-8")
    assert names_in(" ".join(re.findall("expr: (.+)", alerts))) <= exposition.HELP.keys()
    page = (OBSERVABILITY.parents[1] / "docs" / "TRANSPORTS.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `crdtsql_(\w+?)(?:_total)?(?:\{([\w, ]*)\})?` \|", page, re.MULTILINE))
    assert listed == {name: ", ".join(labels) for name, labels in exposition.LABELS.items()}
