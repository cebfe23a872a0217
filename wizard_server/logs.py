"""How log records are written: a line for people, or an object a line for machines.

A record is an event: a short constant message, and its fields as `extra`. Whatever is called a secret is not a field.
"""

import logging
import sys
from datetime import UTC, datetime

import orjson

from wizard_server.config import LoggingConfig
from wizard_server.domain.clock import to_wire

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(config: LoggingConfig) -> None:
    """Send what is at least as grave as `config.level` to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format == "json" else HumanFormatter())
    logging.basicConfig(level=config.level, handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _instant(record: logging.LogRecord) -> str:
    return to_wire(datetime.fromtimestamp(record.created, UTC))


class HumanFormatter(logging.Formatter):
    """``<instant> LEVEL message key=value ...``, a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{_instant(record)} {record.levelname} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


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
        return orjson.dumps(event, default=str).decode()
