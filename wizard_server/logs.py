"""How log records are written: a line for people, or an object a line for machines.

A record is an event: a short constant message, and its fields as `extra`. Whatever is called a secret is not a field.
What clients send may be in a field, so nothing in one can end a line or look like another field.
"""

import codecs
import json
import logging
import re
import sys
from datetime import UTC, datetime

import orjson
from aiohttp.http_exceptions import HttpProcessingError

from wizard_server.config.loading import LoggingConfig
from wizard_server.domain.clock import to_wire

# A codec is loaded when it is first used, from a file: it is here before all files may be in use.
codecs.lookup("unicode_escape")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN = "wizard_server"
_WORD = re.compile(r'[^ ="\\]+')
# Of what others say only this much is heard: at DEBUG the database driver tells every value that it binds.
_OTHERS = logging.WARNING


def configure(config: LoggingConfig) -> None:
    """Send what is at least as grave as `config.level` to standard error; of other packages only warnings and worse."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format == "json" else HumanFormatter())
    handler.addFilter(_is_ours)
    level = logging.getLevelNamesMapping()[config.level]
    # What no line of ours shows, and each record would otherwise ask the system for.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=max(level, _OTHERS), handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # at run time the class takes no parameter
    """Writes to a stream; when nobody reads it any more the event is lost, and whoever logs goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the base class's
        """Say nothing about a stream that cannot be written: there is nowhere to say it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether to tell it: bytes that are no HTTP are the client's error, and the framework's text repeats them."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _instant(record: logging.LogRecord) -> str:
    return to_wire(datetime.fromtimestamp(record.created, UTC))


class HumanFormatter(logging.Formatter):
    """``<instant> LEVEL message key=value ...``, a traceback below, set in: only an event begins at the margin."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        fields = "".join([f" {key}={_quoted(value)}" for key, value in _fields(record).items()])
        line = f"{_instant(record)} {record.levelname} {_visible(record.getMessage())}{fields}"
        trace = self.formatException(record.exc_info).splitlines() if record.exc_info else ()
        return "\n".join([line, *(f"    {_visible(each)}" for each in trace)])


def _quoted(value: object) -> str:
    """Return `value` as one word: quoted where a space, a quote or an equals sign would make several of it."""
    text = str(value)
    if isinstance(value, int | float):
        return text
    if text.isprintable() and _WORD.fullmatch(text):
        return text
    return '"' + _visible(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _visible(text: str) -> str:
    """Return `text` with an escape for whatever would not show, the ends of lines above all."""
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
        except TypeError:  # what is no Unicode, or a number beyond 64 bits
            return json.dumps(event, default=str)
        return text if text.isprintable() else json.dumps(event, default=str)  # which escapes all but ASCII
