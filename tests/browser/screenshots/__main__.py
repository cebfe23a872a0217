"""Make the pictures in the README anew: ``python -m tests.browser.screenshots``; needs chromium and chromium-driver."""

import base64
import json
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.acceptance.process import ServerProcess, run, write_config
from tests.browser.conftest import CHROMIUM, DRIVER
from wizard_server.demo import scenario

HERE = Path(__file__).parent
ELAPSED_SECONDS, COLLECTED_SECONDS = 842, 250


def send(server: ServerProcess, method: str, path: str, body: dict[str, Any]) -> None:
    """Send what an analyst or an agent sends."""
    url = f"{server.url}/api/v1/wizard-state{path}"
    head = {"Content-Type": "application/json"}
    urllib.request.urlopen(
        urllib.request.Request(url, json.dumps(body).encode(), head, method=method), timeout=20
    ).close()


def play(server: ServerProcess, identifier: str) -> None:
    """Run the demo's investigation as far as its second phase."""
    began = datetime.now(UTC) - timedelta(seconds=ELAPSED_SECONDS)
    collected = (began + timedelta(seconds=COLLECTED_SECONDS)).isoformat()
    send(server, "POST", "", {"investigation_id": identifier, "user_id": "dev", "settings": scenario.SETTINGS})
    send(server, "PATCH", f"/{identifier}", {"wizard_step": "PROGRESS"})
    phases: list[dict[str, Any]] = [{"phase_name": phase.name, "status": "pending"} for phase in scenario.SCRIPT.phases]
    phases[0] |= {"status": "completed", "progress": 100, "started_at": began.isoformat(), "completed_at": collected}
    phases[1] |= {"status": "running", "progress": 88, "started_at": collected}
    run_ = {"overall_progress": 62, "current_phase": "correlate", "started_at": began.isoformat(), "phases": phases}
    send(server, "POST", f"/{identifier}/progress", run_)
    for done, (agent, line) in enumerate(
        (task.agent, line) for phase in scenario.SCRIPT.phases[:2] for task in phase.tasks for line in task.lines
    ):
        told = {"agent_name": agent, "status": "running", "progress": 20 + 4 * done, "logs": [line]}
        send(server, "POST", f"/{identifier}/progress", {"agents": [told]})


def picture(driver: Chrome, url: str, name: str, scheme: str) -> None:
    """Save what `url` shows in a colour scheme, as soon as nothing is loading."""
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    driver.get(url)
    time.sleep(2)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 70})
    (HERE / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))


def main() -> None:
    """Make both pictures."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(option)
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder))
        run(Path(folder), "schema", "apply", "--config", config)
        with ServerProcess(config) as server, Chrome(options, Service(str(DRIVER))) as driver:
            size = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            base = f"{server.ready().url}/investigations"
            play(server, "run")
            picture(driver, f"{base}/run", "progress", "dark")
            results = scenario.SCRIPT.results(datetime.now(UTC).isoformat())
            done = {"wizard_step": "RESULTS", "status": "COMPLETED", "results": results}
            send(server, "PATCH", "/run", done)
            picture(driver, f"{base}/run", "results", "light")


main()
