"""Databases for tests: one is made by the operators' scripts, and copied for each test."""

import shutil
from pathlib import Path

from wizard_server.storage.schema import scripts as schema
from wizard_server.storage.sqlite.opening import connect


async def make_database(path: Path) -> None:
    """Make the file of a database with the newest schema."""
    connection = await connect(str(path), create=True)
    try:
        await schema.apply(connection)
    finally:
        await connection.close()


def copied(template: Path, folder: Path) -> str:
    """Return the URL of a copy of `template` in `folder`."""
    return f"sqlite:///{shutil.copy(template, folder / 'investigations.db')}"
