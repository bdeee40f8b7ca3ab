"""Random histories of honest replicas among which one lies: where signatures are required it changes nothing of the others."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from crdtsql import CrdtsqlError, Replica
from crdtsql.trust import signers
from tests.support import forge, peers
from tests.support.peers import rows, write
from tests.support.seeds import chosen

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body)"
)
HONEST = 3


class History:
    """Replicas that write and exchange, the last of which lies; each honest one writes rows of its own into `task`.

    Attributes:
        sites: those of the honest ones at first.
        truth: the rows of `task` that honest replicas wrote.
        refused: how many changesets of the liar were refused.
        taken: how many were taken.
    """

    def __init__(self, folder: Path, seed: int, *, signed: bool) -> None:
        self.chance, self.truth = random.Random(seed), dict[str, str]()
        self.refused = self.taken = 0
        clock = peers.Clock(step=1)
        self.replicas = [peers.replica(folder / f"{n}.db", SCHEMA, site=n + 1, now=clock) for n in range(HONEST + 1)]
        self.honest, self.liar = self.replicas[:HONEST], self.replicas[-1]
        self.sites = [replica.site for replica in self.honest]
        if signed:
            keys = {replica.site: replica.sign().key.hex() for replica in self.replicas}
            for replica in self.honest:
                for site, key in keys.items():
                    replica.trust(site, key)
                replica.set_requires_signed(True)
                replica.allow(self.liar.site, tables=["note"])

    def write(self) -> None:
        """Let somebody write."""
        n = self.chance.randrange(len(self.replicas))
        key = f"{n}-{self.chance.randrange(5)}"
        if n == HONEST:
            write(self.liar, f"INSERT OR REPLACE INTO note VALUES ('{key}', 'liar {self.chance.random()}')")
        elif key in self.truth and self.chance.random() < 0.3:
            del self.truth[key]
            write(self.replicas[n], f"DELETE FROM task WHERE id = '{key}'")
        else:
            self.truth[key] = f"{n} {self.chance.random()}"
            write(
                self.replicas[n],
                f"INSERT INTO task VALUES ('{key}', '{self.truth[key]}') ON CONFLICT DO UPDATE SET title = excluded.title",
            )

    def exchange(self) -> None:
        """Carry a changeset from one to another; what the liar sends is forged, most of the time."""
        sender, receiver = self.chance.sample(self.replicas, 2)
        since = receiver.vector() if self.chance.random() < 0.8 else None
        data = sender.export(since)
        if sender is not self.liar:
            receiver.merge(data)
            return
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            data = self.forged(data)
        try:
            receiver.merge(data)
        except CrdtsqlError:
            self.refused += 1
        else:
            self.taken += 1

    def forged(self, data: bytes) -> bytes:
        """Change something in a changeset that a liar would, and sign it as the liar can, or not at all."""
        kinds = (self.claim, self.rename, self.as_others, self.other_values, self.deletes, self.heads)
        changed = self.chance.choice(kinds)(data)
        secret = signers._secrets(bytes.fromhex(self.liar.site))
        if not secret or self.chance.random() < 0.2:
            return forge.stripped(changed)
        return forge.signed(changed, secret[-1])

    def claim(self, data: bytes) -> bytes:
        """Claim to have later changes of somebody."""

        def change(header: Any) -> None:
            site = self.chance.choice(header["sites"])
            site["upto"] += self.chance.choice((1, 65536, 10**9))
            if self.chance.random() < 0.5:
                site["needs"] = min(site["upto"], site["needs"] + 65536)

        return forge.with_header(data, change)

    def rename(self, data: bytes) -> bytes:
        """Send it under the name of another site."""
        other = self.chance.choice(self.honest).site
        return forge.with_header(data, lambda header: header | {"sender": other})

    def as_others(self, data: bytes) -> bytes:
        """Say of all events of the liar that another site wrote them."""
        other = self.chance.choice(self.honest).site

        def change(header: Any) -> None:
            ids = {site["id"]: site for site in header["sites"]}
            if other in ids:
                ids[other]["id"], ids[self.liar.site]["id"] = self.liar.site, other

        return forge.with_header(data, change)

    def other_values(self, data: bytes) -> bytes:
        """Change values, and say that another one wrote them, at a time of that one's."""
        ordinal = self.chance.choice(forge.parts(data)[0]["sites"])
        stamp = f"t0 = {max(ordinal['upto'], 1)}, s0 = {ordinal['ordinal']}, " if self.chance.random() < 0.7 else ""
        return self.with_sql(data, f"UPDATE row_1 SET {stamp}p0 = 1, v0 = 'forged'")

    def deletes(self, data: bytes) -> bytes:
        """Delete all rows of a table."""
        return self.with_sql(data, "UPDATE row_1 SET gone = 1, many = NULL; DELETE FROM head_1")

    def heads(self, data: bytes) -> bytes:
        """Say that another site wrote the rows last."""
        ordinal = self.chance.choice(forge.parts(data)[0]["sites"])
        return self.with_sql(data, f"UPDATE row_1 SET dot_t = {max(ordinal['upto'], 1)}, dot_s = {ordinal['ordinal']}")

    def with_sql(self, data: bytes, script: str) -> bytes:
        """Change what a changeset holds; if it has no rows, nothing."""
        return forge.with_sql(data, script) if any(table["rows"] for table in forge.parts(data)[0]["tables"]) else data

    def run(self) -> None:
        """Write and exchange for a while; then the honest ones meet."""
        for _ in range(60):
            self.write() if self.chance.random() < 0.4 else self.exchange()
        for _ in range(2):
            for receiver in self.honest:
                for sender in self.honest:
                    if sender is not receiver:
                        receiver.merge(sender.export(receiver.vector()))


@pytest.mark.parametrize("seed", chosen(12, "CRDTSQL_LIAR_SEEDS"))
def test_a_liar_among_signers(tmp_path: Path, seed: int) -> None:
    """Whatever a limited site sends, the honest ones have all that they wrote to a table that is not its own, nothing else, and
    go on as the sites that they are. Of its own table it may tell each of them something else.
    """
    history = History(tmp_path, seed, signed=True)
    history.run()
    for replica in history.honest:
        assert dict(rows(replica, "task")) == history.truth
        assert replica.vector() == history.honest[0].vector() and not replica.doctor().broken
    assert [replica.site for replica in history.honest] == history.sites
    assert history.refused


def test_a_liar_among_others(tmp_path: Path) -> None:
    """Without signatures a liar changes what others wrote, as docs/SECURITY.md says."""
    spoiled = 0
    for seed in range(12):
        (tmp_path / str(seed)).mkdir()
        history = History(tmp_path / str(seed), seed, signed=False)
        try:
            history.run()
        except CrdtsqlError:
            spoiled += 1
            continue
        spoiled += any(dict(rows(replica, "task")) != history.truth for replica in history.honest)
    assert spoiled


def test_honest_signers_lose_nothing(tmp_path: Path) -> None:
    """Where nobody lies, signatures and permissions refuse nothing but what a limited site passes on, and all come to the same."""
    for seed in range(6):
        (tmp_path / str(seed)).mkdir()
        history = History(tmp_path / str(seed), seed, signed=True)
        history.forged = lambda data: data  # type: ignore[method-assign]
        history.run()
        one, liar = history.honest[0], history.liar
        one.merge(liar.export(one.vector())) if not _others_news(liar, one) else None
        for replica in history.honest:
            assert dict(rows(replica, "task")) == history.truth


def _others_news(sender: Replica, receiver: Replica) -> bool:
    known = receiver.vector()
    return any(int(upto) > int(known.get(site, 0)) for site, upto in sender.vector().items() if site != sender.site)
