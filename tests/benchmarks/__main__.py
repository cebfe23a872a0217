"""``python -m tests.benchmarks [name ...]``: measure side by side in one run; every benchmark where none is named.

Our server and what it is compared with take turns, on one core and the load on another where there are two. The table
goes to standard output.
"""

import argparse
import asyncio
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import (
    growth,
    interval,
    machine,
    memory,
    operators,
    parked,
    reads,
    reconnect,
    scattered,
    wire,
    writes,
)
from tests.benchmarks.bench import FULL, QUICK, Bench, Size
from tests.benchmarks.report import Section, document, text

BENCHMARKS: dict[str, Callable[[Bench], Section]] = {
    "unchanged": reads.unchanged,
    "full": reads.full,
    "patch": writes.patch,
    "fanout": parked.fanout,
    "scattered": scattered.scattered,
    "reconnect": reconnect.reconnect,
    "obvious": interval.obvious,
    "memory": memory.memory,
    "growth": growth.growth,
}
# These print their own tables.
PRINTING = {"wire": wire.run, "operators": operators.run}


def main(arguments: list[str]) -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"which to run: {', '.join([*BENCHMARKS, *PRINTING])}")
    parser.add_argument("--rounds", type=int, help=f"how often each subject is measured, {FULL.rounds} unless given")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work? The figures say nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the plots as SVG in DIR")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.name if name not in {*BENCHMARKS, *PRINTING}]
    if unknown or (given.rounds is not None and given.rounds < 1):
        parser.error(f"no such benchmark: {', '.join(unknown)}" if unknown else "--rounds takes 1 or more")
    size = QUICK if given.quick else FULL
    size = replace(size, rounds=given.rounds or size.rounds)
    sections = _run(given.name or [*BENCHMARKS, *PRINTING], size)
    if given.json:
        command = shlex.join(["python", "-m", "tests.benchmarks", *arguments])
        given.json.write_text(json.dumps(document(machine.described(), command, sections), indent=1), encoding="utf-8")


def _run(names: list[str], size: Size) -> list[Section]:
    """Run benchmarks one after the other, each in a folder that is gone afterwards, and print what they found."""
    machine.settle()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every process that was started ends, too
    sections = []
    for name in names:
        started = time.monotonic()
        if name in PRINTING:
            asyncio.run(PRINTING[name]())
        else:
            with tempfile.TemporaryDirectory() as folder:
                sections.append(BENCHMARKS[name](Bench(size, Path(folder))))
            print(text(sections[-1]))
        print(f"  ({time.monotonic() - started:.0f} s)\n", flush=True)
    return sections


if __name__ == "__main__":
    main(sys.argv[1:])
