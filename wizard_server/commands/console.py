"""What commands share towards the terminal: colours, progress, and being interrupted.

Standard output carries results only, standard error everything else. Colours and progress appear in terminals only;
``NO_COLOR`` switches colours off.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec

P = ParamSpec("P")
READER_GONE = 141  # 128 and the number of SIGPIPE: what a shell says of a program that it ended
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_streams() -> None:
    """Open those of the standard streams that were closed (``>&-``), so that what is printed there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it stays open as long as the process


def has_no_room(error: BaseException) -> bool:
    """Whether `error` says that a file is full; a command that writes a file of its own names it itself."""
    return isinstance(error, OSError) and error.errno in _FULL


def say_no_more() -> None:
    """Send what would still be printed nowhere: whoever read it has gone."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a stream that is no file, or is closed
            stream.flush()
            continue
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def shown(text: str) -> str:
    """Return `text` for a terminal: what would move its cursor, or hide in it, is written as Python escapes it."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def tell(text: str) -> None:
    """Say something to the operator, beside the results, line by line as `shown`."""
    print("\n".join(map(shown, text.split("\n"))), file=sys.stderr)


def say(text: str) -> None:
    """Print a result of one line, as `shown`."""
    print(shown(text))


def print_source(text: str, language: str, end: str = "\n") -> None:
    """Print `text` as it is, coloured as `language` in a terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        print(text, end=end)
        return
    from rich.console import Console  # what draws is loaded where it draws: the server does without 3 MB of it
    from rich.syntax import Syntax

    highlighted = Syntax("", language, background_color="default").highlight(text)
    highlighted.rstrip()
    Console().print(highlighted, soft_wrap=True)


def print_json(value: object) -> None:
    """Print `value` as one JSON document, for machines, indented for people."""
    print_source(json.dumps(value, indent=2, ensure_ascii=False), "json")


@contextmanager
def progress(
    description: str, total: int | None, *, in_bytes: bool = False, shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """Yield what is called with every step done; in a terminal, a bar on standard error shows it. No total: unknown."""
    if not shown or not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(description, total=total)
        yield lambda steps: bar.advance(task, steps)
