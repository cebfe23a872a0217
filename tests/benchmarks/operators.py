"""Time and memory of the operators' commands at the specification's storage estimate and at a tenth of it."""

import tempfile
from pathlib import Path
from time import perf_counter

from tests.operators.generator import Shape, generate
from tests.operators.test_scale import DIVISOR, made, peak
from tests.schema.databases import make

COMMANDS = {
    "backup": ("original.db", ("backup", "backup.db")),
    "export": ("original.db", ("export", "export.jsonl")),
    "import": ("copy.db", ("import", "export.jsonl")),
    "purge": ("original.db", ("purge",)),
}

Measured = dict[str, tuple[float, int]]


async def run() -> None:
    """Print a row for each command: seconds and MiB at full size, MiB at a tenth."""
    with tempfile.TemporaryDirectory() as folder:
        small = await _measure(made(Path(folder, "small")), Shape().divided(DIVISOR))
        full = await _measure(made(Path(folder, "full")), Shape())
    for name, (seconds, kilobytes) in full.items():
        print(f"{name:<8} {seconds:>6.1f} s {kilobytes / 1024:>6.0f} MiB {small[name][1] / 1024:>6.0f} MiB")


async def _measure(folder: Path, shape: Shape) -> Measured:
    await generate(str(folder / "original.db"), shape)
    make(folder / "copy.db")
    measured: Measured = {}
    for name, (database, arguments) in COMMANDS.items():
        started = perf_counter()
        kilobytes = peak(folder, database, *arguments)
        measured[name] = perf_counter() - started, kilobytes
    return measured
