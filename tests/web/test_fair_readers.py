"""One user's dashboards and lists leave readers for everybody else."""

import asyncio
from typing import Any

from tests.conftest import StartServer
from tests.web.helpers import STATES, create, engine_of, read, send, sending, soon, until, url
from wizard_server.app import DATABASE

ACTIVE = "/api/v1/polling/active-investigations"
BOB = {"X-User-Id": "bob"}


async def test_another_users_cold_read_passes_twenty_dashboards(start_server: StartServer) -> None:
    client = await start_server(database={"pool_size": 1, "max_overflow": 1})
    await create(client)
    await create(client, "inv-bob", user_id="bob")
    store, engine, door, begun = client.app[DATABASE], engine_of(client), asyncio.Event(), 0

    async def held(*asked: Any) -> Any:
        nonlocal begun
        begun += 1
        await door.wait()
        return await engine.ask(*asked)

    engine.statements["active.page_user"] = held
    dashboards = [sending(client, "GET", ACTIVE) for _ in range(20)]
    try:
        await until(lambda: engine.inner.readers.waiting == 19)
        store.forget()
        assert (await soon(sending(client, "GET", url("inv-bob"), headers=BOB))).status == 200
        assert (await soon(sending(client, "GET", STATES, headers=BOB))).body["total"] == 1
        store.forget()
        assert (await read(client))["investigation_id"] == "inv-1", "nor does her own state wait for her dashboards"
        assert (await send(client, "GET", "/readyz")).status == 200
        assert begun == 1
    finally:
        door.set()
    assert [(await soon(task)).status for task in dashboards] == [200] * 20
    assert begun == 20
