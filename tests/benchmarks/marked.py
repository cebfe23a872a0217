"""Our server, which also notes when each change was committed.

A note is ``topic seconds``, by the monotonic clock, which all processes share. It is taken where the store learns
that a batch is on disk, before anybody is told.
"""

import os
import sys
import time
from collections.abc import Callable

from wizard_server.cli import main
from wizard_server.storage.batch import Batch
from wizard_server.storage.memory import Memory


def _marking(committed: Callable[[Memory, Batch], None], marks: int) -> Callable[[Memory, Batch], None]:
    def mark(memory: Memory, batch: Batch) -> None:
        now = time.monotonic()
        os.write(marks, "".join(f"{key} {now}\n" for key, _, _ in batch.heads()).encode())
        committed(memory, batch)

    return mark


def install(file: str) -> None:
    """Have every group commit of this process write its marks to `file`."""
    marks = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    # Where every commit goes: the second on a node whose look has read it before its answer came.
    Memory.committed = _marking(Memory.committed, marks)  # type: ignore[method-assign,assignment]  # as the comment says
    Memory.overtaken = _marking(Memory.overtaken, marks)  # type: ignore[method-assign,assignment]  # as the comment says


if __name__ == "__main__":
    install(os.environ.pop("BENCHMARK_MARKS"))
    sys.exit(main(sys.argv[1:]))
