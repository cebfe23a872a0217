"""A tenth of the specification's storage estimate (1,000 states with 10 KB of JSON, 100 changes for some of them), and
a tenth of that: no command needs memory for each row. ``python -m tests.benchmarks operators`` measures the whole.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

import pytest

from tests.operators.conftest import CONFIG
from tests.operators.generator import Shape, generate
from tests.operators.rows import Rows
from tests.schema.databases import make

ROOT = Path(__file__).parents[2]
DIVISOR = 10
SHAPE = Shape().divided(DIVISOR)
MOST_GROWTH = 1.5


@dataclass(frozen=True)
class Peaks:
    """How much memory each command had at its peak, in KiB."""

    export: int
    imported: int
    backup: int
    purge: int


# The process says itself how large it was: the kernel counts a parent's memory into what `wait4` tells of a child.
_DRIVER = """
import re, sys
from pathlib import Path
from wizard_server.cli import main
status = main(sys.argv[2:])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""


def peak(folder: Path, database: str, *arguments: str) -> int:
    """Run a command on `database` to its end and return its largest resident set in KiB (Linux only)."""
    config = folder / f"{database}.toml"
    config.write_text(CONFIG.format(path=folder / database), encoding="utf-8")
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "WIZARD_"))}
    told = folder / f"{database}.peak"
    command = [sys.executable, "-c", _DRIVER, told.name, *arguments, "--config", config.name]
    environment = {**outside, "PYTHONPATH": str(ROOT), "WIZARD_HISTORY_MAX_AGE_DAYS": "7"}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, arguments
    return int(told.read_text(encoding="utf-8"))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def round_trip(folder: Path, shape: Shape) -> Peaks:
    """Generate, export, import, export again and compare; then back up and purge what was imported."""
    await generate(str(folder / "original.db"), shape)
    make(folder / "copy.db")
    peaks = Peaks(
        export=peak(folder, "original.db", "export", "first.jsonl"),
        imported=peak(folder, "copy.db", "import", "first.jsonl"),
        backup=peak(folder, "copy.db", "backup", "backup.db"),
        purge=peak(folder, "original.db", "purge"),
    )
    peak(folder, "copy.db", "export", "second.jsonl")
    assert cmp(folder / "first.jsonl", folder / "second.jsonl", shallow=False)
    return peaks


async def test_an_export_of_an_import_is_the_same_file_and_memory_stays_flat(tmp_path: Path) -> None:
    small = await round_trip(made(tmp_path / "small"), SHAPE.divided(DIVISOR))
    full = await round_trip(made(tmp_path / "full"), SHAPE)
    assert (tmp_path / "full/first.jsonl").stat().st_size > 9 * (tmp_path / "small/first.jsonl").stat().st_size
    for command in ("export", "imported", "backup", "purge"):
        assert getattr(full, command) <= MOST_GROWTH * getattr(small, command), (command, small, full)


async def test_the_generator_makes_the_same_database_for_the_same_seed(tmp_path: Path) -> None:
    shape = Shape().divided(500)
    found = []
    for name in ("a.db", "b.db"):
        await generate(str(tmp_path / name), shape)
        rows = Rows(str(tmp_path / name))
        found.append(rows.everything())
        rows.close()
    assert found[0] == found[1]


@pytest.mark.parametrize("table", ["investigations", "investigation_states"])
async def test_the_generator_makes_as_many_as_it_is_asked_for(tmp_path: Path, table: str) -> None:
    await generate(str(tmp_path / "a.db"), Shape(users=3, states=7, busy_states=1, changes=5, template_users=1))
    rows = Rows(str(tmp_path / "a.db"))
    assert rows.count(table) == 7
    assert rows.count("investigation_audit_log") == 5 + 6 * 2
    assert rows.count("investigation_templates") == 50
    rows.close()
