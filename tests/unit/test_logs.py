import json
import logging
import sys
from collections.abc import Iterator

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from wizard_server.config.loading import LoggingConfig
from wizard_server.logs import HumanFormatter, JsonFormatter, configure

FORGED = "1970-01-01T00:00:00.500Z INFO forged"
# What ends a line for somebody: the terminal, an editor, `str.splitlines`, a browser.
LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


def record(**fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "wizard", "levelname": "INFO", "msg": "state changed", "created": 0.5})
    vars(made).update(fields)
    return made


def failed(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except type(error):
        return record(exc_info=sys.exc_info())


@pytest.fixture
def restored() -> Iterator[None]:
    """Give the loggers back what a test configures."""
    root, own = logging.getLogger(), logging.getLogger("wizard_server")
    levels, handlers = (root.level, own.level), root.handlers[:]
    root.handlers.clear()  # so that nothing of pytest's is closed
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


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
    broken = failed(ValueError("invalid"))
    assert "ValueError: invalid" in HumanFormatter().format(broken)
    assert "ValueError: invalid" in json.loads(JsonFormatter().format(broken))["exception"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_no_field_ends_a_line(end: str) -> None:
    for formatter in (HumanFormatter(), JsonFormatter()):
        text = formatter.format(record(path=f"/x{end}{FORGED}"))
        assert not any(line.startswith(FORGED) for line in text.splitlines())
    assert len(HumanFormatter().format(record(path=f"/x{end}{FORGED}")).splitlines()) == 1


@pytest.mark.parametrize("end", LINE_ENDS)
def test_no_text_of_an_error_begins_an_event(end: str) -> None:
    lines = HumanFormatter().format(failed(ValueError(f"x{end}{FORGED}"))).splitlines()
    assert [line for line in lines if not line.startswith("    ")] == lines[:1]


def test_no_field_looks_like_another() -> None:
    line = HumanFormatter().format(record(path='/x" user=root', user="ann"))
    assert line.endswith(r' path="/x\" user=root" user=ann')
    assert HumanFormatter().format(record(path="")).endswith(' path=""')
    assert HumanFormatter().format(record(path="a\\")).endswith(r' path="a\\"')


@pytest.mark.parametrize("text", ["\x1b[31m", "\x00", "\x7f", "\x9b", "\u202e", "\udcff"])
def test_what_would_not_show_is_escaped(text: str) -> None:
    line = HumanFormatter().format(record(path=text))
    assert text not in line
    assert line.isprintable()


def test_letters_of_any_language_are_not() -> None:
    assert HumanFormatter().format(record(name_of="Mëtzger-鈴木")).endswith("name_of=Mëtzger-鈴木")


@pytest.mark.parametrize("value", ["\udcff", 2**70, {"a", "b"}, object()])
def test_no_value_keeps_an_event_from_being_json(value: object) -> None:
    event = json.loads(JsonFormatter().format(record(value=value)))
    assert event["message"] == "state changed"
    assert "value" in event


@pytest.mark.usefixtures("restored")
def test_at_debug_the_drivers_statements_stay_unheard(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingConfig(level="DEBUG"))
    logging.getLogger("aiosqlite").debug("executing a statement with its values")
    logging.getLogger("aiosqlite").warning("a warning")
    logging.getLogger("wizard_server.web").debug("our own event")
    heard = capsys.readouterr().err
    assert "a warning" in heard
    assert "our own event" in heard
    assert "values" not in heard


@pytest.mark.usefixtures("restored")
def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingConfig(level="ERROR"))
    for name in ("wizard_server.web", "aiosqlite"):
        logging.getLogger(name).warning("a warning")
        logging.getLogger(name).error("an error")
    heard = capsys.readouterr().err
    assert heard.count("an error") == 2
    assert "a warning" not in heard


@pytest.mark.usefixtures("restored")
def test_bytes_that_are_no_http_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingConfig())
    broken = failed(BadHttpMessage("GET /?token=secret"))
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=broken.exc_info)
    assert capsys.readouterr().err == ""


class _Broken:
    """A stream that nobody reads any more."""

    def write(self, text: str) -> None:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.usefixtures("restored")
def test_a_stream_that_nobody_reads_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Broken())
    configure(LoggingConfig())
    logging.getLogger("wizard_server").info("unheard")
