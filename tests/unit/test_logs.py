import json
import logging
import sys

from wizard_server.logs import HumanFormatter, JsonFormatter


def record(**fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "wizard", "levelname": "INFO", "msg": "state changed", "created": 0.5})
    vars(made).update(fields)
    return made


def test_a_line_for_people_ends_with_the_fields() -> None:
    line = HumanFormatter().format(record(version=7))
    assert line == "1970-01-01T00:00:00.500Z INFO state changed version=7"


def test_a_line_for_machines_is_one_object() -> None:
    event = json.loads(JsonFormatter().format(record(version=7)))
    assert event == {
        "timestamp": "1970-01-01T00:00:00.500Z",
        "level": "INFO",
        "logger": "wizard",
        "message": "state changed",
        "version": 7,
    }


def test_both_carry_the_traceback() -> None:
    try:
        int("broken")
    except ValueError:
        failed = record(exc_info=sys.exc_info())
    assert "ValueError: invalid" in HumanFormatter().format(failed)
    assert "ValueError: invalid" in json.loads(JsonFormatter().format(failed))["exception"]
