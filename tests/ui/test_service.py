"""Services that keep replicas in step."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql.ui.cli import cli
from tests.support import peers


def call(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["service", *words])


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a file with an odd name, and be in its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "state"))
    name = 'my "50%" $app\\.db'
    with peers.replica(tmp_path / name, "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL)"):
        return name


def words_of(unit: str) -> list[str]:
    """Read the command of a unit as systemd does."""
    (line,) = re.findall("^ExecStart=(.*)$", unit, re.MULTILINE)
    found = re.findall(r'"((?:[^"\\]|\\.)*)"(?: |$)', line)
    assert " ".join(f'"{word}"' for word in found) == line
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in found]


def test_a_unit_starts_what_a_person_would(app: str, tmp_path: Path) -> None:
    """The unit runs `sync --watch` with paths that hold in any folder, whatever characters are in them."""
    with peers.replica(Path("peer.db"), "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL)", site=2):
        Path("team").mkdir()
    unit = call(app, "--systemd", "peer.db").stdout
    assert words_of(unit)[-4:] == ["sync", str(tmp_path / app), f"file:{tmp_path / 'peer.db'}", "--watch"]
    assert words_of(call(app, "--systemd", "dir:team").stdout)[-2] == f"dir:{tmp_path / 'team'}"
    assert words_of(call(app, "--systemd", "ssh://host/~/app.db").stdout)[-2] == "ssh://host/~/app.db"
    assert "Restart=always" in unit and f'"CRDTSQL_STATE_DIR={tmp_path / "state"}"' in unit


def test_names_of_remotes_stay_names(app: str) -> None:
    """A remote that has a name is called by it, so that the service follows when its address changes; without one all are meant."""
    (team := Path("team")).mkdir()
    assert CliRunner().invoke(cli, ["remote", "add", app, "office", f"dir:{team}"]).exit_code == 0
    assert words_of(call(app, "office", "--systemd").stdout)[-2:] == ["office", "--watch"]
    assert words_of(call(app, "--systemd").stdout)[-2:] == [str(Path(app).absolute()), "--watch"]


def test_a_property_list_says_the_same(app: str, tmp_path: Path) -> None:
    """With --launchd it is what macOS takes."""
    Path("team").mkdir()
    found = plistlib.loads(call(app, "dir:team", "--launchd").stdout.encode())
    assert found["ProgramArguments"][-4:] == ["sync", str(tmp_path / app), f"dir:{tmp_path / 'team'}", "--watch"]
    assert found["KeepAlive"] and found["RunAtLoad"] and found["EnvironmentVariables"]["CRDTSQL_STATE_DIR"]


def test_what_can_be_no_service_is_said(app: str) -> None:
    """A file without remotes, an address that leads nowhere and a name with a newline are refused, and it is said what to do."""
    assert "remote add" in call(app).output and call(app).exit_code == 2
    assert call(app, "scp://host/app.db").exit_code == 2
    assert "can't stand in a service" in call(app, "dir:a\nb", "--systemd").output


@pytest.mark.parametrize(
    ("remote", "code", "said"),
    [
        ("nope", 1, "nope: no such file"),
        ("file:nope.db", 1, "no such file"),
        ("dir:nope", 1, "there is no such folder"),
        ("ssh://host", 2, "is no address of ssh"),
    ],
)
def test_a_remote_that_is_not_there_gets_no_service(app: str, remote: str, code: int, said: str) -> None:
    """A file or folder that is not there, and an address that can never work, are refused as `sync` does, and no unit is printed."""
    done = call(app, remote, "--systemd")
    assert (done.exit_code, done.stdout) == (code, "") and said in done.stderr
    assert CliRunner().invoke(cli, ["sync", app, remote]).exit_code == code
