"""Random histories of honest replicas among which one lies: where signatures are required it changes nothing of the others."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from zstandard import ZstdError

from crdtsql import CrdtsqlError, Replica
from crdtsql.base import NotAllowedError
from crdtsql.trust import signers
from crdtsql.wire import ChainLink, bytes_of, unpack
from tests.support import forge, links, peers
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


class PassedOn(History):
    """A group that requires proofs, whose hub lies about what the others wrote as it passes that on; they meet nobody else.

    The hub has no permission that limits it: it may write any table in its own name, and writes `note` alone. Of what it wrote itself it
    tells the truth: whoever lies about that can have those who took it wait for what nobody has.

    Attributes:
        seen: links that the hub has passed on.
    """

    def __init__(self, folder: Path, seed: int, *, proofs: bool) -> None:
        super().__init__(folder, seed, signed=False)
        self.seen: list[links.Item] = []
        links.introduced(*self.replicas, proofs=False)
        for replica in self.honest:
            replica.set_requires_proofs(True) if proofs else replica.set_chains(True)
        self.liar.set_chains(True)

    def exchange(self) -> None:
        """Let the hub take what one wrote, or pass on what others wrote, and forge that most of the time."""
        one = self.chance.choice(self.honest)
        if self.chance.random() < 0.4:
            with suppress(CrdtsqlError):  # it may have forged what it builds on
                self.liar.merge(one.export(self.liar.vector() if self.chance.random() < 0.8 else {}))
            return
        known = one.vector() if self.chance.random() < 0.7 else {}
        data = bytes_of(self.liar.export_spilled(known, bundled=self.chance.random() < 0.7))
        self.seen += [item for item in links.items(data) if item[0] is not None]
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            data = self.spoiled(data)
        try:
            one.merge(data)
        except CrdtsqlError:
            self.refused += 1
        else:
            self.taken += 1

    def spoiled(self, data: bytes) -> bytes:
        """Change something in a bundle that a hub would which lies."""
        items, told = links.items(data), links.told(data)
        kinds = (
            self.rest,
            self.content,
            self.fields,
            self.order,
            self.swapped,
            self.as_its_own,
            self.replayed,
            self.flipped,
        )
        kind, changed = self.chance.choice(kinds if len(items) > 1 else (self.rest,)), items
        with suppress(ValueError, LookupError, CrdtsqlError, ZstdError):  # what was spoiled before may be past forging
            changed = kind(list(items))
        if self.chance.random() < 0.3 and told:
            told = (*told, self.resigned(self.chance.choice(told), content=self.chance.randbytes(32)))
        return links.bundle(changed, told) if changed else data

    def forged(self, data: bytes) -> bytes:
        """Change something in a changeset about others, and sign it as the hub can, or not at all."""
        changed = self.chance.choice((self.claim, self.rename, self.other_values, self.other_values, self.deletes))(
            data
        )
        secret = links.secret(self.liar)
        return forge.stripped(changed) if self.chance.random() < 0.2 else forge.signed(changed, secret)

    def claim(self, data: bytes) -> bytes:
        """Claim to have later changes of another site."""

        def change(header: Any) -> None:
            site = self.chance.choice([one for one in header["sites"] if one["id"] != self.liar.site])
            site["upto"] += self.chance.choice((1, 65536, 10**9))
            if self.chance.random() < 0.5:
                site["needs"] = min(site["upto"], site["needs"] + 65536)

        return forge.with_header(data, change)

    def resigned(self, link: ChainLink, **fields: Any) -> ChainLink:
        """Change a link of another site, and sign it with the hub's key, or not."""
        if link.site.hex() == self.liar.site:
            return link
        changed = replace(link, **fields)
        return links.signed(changed, links.secret(self.liar)) if self.chance.random() < 0.7 else changed

    def place(self, items: list[links.Item]) -> int:
        """Choose one of what a bundle has."""
        return self.chance.randrange(len(items))

    def rest(self, items: list[links.Item]) -> list[links.Item]:
        """Forge what the hub sends as its own word."""
        return [*items[:-1], (None, self.forged(items[-1][1]))]

    def content(self, items: list[links.Item]) -> list[links.Item]:
        """Forge what a link has, and say that it is that."""
        at = self.place(items)
        link, data = items[at]
        changed = self.forged(data)
        items[at] = (None if link is None else self.resigned(link, content=unpack(changed).digest), changed)
        return items

    def fields(self, items: list[links.Item]) -> list[links.Item]:
        """Say something else of a link."""
        at = self.place(items)
        link, data = items[at]
        if link is not None:
            kinds = {"number": link.number + 1, "since": 0, "upto": link.upto + 65536, "before": bytes(32)}
            name = self.chance.choice([*kinds, "site"])
            value = bytes.fromhex(self.chance.choice(self.replicas).site) if name == "site" else kinds[name]
            items[at] = (self.resigned(link, **{name: value}), data)
        return items

    def order(self, items: list[links.Item]) -> list[links.Item]:
        """Leave something out, say it twice, or in another order."""
        kind = self.chance.randrange(3)
        if kind == 0:
            del items[self.place(items)]
        elif kind == 1:
            items.append(items[self.place(items)])
        else:
            self.chance.shuffle(items)
        return items

    def swapped(self, items: list[links.Item]) -> list[links.Item]:
        """Say of what one link has that another one has it."""
        one, other = self.place(items), self.place(items)
        items[one], items[other] = (items[one][0], items[other][1]), (items[other][0], items[one][1])
        return items

    def as_its_own(self, items: list[links.Item]) -> list[links.Item]:
        """Send what a link has as the hub's own word, with other values."""
        at = self.place(items)
        data = forge.with_header(items[at][1], lambda header: header | {"sender": self.liar.site})
        data = self.other_values(data) if self.chance.random() < 0.7 else data
        items[at] = (None, forge.signed(data, links.secret(self.liar)))
        return items

    def replayed(self, items: list[links.Item]) -> list[links.Item]:
        """Bring back what was passed on before, or the changeset of it with other values."""
        if self.seen:
            items.insert(self.place(items), self.chance.choice(self.seen))
        return items

    def flipped(self, items: list[links.Item]) -> list[links.Item]:
        """Turn a bit of what somebody signed."""
        at = self.place(items)
        link, data = items[at]
        spoiled = bytearray(data)
        spoiled[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        items[at] = (link, bytes(spoiled))
        return items

    def other_values(self, data: bytes) -> bytes:
        """Change values that others wrote; what the hub writes in its own name is no lie."""
        known = [site for site in forge.parts(data)[0]["sites"] if site["id"] != self.liar.site]
        if not known:
            return data
        one = self.chance.choice(known)
        stamp = f"t0 = {max(one['upto'], 1)}, s0 = {one['ordinal']}, "
        tables = [number for number, table in enumerate(forge.parts(data)[0]["tables"], 1) if table["rows"]]
        if not tables:
            return data
        return forge.with_sql(data, f"UPDATE row_{self.chance.choice(tables)} SET {stamp}p0 = 1, v0 = 'forged'")

    def meet(self) -> None:
        """Let the honest ones exchange all that they have, once they have what the hub wrote itself."""
        for replica in self.honest:
            with suppress(CrdtsqlError):
                replica.merge(self.liar.export(replica.vector()))
        for _ in range(3):
            for receiver in self.honest:
                for sender in self.honest:
                    if sender is not receiver:
                        try:
                            receiver.merge(sender.export(receiver.vector()))
                        except NotAllowedError as error:
                            assert error.waits

    def run(self) -> None:
        """Write and exchange for a while; then the honest ones meet."""
        for _ in range(60):
            self.write() if self.chance.random() < 0.4 else self.exchange()
        self.meet()


@pytest.mark.parametrize("seed", chosen(8, "CRDTSQL_LIAR_SEEDS"))
def test_a_hub_that_lies(tmp_path: Path, seed: int) -> None:
    """Where proofs are required, a hub changes nothing of what others wrote as it passes that on, and has nobody quarantined."""
    history = PassedOn(tmp_path, seed, proofs=True)
    history.run()
    for replica in history.honest:
        assert dict(rows(replica, "task")) == history.truth
        assert replica.vector() == history.honest[0].vector() and not replica.doctor().broken
        assert not any(one.forked and one.site.hex() in history.sites for one in replica.trusted())
    assert [replica.site for replica in history.honest] == history.sites
    assert history.refused and history.taken


def test_a_hub_that_lies_where_no_proofs_are_required(tmp_path: Path) -> None:
    """Without that the hub is believed, as docs/SECURITY.md says."""
    spoiled = 0
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        history = PassedOn(tmp_path / str(seed), seed, proofs=False)
        try:
            history.run()
        except (CrdtsqlError, AssertionError):
            spoiled += 1
            continue
        spoiled += any(dict(rows(replica, "task")) != history.truth for replica in history.honest)
    assert spoiled


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
