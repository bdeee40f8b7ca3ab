"""Replicas that sync by whatever way, disturbed as networks are, end up equal; CRDTSQL_NETWORKS says how many networks there are of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.machines.carry.network import WAYS, network
from tests.support import buckets, seeds
from tests.support.brokers import Server as Broker

SEEDS = seeds.chosen(1, "CRDTSQL_NETWORKS")
STEPS = 60
CRDTSQL = "import sys; from crdtsql.ui.cli import main; main()"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run a broker and an object store, and put a program in the place of ssh that runs the command here."""
    folder = tmp_path_factory.mktemp("services")
    ssh = folder / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    command = folder / "crdtsql"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{CRDTSQL}' \"$@\"\n")
    for program in (ssh, command):
        program.chmod(0o755)
    broker = Broker(folder / "nats")
    try:
        with buckets.running(), pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", f"{folder}:{os.environ['PATH']}")
            yield {"nats": broker}
    finally:
        broker.kill()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ways", [*((way,) for way in WAYS), WAYS], ids=lambda ways: "+".join(ways))
def test_all_end_up_equal(ways: tuple[str, ...], seed: int, services: dict[str, Any], tmp_path: Path) -> None:
    """Programs write during syncs, requests come twice and old ones again, files are late: at rest all have the same, and nobody went back."""
    with network(tmp_path / "net", ways, seed, services) as net:
        for _ in range(STEPS):
            net.step()
        happened = dict(net.happened)
        net.come_to_rest()
    assert happened.get("a program wrote during a sync", 0) > 0, happened
    assert happened.get("news arrived", 0) > 0, happened
    assert not [what for what in happened if what.startswith("refused")], happened
