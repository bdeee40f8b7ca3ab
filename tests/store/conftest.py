"""A replica that an operator calls `shop`, and one that it syncs with."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from tests.support.hosts import SCHEMA, Host, write


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a machine."""
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def hub(host: Host, tmp_path: Path) -> Path:
    """Give a replica with a table, whose place stays, on the machine `hub`."""
    path = tmp_path / "hub.db"
    host.be(name="hub")
    apsw.Connection(str(path)).execute(SCHEMA)
    with host.open(path) as opened:
        opened.enable("task")
    return path


@pytest.fixture
def app(host: Host, hub: Path, tmp_path: Path) -> Path:
    """Give a replica of the id `shop`, with an event of its own that the hub has, left on the machine `first`."""
    path = tmp_path / "app.db"
    with host.open(hub) as opened:
        opened.clone(path).close()
    host.be("shop", name="first")
    write(path, "first")
    host.exchange(path, hub, "shop", name="first")
    return path


@pytest.fixture
def pair(host: Host, app: Path, tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """Give two files of one id, each on its machine, which write as one site: the second is a copy that nothing shows to be one."""
    (tmp_path / "elsewhere").mkdir()
    copy = Path(shutil.copy(app, tmp_path / "elsewhere" / "app.db"))
    away = app.rename(tmp_path / "not on that machine.db")
    host.be("shop", name="second")
    site = host.site(copy)
    away.rename(app)
    host.be("shop", name="first")
    assert host.site(app) == site
    return {"original": (app, "first"), "copy": (copy, "second")}
