"""What all commands print with: results, messages, colours and progress bars.

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
READER_GONE = 141  # 128 and the number of SIGPIPE: the status that a shell reports for a program ended by it
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_streams() -> None:
    """Open the standard streams that were closed (``>&-``) on the null device, so that printing does not fail."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it stays open for the life of the process


def has_no_room(error: BaseException) -> bool:
    """Whether `error` says that the disk is full; commands that write a file of their own report that themselves."""
    return isinstance(error, OSError) and error.errno in _FULL


def say_no_more() -> None:
    """Discard all further output, because the reader of a standard stream has gone."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a stream that is no file, or is closed
            stream.flush()
            continue
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def shown(text: str) -> str:
    """Return `text` with unprintable characters escaped, which would move a terminal's cursor or be invisible."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def tell(text: str) -> None:
    """Print a message for the operator to standard error, each line as `shown`."""
    print("\n".join(map(shown, text.split("\n"))), file=sys.stderr)


def warn(text: str) -> None:
    """Print what the operator should know while a command goes on, to standard error."""
    tell(f"wizard-server: {text}")


def say(text: str) -> None:
    """Print a result of one line, as `shown`."""
    print(shown(text))


def print_source(text: str, language: str, end: str = "\n") -> None:
    """Print `text` unescaped, highlighted as `language` in a terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        print(text, end=end)
        return
    from rich.console import Console  # imported here, because the server must not load 3 MB of it
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
    """Yield a function to call with the number of steps done; a terminal shows a bar on standard error.

    `total` is None where it is not known.
    """
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
