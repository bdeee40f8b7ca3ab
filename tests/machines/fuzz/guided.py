"""Coverage-guided hostile changesets: `make fuzz SECONDS=600`. What gets past the envelope must not get past the checks.

libFuzzer (the package atheris) changes bytes so that new lines of crdtsql are reached. What it makes is packed with a correct checksum, or
no byte of it would ever be looked at. Each target runs in a process of its own; `fuzz.json` adds up executions per commit, and the bytes
that reached something new are kept in `fuzz/<target>`, so that runs go on where the last one ended.

Of each execution: a typed error or none, within 2 seconds of the processor and 1 GiB; what is refused changes nothing; what a merge
accepts leaves the replica sound, and all that it exports from then on is taken by everybody.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from tests.machines.ledger import ROOT, commit

LONGEST_SECONDS = 2
MOST_MIB = 1024
REPORTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
Execute = Callable[[bytes], None]


class Honest(NamedTuple):
    """An honest changeset, taken apart.

    Attributes:
        receiver: who it is for, serialized.
        sites: the list of the sites that the header does not list.
    """

    receiver: bytes
    version: int
    head: bytes
    body: bytes
    sites: bytes = b""

    def sealed(self, head: bytes | None = None, body: bytes | None = None) -> bytes:
        """Pack it, with another header or body, and a checksum and flags that fit."""
        from crdtsql.wire import envelope
        from tests.support import forge

        head, body = self.head if head is None else head, self.body if body is None else body
        if self.version == envelope.ROWS:
            return forge.seal_rows(head, body, sites=self.sites)
        return forge.seal(head, body)


def honest() -> list[Honest]:
    """Make honest changesets with all that one can hold, in both formats."""
    import zstandard

    from tests.support import forge, passing

    found = []
    for receiver, data in passing.make().changesets:
        _, version, _, head_length, _, unfolded, _ = forge.PREFIX.unpack_from(data)
        sites = forge.listed(data)
        start = forge.PREFIX.size + len(sites) + (head_length if version == forge.IMAGE else 0)
        content = zstandard.ZstdDecompressor().decompress(data[start:], max_output_size=unfolded)
        if version == forge.IMAGE:
            found.append(Honest(receiver, version, data[forge.PREFIX.size : start], content))
        else:
            found.append(Honest(receiver, version, content[:head_length], content[head_length:], sites))
    return found


def _header() -> tuple[Execute, list[bytes]]:
    """Read the header, and read again what it says."""
    from crdtsql.base.errors import InvalidChangesetError
    from crdtsql.wire import header_bytes
    from tests.support.forge import read

    def execute(data: bytes) -> None:
        try:
            header = read(data)
        except InvalidChangesetError:
            return
        assert header_bytes(read(header_bytes(header))) == header_bytes(header)

    return execute, [one.head for one in honest()]


def _bodies(image: bool) -> tuple[Execute, list[bytes]]:
    """Check what a changeset with an honest header holds; the header, which has a target of its own, is read once."""
    import apsw
    import zstandard

    from crdtsql.base.errors import InvalidChangesetError
    from crdtsql.wire import envelope, laid_open, unpack

    wanted = [one for one in honest() if (one.version == envelope.IMAGE) == image]
    whole, pressed = [unpack(one.sealed()) for one in wanted], zstandard.ZstdCompressor(level=1)
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE here (id)"
    )  # an empty database takes the text encoding of what is attached to it first

    def execute(data: bytes) -> None:
        one, body = whole[data[0] % len(whole) if data else 0], data[1:]
        spoiled = dataclasses.replace(
            one, body=memoryview(pressed.compress(body) if image else body), unfolded_bytes=len(body)
        )
        try:
            with laid_open(connection, spoiled):
                pass
        except InvalidChangesetError:
            pass

    return execute, [bytes([number]) + one.body for number, one in enumerate(wanted)]


def _merge() -> tuple[Execute, list[bytes]]:
    """Merge changesets with another header or body into a replica, which passes on what it accepts, by turns to each of the others.

    What the receiver holds then is passed on once: whatever else was changed left no trace.
    """
    from crdtsql import CrdtsqlError
    from crdtsql.base.errors import DatabaseError
    from tests.support import passing
    from tests.support.state import content

    scene, wanted = passing.make(), honest()
    before = {one.receiver: content(passing.receiver(one.receiver).connection) for one in wanted}
    turns, passed = cycle(scene.others), set[bytes]()

    def execute(data: bytes) -> None:
        choice = data[0] if data else 0
        one = wanted[choice // 2 % len(wanted)]
        victim = passing.receiver(one.receiver)
        site = victim.site
        try:
            victim.merge(one.sealed(head=data[1:]) if choice % 2 else one.sealed(body=data[1:]))
        except CrdtsqlError as error:
            assert not isinstance(error, DatabaseError), error
            # Who is said to have written more than it knows goes on as a new site at once, whatever else is wrong with what says so.
            as_before = victim.site != site or content(victim.connection) == before[one.receiver]
            assert as_before, f"refused with {error!r}, yet changed"
        else:
            held = hashlib.blake2b(repr(content(victim.connection)).encode(), digest_size=16).digest()
            if held not in passed:
                passing.check_passes_on(victim, scene, next(turns))
                passed.add(held)
        victim.connection.close()

    seeds = [
        bytes([number * 2 + kind]) + (one.head if kind else one.body)
        for number, one in enumerate(wanted)
        for kind in (0, 1)
    ]
    return execute, seeds


def _bundle() -> tuple[Execute, list[bytes]]:
    """Merge bundles with another header, or with a link whose changeset has another header or rows and is signed anew with its key.

    Who takes a link passes it on to who believes the same. Nothing is taken of a header that is none.
    """
    import zstandard

    from crdtsql import CrdtsqlError, Replica
    from crdtsql.base.errors import DatabaseError
    from crdtsql.wire import read_bundle
    from tests.support import forge, links, passing, peers
    from tests.support.state import content, opened

    author, receiver = passing.chained()
    key, image = links.secret(author), receiver.connection.serialize("main")
    honest = author.export(receiver.vector())
    _, _, _, length, *_ = forge.PREFIX.unpack_from(honest)
    start = forge.PREFIX.size
    head, body, before = honest[start : start + length], honest[start + length :], content(receiver.connection)
    signed = [(link, data) for link, data in links.items(honest) if link is not None]
    unfolded = []
    for _, data in signed:
        _, _, _, head_length, _, size, _ = forge.PREFIX.unpack_from(data)
        frame = forge.unsigned(data)[start + len(forge.listed(data)) :]
        whole = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
        unfolded.append((whole[:head_length], whole[head_length:], forge.listed(data)))

    def fresh() -> Replica:
        return Replica.on(opened(image), now=peers.Clock(passing.LATER_MS))

    def made(data: bytes) -> bytes:
        place, kind = divmod(data[0] if data else 0, 3)
        if kind == 0:
            return links.sealed(data[1:], body)
        place %= len(signed)
        one_head, rows, sites = unfolded[place]
        changed = forge.seal_rows(data[1:] if kind == 1 else one_head, rows if kind == 1 else data[1:], sites=sites)
        return links.bundle([*signed[:place], links.sealed_anew(signed[place][0], changed, key)])

    def execute(data: bytes) -> None:
        victim, bundle = fresh(), made(data)
        try:
            victim.merge(bundle)
        except CrdtsqlError as error:
            assert not isinstance(error, DatabaseError), error
        assert not victim.doctor().broken
        try:
            read_bundle(bundle)
        except CrdtsqlError:
            assert content(victim.connection) == before, "it is none, and changed something"
        if victim.vector() != receiver.vector() and not any(one.forked for one in victim.trusted()):
            passing_on = victim.export(receiver.vector())
            twin = fresh()
            assert not twin.merge(passing_on).known
            twin.connection.close()
        victim.connection.close()

    seeds = [bytes([0]) + head]
    for place, (one_head, rows, _) in enumerate(unfolded):
        seeds += [bytes([place * 3 + 1]) + one_head, bytes([place * 3 + 2]) + rows]
    return execute, seeds


TARGETS: dict[str, Callable[[], tuple[Execute, list[bytes]]]] = {
    "header": _header, "rows": lambda: _bodies(image=False), "image": lambda: _bodies(image=True), "merge": _merge,
    "bundle": _bundle,
}  # fmt: skip

BODIES = ["crdtsql.wire"]
FOLLOWED = {
    "bundle": ["crdtsql.wire", "crdtsql.trust", "crdtsql.replica.guarding", "crdtsql.replica.exchanging"],
    "merge": [f"crdtsql.{wing}" for wing in ("wire", "trust", "compaction", "numbers", "history", "purge", "merge")],
}
"""The parts whose lines are followed; that makes them ten times as slow, so for all that has one target, those that check alone are."""


def timed(execute: Execute) -> Execute:
    """Let an execution that takes too long fail, by the time of the processor: other programs may keep it waiting."""

    def run(data: bytes) -> None:
        began = time.process_time()
        execute(data)
        assert time.process_time() - began < LONGEST_SECONDS, "it takes too long"

    return run


def fuzz(name: str, corpus: Path, options: list[str]) -> None:
    """Run a target in this process, until libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=FOLLOWED.get(name, BODIES), enable_loader_override=False):
        package = import_module("crdtsql")
        for found in pkgutil.walk_packages(package.__path__, "crdtsql."):
            if ".ui" not in found.name and ".transports" not in found.name and "__main__" not in found.name:
                import_module(found.name)
    execute, seeds = TARGETS[name]()
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    longest = max(map(len, seeds)) * 2
    atheris.Setup([name, f"-max_len={longest}", *options, str(corpus)], timed(execute))
    atheris.Fuzz()


def repeat(name: str, data: bytes) -> None:
    """Execute a target once, as a test or a person does."""
    timed(TARGETS[name]()[0])(data)


def main() -> int:
    """Fuzz all targets by turns, report, and return 1 if one found something."""
    parser = argparse.ArgumentParser(description="Coverage-guided hostile changesets.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--file", type=Path, default=ROOT / "fuzz.json", help="the ledger")
    parser.add_argument(
        "--corpus", type=Path, default=ROOT / "fuzz", help="where the bytes are kept that reached something new"
    )
    parser.add_argument("--only", action="append", choices=[*TARGETS], help="these targets alone")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=Path, help="execute the target of --only once, with these bytes")
    arguments, options = parser.parse_known_args()
    if arguments.child:
        fuzz(arguments.child, arguments.corpus / arguments.child, options)
    chosen = arguments.only or [*TARGETS]
    if arguments.repeat:
        repeat(chosen[0], arguments.repeat.read_bytes())
        return 0
    ledger: dict[str, Any] = json.loads(arguments.file.read_text(encoding="utf-8")) if arguments.file.exists() else {}
    here, failed = commit(), False
    for name in chosen:
        said = run(name, arguments.corpus, max(1, arguments.seconds // len(chosen)))
        done = sum(map(int, REPORTED.findall(said.stderr)))
        if said.returncode:
            print(said.stdout[-3000:], said.stderr[-3000:], f"exit code {said.returncode}", sep="\n")
            ledger.setdefault("failed", []).append([here, name, re.findall(r"Test unit written to (\S+)", said.stderr)])
            failed = True
        else:
            of_commit = ledger.setdefault("executions", {}).setdefault(here, {})
            of_commit[name] = of_commit.get(name, 0) + done
        arguments.file.write_text(json.dumps(ledger, indent=1), encoding="utf-8")
        print(f"{name:8}  {done:12,} executions{'  FAILED' if said.returncode else ''}", flush=True)
    total = sum(sum(found.values()) for found in ledger.get("executions", {}).values())
    print(f"{total:,} executions without a finding on all commits")
    return int(failed)


def run(name: str, corpus: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Fuzz a target in a process of its own."""
    found = corpus / "found"
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={MOST_MIB}", "-timeout=60", "-print_final_stats=1",
        f"-artifact_prefix={found}/{name}-", "-verbosity=1", "-len_control=0",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as state:
        command = [
            sys.executable,
            "-m",
            "tests.machines.fuzz.guided",
            "--corpus",
            str(corpus),
            "--child",
            name,
            *options,
        ]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"CRDTSQL_STATE_DIR": state},
            capture_output=True,
            text=True,
            check=False,
        )


if __name__ == "__main__":
    sys.exit(main())
