"""Schemathesis reads the description of the API and tries what it allows, and what it does not, on a real process.

Nothing is answered with a server error, nothing with a status, media type, header or body that is not described. The
cases are the same in every run; their number is printed. Server-sent events are left out, for a stream has no end.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import CHECKOUT, environment, run, write_config

SECRET = "0123456789abcdef0123456789abcdef"
USER = "analyst-7"
LIMIT_SECONDS = 600
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
)
# Chains of requests follow the links of the description; they come further when each request is as described.
SETTINGS = """\
[phases.stateful]
generation.max-examples = 60
generation.mode = "positive"
"""
RUNS = {
    "user": ("wizard:read wizard:write", "examples,coverage,fuzzing,stateful"),
    "agent": ("wizard:read wizard:write wizard:agent", "examples,fuzzing,stateful"),
}
# Each of the two tries at least as many; fewer would say that something was left out.
FEWEST_CASES = 400


def configured(folder: Path) -> Path:
    """Write a configuration with tokens, in which no poll waits for long, and make its database."""
    intervals = {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000}
    path = write_config(
        folder,
        auth={"mode": "jwt", "jwt_secret": SECRET},
        polling={**intervals, "max_wait_seconds": 1},
        logging={"level": "WARNING"},
    )
    assert run(folder, "schema", "apply", "--config", path).returncode == 0
    return path


def fuzz(folder: Path, url: str, scope: str, phases: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis to its end; its report lies in ``report.json``."""
    claims = {"sub": USER, "scope": scope, "exp": int(time.time()) + 3600}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    (folder / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("st")), "--no-color", "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {token}", "--exclude-path-regex", "/events/"]
    command += ["--phases", phases, "--max-examples", "10", "--seed", "1", "--generation-deterministic", "--no-shrink"]
    command += ["--continue-on-failure", "--request-timeout", "20", "--warnings", "off", "--checks", ",".join(CHECKS)]
    command += ["--report", "json", "--report-json-path", "report.json"]
    # Tables of characters take seconds to make; the tests of this process have theirs there as well.
    hooks = {
        "HYPOTHESIS_STORAGE_DIRECTORY": str(CHECKOUT / ".hypothesis"),
        "SCHEMATHESIS_HOOKS": "tests.acceptance.schemathesis_hooks",
        "FUZZ_USER": USER,
    }
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        command,
        cwd=folder,
        env=environment({**hooks, "PYTHONPATH": path}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("caller", RUNS)
def test_everything_that_schemathesis_tries_is_answered_as_described(
    tmp_path: Path, serve: Serve, caller: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scope, phases = RUNS[caller]
    server = serve(configured(tmp_path))
    ended = fuzz(tmp_path, server.url, scope, phases)
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    tried = report["test_cases"]["generated"]
    with capsys.disabled():
        print(f"\nschemathesis as {caller}: {tried} cases on {report['operations']['tested']} operations")
    assert report["complete"]
    assert report["operations"]["tested"] == report["operations"]["selected"]
    assert tried >= FEWEST_CASES
    assert server.terminate() == 0
