"""Signatures: who sent a changeset, and whether that one is believed."""

from __future__ import annotations

import random
import stat
import sys
from pathlib import Path

import apsw
import pytest

import crdtsql.trust
from crdtsql import CrdtsqlError, Replica, errors, sync
from crdtsql.base import memory
from crdtsql.store import state_directory
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Request
from crdtsql.trust import ed25519, signers
from crdtsql.wire import KeyStep
from crdtsql.wire.envelope import PREFIX, unpack
from tests.support import forge, hub, peers
from tests.support.peers import rows, write
from tests.support.state import content
from tests.transports.test_exchange import Wire

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body)"
)
LIAR = bytes(range(32))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Replica, Replica]:
    """Give two replicas: the first one signs, the second takes changesets from it alone."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    signer = one.sign()
    other.trust(one.site, signer.key.hex())
    other.set_requires_signed(True)
    write(one, "INSERT INTO task VALUES ('a', 'x'), ('b', 'y')")
    return one, other


def refuses(replica: Replica, data: bytes, match: str = "changed") -> None:
    """Check that a changeset is refused because of who signed it, and that nothing changes by it."""
    before = content(replica.connection)
    with pytest.raises(errors.UntrustedError, match=match):
        replica.merge(data)
    assert content(replica.connection) == before


def secret_of(site: str) -> bytes:
    """Return the private key of a site."""
    return signers._secrets(bytes.fromhex(site))[-1]


def test_what_is_signed_is_taken(pair: tuple[Replica, Replica]) -> None:
    """A changeset of a trusted site is taken, in rows and with an image, and syncs go on as ever."""
    one, other = pair
    data = one.export()
    assert other.merge(data).total.inserted == 2 and unpack(data).signature
    write(
        one, "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO note SELECT i, i FROM n"
    )
    large = one.export(other.vector())
    assert PREFIX.unpack_from(large)[1:3] == (1, 8)
    assert other.merge(large).total.inserted == 2000
    sync(one, other)
    assert rows(one, "note") == rows(other, "note")


def test_any_change_is_found(pair: tuple[Replica, Replica]) -> None:
    """Whatever is changed of a changeset, under a right checksum too, nothing of it is taken."""
    one, other = pair
    data = one.export()
    mark = data[-64:]
    chance = random.Random(1)
    for _ in range(100):
        at = chance.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        before = content(other.connection)
        with pytest.raises(CrdtsqlError):
            other.merge(changed)
        assert content(other.connection) == before
    value = forge.signed(forge.with_sql(data, "UPDATE row_1 SET v0 = 'forged' WHERE k1 = 'a'"), LIAR)
    refuses(other, value, "with another key")
    refuses(other, value[:-64] + mark, "is not that of site")
    steps = [KeyStep(ed25519.public_of(secret_of(one.site)))]
    refuses(other, forge.signed(data, LIAR, steps), "is not that of site")


def test_a_signature_can_not_be_taken_off(pair: tuple[Replica, Replica]) -> None:
    """What a site that signs is said to have sent is refused without a signature, also where none is required."""
    one, other = pair
    bare = forge.stripped(one.export())
    assert not unpack(bare).signature
    refuses(other, bare, "is not signed")
    other.set_requires_signed(False)
    refuses(other, bare, "signs what it sends")


def test_who_is_not_trusted(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """Where signatures are required, an unknown site, one that was only seen, and one that does not sign are refused, with what to do."""
    one, other = pair
    stranger = peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1))
    write(stranger, "INSERT INTO task VALUES ('c', 'z')")
    refuses(other, stranger.export(), "takes signed ones alone.*crdtsql's `sign`")
    signer = stranger.sign()
    command = f"crdtsql trust {other.path} {stranger.site} --key {signer.key.hex()}"
    refuses(other, stranger.export(), command)
    other.set_requires_signed(False)
    other.merge(stranger.export())
    assert [one_.trusted for one_ in other.trusted() if one_.site.hex() == stranger.site] == [False]
    write(stranger, "INSERT INTO task VALUES ('d', 'z')")
    other.require_signed = True
    refuses(other, stranger.export(), command)
    other.trust(stranger.site)
    assert other.merge(stranger.export()).total.inserted == 1
    assert one.site != stranger.site


def test_the_first_key_counts(tmp_path: Path) -> None:
    """The first key that signs as a site is noted; another one that it does not lead to is refused, until somebody trusts it."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    one.sign()
    write(one, "INSERT INTO task VALUES ('a', 'x')")
    other.merge(one.export())
    refuses(other, forge.signed(one.export(), LIAR), "with another key")
    write(one, "INSERT INTO task VALUES ('b', 'y')")
    after = one.sign(anew=True)
    refuses(other, one.export(), f"crdtsql trust {other.path} {one.site} --key {after.key.hex()}")
    other.trust(one.site, after.key.hex())
    assert other.merge(one.export()).total.inserted == 1


def test_rotation(pair: tuple[Replica, Replica]) -> None:
    """Who knows a key follows to those that it leads to; a key that was replaced counts for what was there before, and for no more."""
    one, other = pair
    stolen, first = secret_of(one.site), one.export()
    one.sign(rotate=True)
    one.sign(rotate=True)
    write(one, "INSERT INTO note VALUES ('n', 'x')")
    other.merge(one.export(other.vector()))
    (known,) = (signer for signer in other.trusted() if signer.site.hex() == one.site)
    assert known.trusted and len(known.steps) == 3 and known.key != ed25519.public_of(stolen)
    later = forge.signed(one.export(), stolen)
    refuses(other, later, "that it has replaced")
    assert other.merge(first).known
    wrong = KeyStep(ed25519.public_of(LIAR), known.steps[-1].since, bytes(64))
    refuses(other, forge.signed(one.export(), LIAR, [*known.steps, wrong]), "is not that of site")


def test_a_rotated_key_is_followed_from_any(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """A replica that trusts the first key takes what the third one signs, and one that trusts the last key too."""
    one, other = pair
    one.sign(rotate=True)
    last = one.sign(rotate=True)
    assert other.merge(one.export()).total.inserted == 2
    third = peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1))
    third.trust(one.site, last.key.hex())
    third.require_signed = True
    assert third.merge(one.export()).total.inserted == 2


def test_who_is_revoked(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """Of a revoked site nothing more is taken, from itself or from others; what others pass on of before is, and it can be trusted again."""
    one, other = pair
    third = peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1))
    other.trust(third.site, third.sign().key.hex())
    sync(one, other)
    other.revoke(one.site)
    third.merge(one.export())
    write(third, "INSERT INTO note VALUES ('third', 'x')")
    assert other.merge(third.export()).total.inserted == 1
    write(one, "INSERT INTO note VALUES ('late', 'x')")
    refuses(other, one.export(), "does not believe any more")
    third.merge(one.export())
    refuses(other, third.export(), f"has later changes of site {one.site}")
    other.trust(one.site)
    assert other.merge(third.export()).total.inserted == 1
    other.revoke(one.site)
    write(third, "INSERT INTO note VALUES ('by way of it', 'x')")
    one.merge(third.export())
    refuses(other, one.export(other.vector()), "is by site")
    with pytest.raises(errors.UsageError, match="itself"):
        other.revoke(other.site)


def test_where_private_keys_are(pair: tuple[Replica, Replica]) -> None:
    """A private key is in a file that only its user may read, and never in a database or a changeset."""
    one, _ = pair
    path = state_directory() / "signing.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or sys.platform == "win32"
    secret = secret_of(one.site)
    whole = Path(one.path).read_bytes() + one.export()
    assert secret not in whole and secret.hex().encode() not in whole
    before = secret_of(one.site)
    one.sign()
    assert secret_of(one.site) == before
    for _ in range(3):
        one.sign(rotate=True)
    assert len(signers._secrets(bytes.fromhex(one.site))) == 2


def test_a_lost_key(pair: tuple[Replica, Replica]) -> None:
    """Without its private key a file exports nothing, and says what to do; `sign --anew` makes another one."""
    one, other = pair
    (state_directory() / "signing.json").unlink()
    for attempt in (one.export, lambda: one.sign(rotate=True), one.sign):
        with pytest.raises(CrdtsqlError, match="crdtsql sign .* --anew"):
            attempt()
    assert any(found.about == "signing" for found in one.doctor().findings)
    after = one.sign(anew=True)
    refuses(other, one.export())
    other.trust(one.site, after.key.hex())
    assert other.merge(one.export()).total.inserted == 2


def test_another_site_has_another_key(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """A clone, and a copy that becomes a site of its own, sign with keys of their own, which others must trust."""
    one, other = pair
    with one.clone(tmp_path / "clone.db") as cloned:
        write(cloned, "INSERT INTO note VALUES ('of clone', 'x')")
        refuses(other, cloned.export(), "does not trust")
        assert unpack(cloned.export()).header.keys[-1].key != unpack(one.export()).header.keys[-1].key
        assert {signer.site.hex() for signer in cloned.trusted()} == {one.site, cloned.site}


def test_ways(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """Signatures are checked over every way: a wire, HTTP, a folder."""
    one, other = pair
    one.sync(Wire(other))
    assert rows(other, "task") == rows(one, "task")
    write(one, "INSERT INTO task VALUES ('dir', 'x')")
    folder = f"dir:{tmp_path / 'team'}"
    (tmp_path / "team").mkdir()
    one.sync(folder)
    assert other.sync(folder).here.total.inserted == 1
    strange = peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1))
    write(strange, "INSERT INTO task VALUES ('strange', 'x')")
    strange.sync(folder)
    report = other.sync(folder)
    assert len(report.skipped) == 1 and "is not signed" in report.skipped[0]
    with pytest.raises(errors.TransportError, match="takes signed ones alone"):
        strange.sync(Wire(other))


def test_a_server(tmp_path: Path) -> None:
    """A server takes changesets from trusted sites alone, where its file says so."""
    one, other = peers.two(tmp_path, SCHEMA, now=hub.now_ms)
    other.set_requires_signed(True)
    path, site = Path(other.path), one.site
    other.close()
    write(one, "INSERT INTO task VALUES ('a', 'x')")
    with hub.serving(path) as server:
        server.grant(path)
        with pytest.raises(errors.TransportError, match="takes signed ones alone"):
            one.sync(server.address(path))
        key = one.sign().key.hex()
        with Replica.open(path, now=hub.now_ms) as again:
            again.trust(site, key)
        one.sync(server.address(path))
        with Replica.open(path, now=hub.now_ms) as again:
            assert rows(again, "task") == rows(one, "task")


def test_who_signs_nothing_pays_nothing(tmp_path: Path) -> None:
    """A file without keys has no fact about them, and its changesets have no sign of them."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "INSERT INTO task VALUES ('a', 'x')")
    data = one.export()
    assert PREFIX.unpack_from(data)[2] == 0 and "keys" not in forge.parts(data)[0]
    other.merge(data)
    names = {name for replica in (one, other) for (name,) in replica.connection.execute("SELECT name FROM _crdt_meta")}
    assert not names & {"guarded", "signs", "signed_only"}


def test_without_the_package(pair: tuple[Replica, Replica], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the package is told which one to install, to sign and where a signature counts; else what is signed is taken as if it were not."""
    one, _ = pair
    data, third = one.export(), peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=peers.Clock(step=1))
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    monkeypatch.delitem(sys.modules, "crdtsql.trust.ed25519")
    monkeypatch.delattr(crdtsql.trust, "ed25519")
    signers_check = crdtsql.trust.check.__globals__["_check_signature"]
    signers_check.cache_clear()
    assert third.merge(data).total.inserted == 2 and third.trusted() == []
    third.require_signed = True
    for attempt in (third.sign, lambda: third.merge(data)):
        with pytest.raises(CrdtsqlError, match=r"pip install 'crdtsql\[signed\]'"):
            attempt()


def test_what_is_no_key_or_site(pair: tuple[Replica, Replica]) -> None:
    """Sites are named by their ids, since anybody can choose a name, or begin an id alike."""
    one, other = pair
    one.set_name("laptop")
    for site in ("laptop", one.site[:8], f"{one.site[:-1]}X"):
        with pytest.raises(errors.UsageError, match="no id of a site"):
            other.trust(site)
    with pytest.raises(errors.UsageError, match="no public key"):
        other.trust(one.site, "00")
    with pytest.raises(errors.UsageError, match="no key of site"):
        other.trust("0" * 31 + "1")


def test_the_own_key_is_chosen_by_signing(pair: tuple[Replica, Replica]) -> None:
    """Nobody can say of a file, in that file, that it signs with a key that it has not; the key that it has may be said."""
    one, other = pair
    mine = one.sign().key.hex()
    for site, replica in ((one.site, one), (other.site, other)):
        with pytest.raises(errors.UsageError, match="itself, which does not sign with that key"):
            replica.trust(site, "0" * 64)
    one.trust(one.site, mine)
    one.trust(one.site)
    assert one.sign().key.hex() == mine
    other.merge(one.export())


def test_a_rejoin_is_checked(pair: tuple[Replica, Replica]) -> None:
    """A replica takes the state of another one only if that one is believed."""
    one, other = pair
    other.allow(one.site)
    before = content(other.connection)
    with pytest.raises(errors.UntrustedError):
        other.rejoin(forge.signed(one.export(), LIAR))
    with pytest.raises(errors.NotAllowedError, match="its own changes alone"):
        other.rejoin(one.export())
    assert content(other.connection) == before


@pytest.mark.parametrize("waits", [False, True])
def test_a_claim_makes_no_new_site(pair: tuple[Replica, Replica], waits: bool) -> None:
    """Where signatures are required a peer can't say without one that a file was rolled back: neither by what it asks, nor by what it
    answers; the file goes on as the site that it is.
    """
    other, one = pair
    write(one, "INSERT INTO task VALUES ('own', 1)")
    site, upto = one.site, int(one.vector()[one.site])
    claimed = other.vector() | {site: upto + (1 << 40)}
    if waits:
        write(one, "INSERT INTO task VALUES ('waits', 1)")
    with pytest.raises(errors.UntrustedError, match="nobody's word for that without a signature"):
        answer(one, Request(other.site, claimed))
    with pytest.raises(errors.UntrustedError, match="nobody's word"):
        one.standing(claimed)
    with pytest.raises(errors.UntrustedError, match="nobody's word"):
        one.fold({bytes.fromhex(key): found for key, found in claimed.items()})
    assert one.site == site
    sync(other, one)
    assert rows(one, "task") == rows(other, "task") and one.site == site


def test_a_restored_file_hears_it_by_a_changeset(pair: tuple[Replica, Replica]) -> None:
    """A file that was restored where that can't be seen does not sync as the site that it was; a signed changeset lets it go on as another."""
    other, one = pair
    sync(other, one)
    site, snapshot = one.site, apsw.Connection("")
    _copy(one.connection, snapshot)
    write(one, "INSERT INTO task VALUES ('lost here', 1)")
    sync(one, other)
    _copy(snapshot, one.connection)
    memory.forget(one.connection)
    with pytest.raises(errors.UntrustedError, match="as if it had been restored"):
        sync(one, other)
    assert one.site == site
    one.merge(other.export())
    assert one.site != site and rows(one, "task") == rows(other, "task")


def _copy(source: apsw.Connection, target: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        backup.step()
