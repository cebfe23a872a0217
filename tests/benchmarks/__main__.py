"""``python -m tests.benchmarks [name]``: measure side by side in one run; every benchmark where none is named."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from tests.benchmarks import operators, wire

BENCHMARKS: dict[str, Callable[[], Awaitable[None]]] = {"wire": wire.run, "operators": operators.run}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *BENCHMARKS], help="which to run")
    for name in parser.parse_args().name or BENCHMARKS:
        await BENCHMARKS[name]()


if __name__ == "__main__":
    asyncio.run(main())
