"""``wizard-server serve`` as a process, with a tool catalogue that is none."""

import os
import subprocess
import sys
from pathlib import Path

from tests.catalogues import CONFIG, PREFIX

ROOT = Path(__file__).parents[2]


def serve(folder: Path) -> subprocess.CompletedProcess[str]:
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "WIZARD_"))}
    return subprocess.run(
        [sys.executable, "-m", "wizard_server", "serve", "--port", "0"],
        cwd=folder,
        env={**outside, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_serve_refuses_a_wrong_catalogue_with_78_before_it_opens_anything(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "tools.json").write_text("[]", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    ended = serve(tmp_path)
    assert ended.returncode == 78
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"{PREFIX}tools.json: ")
    assert "Traceback" not in ended.stderr
    assert sorted(tmp_path.iterdir()) == before
