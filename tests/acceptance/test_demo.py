"""``wizard-server demo`` as a person runs it: a process of its own, its output, its exit status, what it leaves."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import factories
from wizard_server.demo import scenario

TIMEOUT_SECONDS = 120
URL = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo with its temporary folders in `folder`; whatever happens, it does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "wizard_server", "demo", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def lines_until(process: "subprocess.Popen[str]", text: str) -> list[str]:
    """Return the lines of standard output up to the one that contains `text`."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line.rstrip("\n"))
        if text in line:
            return seen
    raise AssertionError(f"{text!r} did not come; there was: {seen}")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple["subprocess.CompletedProcess[str]", Path]:
    """The finished process of ``demo --once`` in an environment that means it no good, and the folder where it ran."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {"FORCE_COLOR": "1", "PYTHONIOENCODING": "ascii", "DATABASE_URL": "nowhere"}
    with started(folder, "--once", **environment) as process:
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors), folder


Finished = tuple["subprocess.CompletedProcess[str]", Path]


def test_once_ends_with_0_and_complains_of_nothing(once: Finished) -> None:
    assert (once[0].returncode, once[0].stderr) == (0, "")


def test_every_phase_and_agent_reaches_100_percent(once: Finished) -> None:
    for phase in scenario.SCRIPT.phases:
        assert re.search(rf"phase {phase.name} +100 %  completed", once[0].stdout)
    for agent in scenario.SCRIPT.agents:
        assert re.search(rf"agent {agent} +100 %  completed", once[0].stdout)


def test_all_findings_and_scores_are_shown(once: Finished) -> None:
    for finding in scenario.SCRIPT.findings:
        row = rf"{finding['severity']}[ |]+{finding['confidence']:.0%}[ |]+{re.escape(finding['title'])}"
        assert re.search(row, once[0].stdout)
    for category, score in scenario.SCRIPT.risk_score["category_scores"].items():
        assert re.search(rf"{category}[ |]+{score:.1f}", once[0].stdout)


def test_the_trail_accounts_for_every_version(once: Finished) -> None:
    output = once[0].stdout
    committed = re.search(r"(\d+)  versions committed by 7 writers", output)
    assert committed is not None
    last = int(committed[1])
    assert re.search(r"^[| ]*1[ |]+STATE_CREATED[ |]+dev \(USER\)", output, re.MULTILINE)
    assert re.search(rf"^[| ]*3 to {last - 1}[ |]+PROGRESS_UPDATED[ |]+dev \(SYSTEM\)", output, re.MULTILINE)
    assert re.search(rf"^[| ]*{last}[ |]+STATE_CHANGE[ |]+dev \(SYSTEM\)", output, re.MULTILINE)
    assert "PROGRESS -> RESULTS, status COMPLETED" in output


def test_the_examples_name_the_server_that_ran(once: Finished) -> None:
    urls = set(URL.findall(once[0].stdout))
    assert len(urls) == 1
    assert once[0].stdout.count(f"curl -s '{urls.pop()}/api/v1/") >= 4


def test_without_a_terminal_the_output_is_short_and_free_of_control_codes(once: Finished) -> None:
    assert "\x1b" not in once[0].stdout
    assert once[0].stdout.isascii()
    assert len(once[0].stdout.splitlines()) < 120


def test_nothing_is_left_behind(once: Finished) -> None:
    assert list(once[1].iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_the_middle_ends_it_cleanly(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with started(tmp_path) as process:
        lines_until(process, "overall           10 %")
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert f"Interrupted by {number.name}" in output
    assert (process.returncode, errors) == (status, "")
    assert list(tmp_path.iterdir()) == []


def test_it_ends_when_nobody_reads_its_output(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        lines_until(process, "overall           10 %")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=TIMEOUT_SECONDS) == 1
        assert process.stderr is not None
        assert process.stderr.read() == "wizard-server demo: nobody reads the output any more\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("curl"), reason="the examples are for curl")
def test_the_server_stays_up_and_every_example_works_until_ctrl_c(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        output = "\n".join(lines_until(process, "stays up until you press Ctrl-C"))
        read, older, poll, patch, stale, history, health, listing = (
            ["sh", "-c", command] for command in re.findall(r"^curl(?:.*\\\n)*.*$", output, re.MULTILINE)
        )
        assert json.loads(curl(read))["status"] == "COMPLETED"
        assert json.loads(curl(older))["version"] == 50
        with subprocess.Popen(poll, stdout=subprocess.PIPE, text=True) as waiting:
            assert curl(patch).startswith("HTTP/1.1 200")
            assert json.loads(waiting.communicate(timeout=TIMEOUT_SECONDS)[0])["has_changes"] is True
        assert curl(stale).startswith("HTTP/1.1 412")
        assert json.loads(curl(history))["items"][0]["action_type"] == "STATE_CHANGE"
        assert json.loads(curl(health))["status"] == "healthy"
        assert json.loads(curl(listing))["total"] == 1
        assert runs_what_is_made_at(URL.findall(output)[0]) == ["COMPLETED", "RESULTS"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=TIMEOUT_SECONDS) == 0
    assert list(tmp_path.iterdir()) == []


def runs_what_is_made_at(url: str) -> list[str]:
    """Make and start an investigation as the page does, and return the status and step that it comes to."""
    states, sends = f"{url}/api/v1/wizard-state", ["curl", "-s", "-H", "Content-Type: application/json"]
    body = {"investigation_id": "inv-page", "settings": {**factories.settings(), "name": "Made in the page"}}
    curl([*sends, states, "-d", json.dumps(body)])
    curl([*sends, "-X", "PATCH", f"{states}/inv-page", "-d", json.dumps({"wizard_step": "PROGRESS"})])
    poll = f"{url}/api/v1/polling/wizard-state/inv-page?wait=50&until=status:COMPLETED"
    state = json.loads(curl(["curl", "-s", poll]))["state"]
    return [state["status"], state["wizard_step"]]


def curl(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS).stdout
