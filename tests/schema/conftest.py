"""Databases that the scripts have made in ``tmp_path``, and rows to put into them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.schema.databases import connect, make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "wizard.db")


@pytest.fixture
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as connection:
        yield connection
