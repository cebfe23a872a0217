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
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import (
    growth,
    interval,
    machine,
    memory,
    operators,
    parked,
    plots,
    reads,
    reconnect,
    scattered,
    stalls,
    wire,
    writes,
)
from tests.benchmarks.bench import FULL, QUICK, Bench, Size
from tests.benchmarks.nodes import table
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
    "stalls": stalls.stalls,
    "nodes": table.nodes,
}
# These print their own tables, and have one size.
PRINTING = {"wire": wire.run, "operators": operators.run}
# Files of a process beside its connections.
_SPARE_FILES = 200


def main(arguments: Sequence[str]) -> int:
    """Measure what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"which to run: {', '.join([*BENCHMARKS, *PRINTING])}")
    parser.add_argument("--rounds", type=int, help=f"how often each subject is measured, {FULL.rounds} unless given")
    parser.add_argument("--question", default="", metavar="TEXT", help="of stalls, only what has TEXT in its name")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work? The figures say nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the plots as SVG into DIR")
    given = parser.parse_args(arguments)
    every = [*BENCHMARKS, *([] if given.quick else PRINTING)]
    unknown = [name for name in given.name if name not in {*BENCHMARKS, *PRINTING}]
    if unknown or (given.rounds is not None and given.rounds < 1):
        parser.error(f"no such benchmark: {', '.join(unknown)}" if unknown else "--rounds takes 1 or more")
    size = QUICK if given.quick else FULL
    sections = run(given.name or every, replace(size, rounds=given.rounds or size.rounds, question=given.question))
    if given.json:
        command = shlex.join(["python", "-m", "tests.benchmarks", *arguments])
        found = document(machine.described(), command, sections)
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if given.plots and plots.INSTALLED:
        plots.draw(sections, given.plots)
    elif given.plots:
        print(plots.HOW_TO_GET)
    return int(any(section.failed for section in sections))


def run(names: Sequence[str], size: Size) -> list[Section]:
    """Run benchmarks one after the other, each in a folder that is gone afterwards, and print what they found."""
    size = replace(size, waiters=min(size.waiters, machine.settle() - _SPARE_FILES))
    sections = []
    for name in names:
        started = time.monotonic()
        if name in PRINTING:
            asyncio.run(PRINTING[name]())
        else:
            sections.append(_measured(name, size))
            print(text(sections[-1]))
        print(f"  ({time.monotonic() - started:.0f} s)\n", flush=True)
    return sections


def _measured(name: str, size: Size) -> Section:
    others = machine.Others()
    try:
        with tempfile.TemporaryDirectory() as folder:
            section = BENCHMARKS[name](Bench(size, Path(folder)))
    except Exception as error:  # noqa: BLE001 - what the other benchmarks find is not lost with this one
        traceback.print_exc()
        return Section(name, f"FAILED: {error}", failed=True)
    section.notes.append(f"other programs had {others.share():.0%} of the machine's cores meanwhile")
    return section


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every process that was started ends, too
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        machine.end_children()
