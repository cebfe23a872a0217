"""How log records are written: a line for people, or one JSON object per line for machines.

A record is an event: a short constant message, and its fields as `extra`. A secret is never a field. A field may hold
text from clients, so it is escaped: it can neither end a line nor look like another field.
"""

import codecs
import json
import logging
import re
import sys

import orjson
from aiohttp.http_exceptions import HttpProcessingError

from wizard_server.config.loading import LoggingConfig
from wizard_server.domain.clock import instant_at, to_wire

# Python loads a codec from a file at its first use, which would fail when no file can be opened any more.
codecs.lookup("unicode_escape")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN = "wizard_server"
_NUMBERS = frozenset({int, float, bool})
_WORD = re.compile(r'[^ ="\\]+')
# The least level of other packages, because at DEBUG the database driver logs every value that it binds.
_OTHERS = logging.WARNING


def configure(config: LoggingConfig) -> None:
    """Log from `config.level` on to standard error; of other packages only warnings and errors."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format == "json" else HumanFormatter())
    handler.addFilter(_is_ours)
    level = logging.getLevelNamesMapping()[config.level]
    # No format of ours shows them, and collecting them costs a system call for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=max(level, _OTHERS), handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # at run time the class takes no parameter
    """Writes to a stream; when that fails the event is lost, and logging raises nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the base class's
        """Ignore a stream that cannot be written, because there is no other place to report it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether to log the record: the framework's own about malformed HTTP repeat the client's bytes."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _instant(record: logging.LogRecord) -> str:
    return to_wire(instant_at(int(record.created * 1000)))


class HumanFormatter(logging.Formatter):
    """``<instant> LEVEL message key=value ...``, with an indented traceback: only events begin at the margin."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        fields = "".join([f" {key}={_quoted(value)}" for key, value in _fields(record).items()])
        line = f"{_instant(record)} {record.levelname} {_visible(record.getMessage())}{fields}"
        trace = self.formatException(record.exc_info).splitlines() if record.exc_info else ()
        return "\n".join([line, *(f"    {_visible(each)}" for each in trace)])


def _quoted(value: object) -> str:
    """Return `value` as one word, quoted where it has a space, a quote or an equals sign."""
    text = str(value)
    if type(value) in _NUMBERS:
        return text
    if text.isprintable() and _WORD.fullmatch(text):
        return text
    return '"' + _visible(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _visible(text: str) -> str:
    """Return `text` with escapes for unprintable characters, such as line breaks."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``timestamp``, ``level``, ``logger``, ``message``, the fields, ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        event = {
            "timestamp": _instant(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(event, default=str).decode()
        except TypeError:  # a lone surrogate, or an integer beyond 64 bits
            return json.dumps(event, default=str)
        return text if text.isprintable() else json.dumps(event, default=str)  # escapes all but ASCII
