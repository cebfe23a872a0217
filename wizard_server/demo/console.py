"""Standard output as the demo writes it: to a terminal, a file, or a pipe whose reader may go away."""

import os
import sys
from io import TextIOWrapper

from rich.console import Console


class OutputClosed(Exception):  # noqa: N818 - it is what happened, not an error
    """Nobody reads the output any more."""


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """End the demo as every other mishap does, and not at once: the server has yet to be stopped."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered has to go somewhere
        raise OutputClosed("nobody reads the output any more")


def make_console() -> Console:
    """Return a console on standard output; without a terminal it writes no control codes, whatever the environment.

    Printing on it raises `OutputClosed` once standard output is a pipe that nobody reads.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a character that the locale lacks is no reason to stop
    return _Output(highlight=False, force_terminal=None if sys.stdout.isatty() else False)


def say(console: Console, text: str = "", style: str | None = None) -> None:
    """Print `text` as it is, never broken: a command in it can be copied."""
    console.print(text, style=style, markup=False, soft_wrap=True)
