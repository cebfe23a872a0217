"""What the operators' commands are tested with: rows of every age, and the command line as a process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from tests.acceptance.process import CHECKOUT, environment
from tests.operators.rows import Rows
from wizard_server.cli import main

CONFIG = """
[database]
url = "sqlite:///{path}"

[polling]
fast_interval_ms = 500
normal_interval_ms = 2000
slow_interval_ms = 5000

[auth]
mode = "none"
"""
RunCommand = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def rows(database: str) -> Iterator[Rows]:
    """Rows in `database`, planted and read past the code under test."""
    with closing(Rows(database)) as rows:
        yield rows


@pytest.fixture
def command(database: str, tmp_path: Path) -> RunCommand:
    """Run ``wizard-server`` on `database` as a process of its own; `limit` is the largest file it may write."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(path=database), encoding="utf-8")

    def run(
        *arguments: str, limit: int | None = None, stdin: bytes = b"", stdout: int | IO[Any] = subprocess.PIPE
    ) -> subprocess.CompletedProcess[bytes]:
        bounded = f"ulimit -f {limit // 512}; " if limit else ""
        return subprocess.run(
            ["sh", "-c", bounded + 'exec "$@"', "sh", sys.executable, "-m", "wizard_server", *arguments],
            cwd=tmp_path,
            env=environment({"PYTHONPATH": str(CHECKOUT)}),
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def called(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> RunCommand:
    """Run ``wizard-server`` on `database` in this process, which is quicker; not for what might wait without end."""
    (tmp_path / "config.toml").write_text(CONFIG.format(path=database), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        status = main(arguments)
        printed = capfdbinary.readouterr()
        return subprocess.CompletedProcess(arguments, status, printed.out, printed.err)

    return run
