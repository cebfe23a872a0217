"""The server as an operator runs it: a process of its own, with a configuration file and a database on disk.

Nothing waits without a bound, and no process outlives its `ServerProcess`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.acceptance.forks import Forks

CHECKOUT = Path(__file__).resolve().parents[2]
WIZARD_SERVER = (sys.executable, "-m", "wizard_server")
PATIENCE_SECONDS = 60.0
_FORKS = Forks()
_LISTENING = "Listening on "
_LEFT_OUT = ("DATABASE_URL", "SQLALCHEMY_", "WIZARD_", "FEATURE_WIZARD_", "PYTHONDONTWRITEBYTECODE")
# No server here is a client of TLS, and the system's authorities take a tenth of a start to load.
_NO_CERTIFICATES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
# What a sound server never says, however it ends.
_UNSOUND = ("Traceback", "never retrieved", "never awaited", "was destroyed but it is pending")


def write_config(folder: Path, **sections: dict[str, Any]) -> Path:
    """Write ``config.toml`` for tests: mode none, the database beside it, sections merged over that."""
    given: dict[str, dict[str, Any]] = {
        "database": {"url": f"sqlite:///{folder / 'investigations.db'}"},
        "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
        "auth": {"mode": "none"},
        "rate_limit": {
            "requests_per_second": 1e6,
            "burst": 1_000_000,
            "agent_requests_per_second": 1e6,
            "agent_burst": 1_000_000,
        },
    }
    for section, keys in sections.items():
        given[section] = {**given.get(section, {}), **keys}
    tables = (
        "\n".join([f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])
        for section, keys in given.items()
    )
    path = folder / "config.toml"
    path.write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    return path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what would configure the server, and `extra`.

    What one process compiles, the next need not: that takes a fifth of a start.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return {**kept, **(extra or {})}


def run(
    folder: Path,
    *arguments: str | Path,
    command: tuple[str | Path, ...] = WIZARD_SERVER,
    env: Mapping[str, str] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder` and return its exit status and what it said."""
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as `condition` holds; fail when it does not within `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so: {what}")
        time.sleep(0.005)


def processor_seconds(pid: int) -> float:
    """Return how much processor time a process has had."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class ServerProcess:
    """``wizard-server serve`` in its own process group; a context manager that leaves no process behind."""

    def __init__(
        self,
        config: Path,
        *arguments: str,
        command: tuple[str | Path, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start the process with `config`, on a free port unless `arguments` say another; see `ready`.

        Without a `command` it is forked (see `forks`); ``WIZARD_SERVER`` starts it as an operator does.
        """
        folder = config.parent
        self._stdout, self._stderr = folder / "serve.stdout", folder / "serve.stderr"
        port = () if "--port" in arguments else ("--port", "0")
        given, env = ["serve", "--config", str(config), *port, *arguments], {**environment(env), **_NO_CERTIFICATES}
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = (
                subprocess.Popen(
                    [*command, *given],
                    cwd=folder,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
                if command
                else _FORKS.fork(given, folder, env, stdout, stderr)
            )

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it has written so far."""
        return self._stdout.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        """What it has complained of so far."""
        return self._stderr.read_text(encoding="utf-8")

    @property
    def complaints(self) -> list[str]:
        """What it has said that no sound server says."""
        return [sign for sign in _UNSOUND if sign in self.stderr]

    def ready(self) -> "ServerProcess":
        """Return once it listens; fail when it ends instead."""
        until(lambda: "\n" in self.stdout or self._process.poll() is not None, "the server listens")
        assert self.stdout.startswith(_LISTENING), f"exit status {self._process.poll()}: {self.stderr}"
        return self

    @property
    def url(self) -> str:
        """Where it says it listens."""
        return self.stdout.splitlines()[0].removeprefix(_LISTENING)

    @property
    def port(self) -> int:
        """The port of `url`."""
        return int(self.url.rpartition(":")[2])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        self._process.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Return its exit status once it has ended; raises `subprocess.TimeoutExpired`."""
        return self._process.wait(seconds)

    def terminate(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Send SIGKILL to the whole group, unless it has ended, and wait for the end."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
