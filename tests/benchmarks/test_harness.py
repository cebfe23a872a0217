"""The benchmarks run, on a machine that has none of the other programs too; what they measure is not tested here."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import postgresql
from tests.acceptance.process import CHECKOUT, PATIENCE_SECONDS, until
from tests.benchmarks.load import HOW_TO_GET_WRK
from tests.benchmarks.nodes.world import HOW_TO_GET as HOW_TO_GET_POSTGRESQL
from tests.benchmarks.report import Section, document, text

_COMMAND = (sys.executable, "-m", "tests.benchmarks")


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment without any other program, whose temporary files are below `folder`."""
    (folder / "programs").mkdir()
    return {**os.environ, "PATH": str(folder / "programs"), "TMPDIR": str(folder)}


def _run(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *arguments],
        cwd=CHECKOUT,
        env=_environment(folder) if env is None else env,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE_SECONDS,
        check=False,
    )


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines that name something below `folder`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if str(folder) in command:
            found.append(command)
    return found


def _subjects(rows: Sequence[dict[str, Any]]) -> set[str]:
    return {row["subject"] for row in rows}


def test_a_run_prints_a_table_and_writes_json_and_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = _run(tmp_path, "unchanged", "scattered", "--quick", "--json", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [section["name"] for section in found["benchmarks"]] == ["unchanged", "scattered"]
    for section in found["benchmarks"]:
        assert _subjects(section["rows"]) == (
            {"ours", "ours asyncio", "bare", "bare asyncio", "ours anew"}
            if section["name"] == "unchanged"
            else {"ours", "bare"}
        )
        assert all(len(row["values"]) == 1 and row["median"] > 0 for row in section["rows"])
        assert section["verdicts"]
        assert section["claim"] in done.stdout
    assert HOW_TO_GET_WRK in found["benchmarks"][0]["notes"]
    assert _processes_of(tmp_path) == []


def test_nodes_are_measured_where_there_is_a_postgresql(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    # PostgreSQL needs its programs, and a folder with a short name.
    done = _run(tmp_path, "nodes", "--quick", "--json", str(file), env=os.environ)
    assert done.returncode == 0, done.stderr
    [section] = json.loads(file.read_text(encoding="utf-8"))["benchmarks"]
    if not postgresql.is_installed():
        assert HOW_TO_GET_POSTGRESQL in section["notes"]
        return
    kept = {each["what"]: each["figure"] for each in section["verdicts"] if each["bound"] == 0}
    assert (len(section["verdicts"]), len(kept)) == (19, 3)
    assert kept == dict.fromkeys(kept, 0), "nothing is lost, whatever the size"


def test_a_run_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*_COMMAND, "fanout", "--quick"],
        cwd=CHECKOUT,
        env=_environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until(lambda: bool(_processes_of(tmp_path)), "a server runs")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 1
    until(lambda: not _processes_of(tmp_path), "what it had started has ended")


def test_an_unknown_name_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = _run(tmp_path, "unchanged", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such benchmark: nonsense" in done.stderr


@pytest.mark.parametrize(("sign", "reached"), [("<=", False), (">=", True)])
def test_a_ratio_is_that_of_the_medians_with_the_spread_of_the_rounds(sign: str, reached: bool) -> None:
    section = Section("speed", "how fast")
    section.add("rate", "requests/s", {"ours": [30.0, 20.0, 40.0], "bare": [20.0, 20.0, 10.0]})
    section.ratio("ours / bare", section.rows[0].values, section.rows[1].values, sign, 1.2)
    [verdict] = section.verdicts
    assert (verdict.figure, list(verdict.values), verdict.reached) == (1.5, [1.5, 1.0, 4.0], reached)
    assert ("MISSED" in text(section)) is not reached
    [plain] = document({}, "command", [section])["benchmarks"]
    assert [row["median"] for row in plain["rows"]] == [30.0, 20.0]
    assert plain["verdicts"][0]["reached"] is reached
