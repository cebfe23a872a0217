"""Our server, which also notes when each change was committed.

A note is ``topic seconds``, by the monotonic clock, which all processes share. It is taken where the store learns
that a batch is on disk, before anybody is told.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from wizard_server.cli import main
from wizard_server.storage.batch import Batch
from wizard_server.storage.groupcommit import GroupCommit


def _marking(committed: Callable[[Batch], None], marks: int) -> Callable[[Batch], None]:
    def mark(batch: Batch) -> None:
        now = time.monotonic()
        os.write(marks, "".join(f"{key} {now}\n" for key, _, _ in batch.heads()).encode())
        committed(batch)

    return mark


def install(file: str) -> None:
    """Have every group commit of this process write its marks to `file`."""
    marks = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begin = GroupCommit.__init__

    @wraps(begin)
    def marked(self: GroupCommit, *, committed: Callable[[Batch], None], **others: Any) -> None:
        begin(self, committed=_marking(committed, marks), **others)

    GroupCommit.__init__ = marked  # type: ignore[method-assign]  # the one place that every commit goes through


if __name__ == "__main__":
    install(os.environ.pop("BENCHMARK_MARKS"))
    sys.exit(main(sys.argv[1:]))
