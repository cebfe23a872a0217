"""A command whose reader goes away (``| head``) ends quietly; help texts speak to users (contract 10)."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.process import PATIENCE_SECONDS, WIZARD_SERVER, environment, write_config
from wizard_server.cli import main

READER_GONE = 141
COMMANDS = ("serve", "demo", "schema", "token", "purge", "backup", "export", "import", "client", "openapi", "config")
PRINTING = [
    ("config", "check"),
    ("openapi",),
    ("schema", "show", "investigation_states"),
    ("schema", "status", "--json"),
    ("schema", "check"),
    ("export", "-"),
    ("purge", "--dry-run"),
    ("token", "--user", "analyst"),
    ("--help",),
]
# What only who works on the server knows: its sections of the contract, its files, its code.
_INTERNAL = re.compile(
    r"contract|argv|``|\bissue\b|\.py\b|\b_\w+|__\w+|aiohttp|asyncio|pydantic|repository", re.IGNORECASE
)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_command_whose_reader_has_gone_ends_without_a_word(config: Path, arguments: tuple[str, ...]) -> None:
    write_config(config.parent, auth={"mode": "jwt", "jwt_secret": "k" * 40})
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [*WIZARD_SERVER, *arguments],
            cwd=config.parent,  # where its config.toml is
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    by_argparse = "--help" in arguments  # it says nothing of a reader that has gone
    assert (ended.returncode in ({0, READER_GONE} if by_argparse else {READER_GONE}), ended.stderr) == (True, "")


def test_a_refusal_that_nobody_reads_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [*WIZARD_SERVER, "serve", "--config", "absent.toml"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writer,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stdout) == (READER_GONE, b"")


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    return shown.out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_a_help_text_speaks_to_users(capsys: pytest.CaptureFixture[str], command: str) -> None:
    shown = help_of(capsys, *filter(None, [command]))
    assert _INTERNAL.findall(shown) == []
    described = shown.split("\n\n")[1]
    assert len(described.split()) >= 3, "it says what it is for"


def test_every_command_is_among_them(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.findall(r"^    ([a-z]+) ", help_of(capsys), re.MULTILINE)
    assert sorted(found) == sorted(COMMANDS)


def test_a_command_whose_output_is_full_says_so_and_one_whose_output_is_closed_says_nothing(config: Path) -> None:
    for end, status, said in (
        (">/dev/full", 1, "wizard-server: cannot write to standard output: no space left\n"),
        (">&-", 0, ""),
    ):
        for arguments in ("config check", "schema status --json"):
            ended = subprocess.run(
                ["sh", "-c", f'exec "$@" {end}', "sh", *WIZARD_SERVER, *arguments.split()],
                cwd=config.parent,
                env=environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            assert (ended.returncode, ended.stderr) == (status, said), arguments
