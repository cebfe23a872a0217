"""Which files count as lost, and when others may have come between."""

from pathlib import Path

import pytest

from wizard_server.storage.files import DatabaseFiles, FilesLostError


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
