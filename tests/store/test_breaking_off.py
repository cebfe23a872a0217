"""A commit that is broken off, because the server ends and nobody waits for it: it begins nothing any more."""

import asyncio
from typing import cast

import pytest

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.postgresql.writer import Writer


class Opened:
    """A connection that nothing may be asked on."""

    is_lost = False

    async def rollback(self) -> None:
        """There is nothing to give up."""

    async def close(self) -> None:
        self.is_lost = True


async def test_a_commit_whose_connection_is_opened_meanwhile_is_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    asked, let, opened = asyncio.Event(), asyncio.Event(), Opened()

    async def connect() -> Connection:
        asked.set()
        await let.wait()
        return cast("Connection", opened)

    writer = Writer(connect)
    commit = asyncio.create_task(writer.commit([]))
    await asked.wait()
    writer.break_off()
    let.set()
    with pytest.raises(StorageUnavailableError, match="the server is shutting down"):
        await commit
    assert [record.message for record in caplog.records] == ["commit broken off"]
    await writer.close()
    assert opened.is_lost
