"""A real NATS server in a process of its own, which can be killed and started again at the same port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("nats-server")
LONGEST_S = 30.0


class Server:
    """The server; what it keeps is on disk before it says so."""

    def __init__(self, folder: Path, more: str = "", jetstream: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._more, self._jetstream = folder, more, jetstream
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1
        self.start()

    def start(self) -> None:
        """Start it, at the port that it had before."""
        ports = self._folder / "ports"
        ports.mkdir(exist_ok=True)
        for path in ports.iterdir():
            path.unlink()
        jetstream = self._jetstream or f'jetstream {{ store_dir: "{self._folder}/kept", sync_interval: always }}'
        (self._folder / "server.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\nports_file_dir: "{ports}"\n{jetstream}\n{self._more}\n'
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", self._folder / "server.conf"], stdout=log, stderr=log)
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            for path in ports.glob("*.ports"):
                if text := path.read_text():
                    self.port = int(json.loads(text)["nats"][0].rpartition(":")[2])
                    return
            time.sleep(0.002)
        raise AssertionError((self._folder / "log").read_text())

    @property
    def runs(self) -> bool:
        """Tell whether it was started, and not killed since."""
        return self._process is not None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def address(self, team: str) -> str:
        """Return the address of a stream there."""
        return f"nats://127.0.0.1:{self.port}/{team}"
