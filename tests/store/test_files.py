"""Which files count as lost, and when others may have come between."""

import asyncio
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from tests.store.conftest import Kit
from tests.store.steps import creation, written
from wizard_server.storage.sqlite.files import OTHERS_HAVE_WRITTEN, DatabaseFiles, FilesLostError


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Path, DatabaseFiles]:
    """A database with its companions, all noted."""
    path = tmp_path / "a.db"
    put(path)
    for companion in ("-wal", "-shm"):
        put(path.with_name(f"a.db{companion}"))
    files = DatabaseFiles(str(path), in_memory=False)
    files.note()
    files.check()
    return path, files


def put(path: Path) -> Path:
    """Put a new file at `path`, which is not the one that was there."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(b"new")
    return new.replace(path)


@pytest.mark.parametrize("companion", ["-wal", "-shm"])
def test_a_companion_that_is_replaced_means_that_others_have_come(
    opened: tuple[Path, DatabaseFiles], companion: str
) -> None:
    path, files = opened
    kept = path.with_name("kept")
    path.with_name(f"a.db{companion}").rename(kept)
    with pytest.raises(FilesLostError, match=rf"\({companion}\)"):
        files.check()
    assert not files.is_shared_with_strangers, "a deleted file shows nobody"
    put(path.with_name(f"a.db{companion}"))
    assert files.is_shared_with_strangers
    kept.replace(path.with_name(f"a.db{companion}"))
    files.check()
    assert not files.is_shared_with_strangers


pytestmark = pytest.mark.needs("files")


def test_what_others_do_with_another_database_is_their_own(opened: tuple[Path, DatabaseFiles]) -> None:
    path, files = opened
    put(path)
    put(path.with_name("a.db-wal"))
    with pytest.raises(FilesLostError, match="the database file"):
        files.check()
    assert not files.is_shared_with_strangers


def test_a_database_that_is_replaced_while_it_is_opened_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.db")
    files = DatabaseFiles(str(path), in_memory=False)
    put(path)
    with pytest.raises(FilesLostError):
        files.note()


async def test_what_was_committed_is_saved_as_soon_as_the_readers_are_back(kit: Kit, tmp_path: Path) -> None:
    path, away = Path(kit.path), tmp_path / "away.db"
    async with kit.engine.inner.reader() as reader:
        await reader.raw.execute_fetchall("BEGIN")
        await reader.raw.execute_fetchall("SELECT count(*) FROM investigations")
        await kit.store.transact(creation())
        path.rename(away)  # noqa: ASYNC240 - a local file, nobody else waits
        looking = asyncio.create_task(kit.store.ping())
        await asyncio.sleep(0)
        await reader.raw.execute_fetchall("ROLLBACK")
    with pytest.raises(FilesLostError):
        await looking
    copy = tmp_path / "copy.db"
    shutil.copyfile(away, copy)
    assert written(str(copy)) == {"inv-1": 1}
    away.rename(path)
    await kit.store.ping()


async def test_nothing_is_copied_into_a_database_to_which_others_have_written(kit: Kit, tmp_path: Path) -> None:
    path, away = Path(kit.path), tmp_path / "away.db"
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM investigations").fetchall()
    await kit.store.transact(creation())
    path.rename(away)  # noqa: ASYNC240 - a local file, nobody else waits
    with pytest.raises(FilesLostError):
        await kit.store.ping()
    reader.close()
    later = time.time_ns() + 10**9  # the clock of the files goes in steps of some milliseconds
    os.utime(away, ns=(later, later))
    away.rename(path)
    before = path.read_bytes()  # noqa: ASYNC240 - a local file, nobody else waits
    for _ in range(2):
        with pytest.raises(FilesLostError, match=OTHERS_HAVE_WRITTEN):
            await kit.store.ping()
    assert path.read_bytes() == before  # noqa: ASYNC240 - a local file, nobody else waits
