import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.operators.conftest import RunCommand
from tests.operators.generator import Shape, generate
from tests.operators.rows import OLD, Rows
from wizard_server.commands.export import export
from wizard_server.commands.import_ import import_file
from wizard_server.storage.archive.reading import MAX_LINE_BYTES

CONFIG = "config.toml"
Line = dict[str, Any]
HEADER: Line = {"kind": "wizard-server-export", "format": 1, "schema": 2}
FIELDS = ("wizard_step", "status", "settings", "progress", "results")
BASE: dict[str, Line] = {
    "investigation": {
        "kind": "investigation",
        "id": "inv-1",
        "created_at": OLD,
        "user_id": "ann",
        "newest_version": 0,
        "purged_at": None,
    },
    "entry": {
        "kind": "entry",
        "entry_id": "e-1",
        "investigation_id": "inv-1",
        "user_id": "ann",
        "action_type": "STATE_CREATED",
        "previous_state": None,
        "new_state": {"version": 1},
        "source": "USER",
        "timestamp": OLD,
        "version": 1,
        "mutation_id": None,
    },
    "state": {
        "kind": "state",
        "investigation_id": "inv-1",
        "user_id": "ann",
        "wizard_step": "SETTINGS",
        "status": "IN_PROGRESS",
        "settings": factories.settings(),
        "progress": None,
        "results": None,
        "created_at": OLD,
        "updated_at": OLD,
        "last_accessed": None,
        "version": 1,
        **{f"{field}_version": 1 for field in FIELDS},
        "updated_by": "ann",
    },
    "template": {
        "kind": "template",
        "template_id": "t-1",
        "user_id": "ann",
        "name": "T",
        "description": None,
        "template": factories.settings(),
        "created_at": OLD,
        "updated_at": OLD,
        "usage_count": 0,
    },
}
LINE_OF = {kind: number for number, kind in enumerate(BASE, start=2)}
Import = Callable[..., Any]


def archive(*lines: Line, end: int | None = None) -> bytes:
    whole = [HEADER, *lines, {"kind": "end", "lines": end or len(lines) + 2}]
    return b"".join(json.dumps(line).encode() + b"\n" for line in whole)


def changed(kind: str, members: Line) -> list[Line]:
    """Return the four lines with some members of one replaced; ``...`` removes one."""
    merged = {name: {**line, **members} if name == kind else line for name, line in BASE.items()}
    return [{key: value for key, value in line.items() if value is not ...} for line in merged.values()]


@pytest.fixture
def load(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Import bytes; return the exit status and the lines on standard error."""

    async def load(content: bytes, *, keep_going: bool = False) -> tuple[int, list[str]]:
        source = tmp_path / "given.jsonl"
        source.write_bytes(content)
        status = await import_file(database, CONFIG, str(source), keep_going=keep_going)
        return status, capsys.readouterr().err.splitlines()

    return load


async def test_four_good_lines_go_in(load: Import, rows: Rows) -> None:
    assert await load(archive(*BASE.values())) == (0, [])
    assert (rows.ids(), rows.trail("inv-1"), rows.count("investigation_templates")) == (["inv-1"], [(1, OLD)], 1)


BAD: list[tuple[str, Line, str]] = [
    ("investigation", {"id": "has space"}, "id: must match ^"),
    ("investigation", {"id": ...}, "id: required"),
    ("investigation", {"colour": "red"}, "colour: unknown field"),
    ("investigation", {"newest_version": -1}, "newest_version: must be greater than or equal to 0"),
    ("investigation", {"newest_version": 2**63}, "newest_version: must be less than or equal to"),
    ("investigation", {"created_at": "2026-01-01 00:00:00"}, "created_at: must be ISO 8601 in UTC"),
    ("investigation", {"created_at": "2026-02-30T00:00:00.000Z"}, "created_at: day is out of range"),
    ("investigation", {"newest_version": 2**63 - 1}, "newest_version: must be less than or equal to 4503599627370496"),
    ("entry", {"version": 2**63 - 1}, "version: must be less than or equal to 4503599627370496"),
    ("entry", {"new_state": {"status": "ERROR"}}, "new_state: names no version, so the entry is no link of its chain"),
    ("entry", {"new_state": {"version": 1, "a": [0] * 200_000}}, "new_state: has more than 200000 JSON nodes"),
    ("state", {"version": 2**63 - 1}, "version: must be less than or equal to 4503599627370496"),
    ("state", {"progress_version": 2**53}, "progress_version: must be less than or equal to 4503599627370496"),
    ("state", {"settings": factories.settings(description="x" * 6_000_000)}, "settings: has 5860 KB, more than 5000"),
    ("state", {"updated_at": 5}, "updated_at: must be a string"),
    ("entry", {"source": "FAX"}, 'source: must be "POLLING", "WEBSOCKET"'),
    ("entry", {"version": "1"}, "version: must be an integer"),
    ("entry", {"version": True}, "version: must be an integer"),
    ("entry", {"new_state": [1]}, "new_state: must be an object"),
    ("entry", {"investigation_id": "inv-2"}, "investigation_id: no good line above brings this investigation"),
    ("state", {"wizard_step": "COFFEE"}, 'wizard_step: must be "SETTINGS"'),
    ("state", {"settings": {"name": "x"}}, "settings.entities: required"),
    ("state", {"progress": {"overall_progress": 101}}, "progress.overall_progress: must be less than"),
    ("state", {"results": {}}, "results.risk_score: required"),
    ("state", {"version": 0}, "version: must be greater than or equal to 1"),
    ("state", {"version": 2}, "version: no good line above is the entry of version 2"),
    ("state", {"unchecked": ["nothing"]}, "unchecked: must be a list of members of a state line"),
    ("state", {"raw": ["user_id"]}, "raw: must be a list of members of a state line"),
    ("state", {"raw": ["settings"]}, "settings: must be text, because raw names it"),
    ("state", {"unchecked": ["user_id"], "user_id": ["a"]}, "user_id: must be text, a number or null"),
    ("state", {"unchecked": ["user_id"], "user_id": None}, "user_id: is required"),
    ("state", {"unchecked": ["last_accessed"], "last_accessed": ...}, "last_accessed: required"),
    ("template", {"name": " "}, "name: must not be blank"),
    ("template", {"template": None}, "template: must be an object"),
    ("template", {"usage_count": 1.5}, "usage_count: must be an integer"),
    ("template", {"kind": "coffee"}, "kind: must be one of investigation, entry, state, template, end"),
    ("template", {"kind": 7}, "kind: must be text"),
]


@pytest.mark.parametrize(("kind", "members", "reason"), BAD)
async def test_a_bad_line_is_named_with_its_field_and_nothing_is_imported(
    load: Import, rows: Rows, kind: str, members: Line, reason: str
) -> None:
    before = rows.everything()
    status, said = await load(archive(*changed(kind, members)))
    assert status == 1
    assert any(line.startswith(f"line {LINE_OF[kind]}: {reason}") for line in said), said
    assert rows.everything() == before


async def test_every_error_of_every_line_is_reported(load: Import) -> None:
    bad = [{**BASE["investigation"], "id": "a b", "user_id": ""}, {**BASE["template"], "name": "", "template": {}}]
    status, said = await load(archive(*bad))
    assert status == 1
    assert [line.split(": ")[:2] for line in said[:-1]] == [
        ["line 2", "id"],
        ["line 2", "user_id"],
        ["line 3", "name"],
        ["line 3", "template.name"],
        ["line 3", "template.entities"],
        ["line 3", "template.time_range"],
        ["line 3", "template.tools"],
    ]
    assert said[-1] == "wizard-server: 7 errors"


async def test_what_is_nested_deeper_than_it_can_be_stored_is_an_error(load: Import) -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"deeper": deep}
    _, said = await load(archive(*changed("entry", {"new_state": deep})))
    assert said[0] == "line 3: new_state: is nested more than 64 deep"


async def test_kinds_out_of_order_are_errors(load: Import) -> None:
    _, said = await load(archive(BASE["template"], BASE["investigation"]))
    assert said[0] == "line 3: kind: investigation lines stand before template lines"


async def test_with_keep_going_the_good_lines_go_in_and_the_bad_ones_are_reported(load: Import, rows: Rows) -> None:
    others = [{**BASE["investigation"], "id": f"inv-{number}"} for number in range(2, 5)]
    bad = {**BASE["investigation"], "id": "inv-9", "created_at": "soon"}
    orphan = {**BASE["entry"], "entry_id": "e-9", "investigation_id": "inv-9"}
    content = archive(BASE["investigation"], *others, bad, BASE["entry"], orphan, BASE["state"], BASE["template"])
    status, said = await load(content, keep_going=True)
    assert status == 1
    assert said == [
        "line 6: created_at: must be ISO 8601 in UTC with milliseconds and Z",
        "line 8: investigation_id: no good line above brings this investigation",
        "wizard-server: 2 errors",
    ]
    assert rows.ids("investigations") == ["inv-1", "inv-2", "inv-3", "inv-4"]
    assert rows.ids() == ["inv-1"]
    assert rows.switch() == 1


async def test_with_keep_going_and_no_bad_line_all_is_well(load: Import) -> None:
    assert await load(archive(*BASE.values()), keep_going=True) == (0, [])


@pytest.mark.parametrize("keep_going", [False, True])
async def test_what_is_there_already_is_an_error_of_its_line_and_is_not_touched(
    load: Import, rows: Rows, keep_going: bool
) -> None:
    await load(archive(*BASE.values()))
    before = rows.everything()
    longer = {**BASE["entry"], "entry_id": "e-2", "version": 2}
    again = [BASE["investigation"], BASE["entry"], longer, {**BASE["template"], "template_id": "t-2"}]
    status, said = await load(archive(*again), keep_going=keep_going)
    assert status == 1
    assert said[:-1] == [
        "line 2: id: exists already",
        "line 3: investigation_id: no good line above brings this investigation",
        "line 4: investigation_id: no good line above brings this investigation",
        "line 5: user_id, name: exists already",
    ]
    assert rows.everything() == before


async def test_a_state_needs_no_entry_where_the_trail_is_off(load: Import, rows: Rows) -> None:
    rows.connection.execute("UPDATE audit_switch SET enabled = 0")
    assert await load(archive(BASE["investigation"], BASE["state"])) == (0, [])
    assert rows.count("investigation_audit_log") == 0


GOOD = archive(*BASE.values())
WRONG = [
    (b"", "the file is empty: it is no export of wizard-server"),
    (b"\x89PNG\r\n\x1a\n\xff", "this is no export of wizard-server: its first line"),
    (b'{"kind":"something"}\n', "this is no export of wizard-server: its first line"),
    (GOOD.decode().encode("utf-16"), "this is no export of wizard-server: its first line"),
    (GOOD.replace(b'"format": 1', b'"format": 2'), "export of a newer wizard-server (format 2, this release knows 1)"),
    (GOOD.replace(b'"schema": 2', b'"schema": 99'), "export of a newer wizard-server (schema 99, this release knows"),
    (GOOD.replace(b'"format": 1', b'"format": "1"'), "line 1: format: must be an integer of at least 1"),
    (GOOD[: GOOD.rindex(b"{")], "line 6: kind: the end line is missing: the file is truncated"),
    (GOOD[:-30], "line 5: line: is not whole: the file is truncated"),
    (archive(*BASE.values(), end=7), "line 6: lines: says 7, this is line 6: lines are missing or added"),
    (GOOD + b"{}\n", "line 7: kind: must be text"),
    (GOOD + GOOD.splitlines(keepends=True)[1], "line 7: kind: nothing may follow the end line"),
    (GOOD.replace(b"Burst", b"B\xfcrst", 1), "line 4: line: is not UTF-8 (byte"),
    (GOOD.replace(b'"id"', b'"id', 1), "line 2: line: is not JSON"),
    (GOOD.replace(b"\n", b"\n[]\n", 1), "line 2: line: must be a JSON object"),
    (GOOD.replace(b'"depth": 2', b'"depth": 2, "depth": 3', 1), 'line 4: line: the name "depth" occurs twice'),
    (GOOD.replace(b'"depth": 2', b'"depth": 99999999999999999999'), "line 4: line: an integer has more than 64 bits"),
    (GOOD.replace(b'"depth": 2', b'"depth": 1e400', 1), "line 4: line: is not JSON (number is infinity"),
]


@pytest.mark.parametrize(("content", "reason"), WRONG)
async def test_a_wrong_file_is_called_what_it_is_and_nothing_is_imported(
    load: Import, rows: Rows, content: bytes, reason: str
) -> None:
    before = rows.everything()
    status, said = await load(content)
    assert status == 1
    assert reason in "\n".join(said)
    assert rows.everything() == before


async def test_a_line_without_an_end_is_not_read_into_memory(load: Import) -> None:
    endless = archive().splitlines()[0] + b"\n" + b" " * (MAX_LINE_BYTES + 1)
    status, said = await load(endless)
    assert (status, said) == (1, ["wizard-server: line 2 is longer than 64 MiB"])


async def test_a_file_that_is_not_there_is_named(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await import_file(database, CONFIG, str(tmp_path / "none")) == 1
    assert f"cannot read {tmp_path}/none: No such file or directory" in capsys.readouterr().err


async def test_a_full_disk_is_named_and_nothing_is_imported(tmp_path: Path, command: RunCommand, rows: Rows) -> None:
    big = tmp_path / "big.db"
    await generate(str(big), Shape().divided(100))
    assert await export(str(big), CONFIG, str(tmp_path / "big.jsonl")) == 0
    before = rows.everything()
    ended = command("import", "big.jsonl", limit=512 * 1024)
    assert ended.returncode == 1
    assert b"the disk may be full" in ended.stderr
    assert rows.everything() == before
    assert rows.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert command("import", "big.jsonl").returncode == 0
