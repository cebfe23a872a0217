"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wizard_server.errors import WizardError

# What SQLite puts beside a database, by what follows its name.
COMPANIONS = ("", "-journal", "-wal", "-shm")


class OutputFileError(WizardError):
    """A file cannot be written where the operator wants it."""

    code = "output-file"


@contextmanager
def new_file(target: str) -> Iterator[Path]:
    """Yield the empty ``TARGET.partial``; on success it is on disk as `target`, after an error it is removed.

    Only its owner may read it, because it holds everybody's data. An existing `target` is never replaced.
    Raises `OutputFileError`, also for an `OSError` of the caller.
    """
    path = Path(target)
    partial = path.with_name(path.name + ".partial") if path.name else path
    _refuse_existing(path)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise OutputFileError(
            f"{partial} exists: it is being written, or was left by a run that was killed; then remove it"
        ) from None
    except OSError as error:
        raise OutputFileError(f"cannot write {target}: {error.strerror}") from error
    try:
        yield partial
        _publish(partial, path)
    except OSError as error:
        raise OutputFileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        for companion in COMPANIONS:
            with suppress(OSError):
                partial.with_name(partial.name + companion).unlink(missing_ok=True)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputFileError(f"{path} exists and is not overwritten")


def _publish(partial: Path, path: Path) -> None:
    """Give the written file its name by a link, which unlike a rename never replaces an existing file."""
    _sync(partial)
    try:
        os.link(partial, path)
    except FileExistsError:
        _refuse_existing(path)
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        _refuse_existing(path)  # a file system without links
        partial.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
