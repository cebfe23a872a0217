"""The dashboards of a company: 200 investigations, 100 changes per second, 100 parked requests."""

import asyncio
from typing import Any

import aiohttp

from tests import factories
from tests.conftest import Client, StartServer

USERS = [f"user-{number}" for number in range(20)]
OWNED, WATCHERS = 10, 5
CHANGES, BURST = 100, 10
ACTIVE = "/api/v1/polling/active-investigations"


class Dashboard:
    """What one browser shows: kept up to date by one parked request."""

    def __init__(self, session: aiohttp.ClientSession, url: str, user: str) -> None:
        self._session = session
        self._url = url
        self.user = user
        self.cursor = 0
        self.shown: dict[str, dict[str, Any]] = {}

    async def ask(self, **parameters: int | str) -> None:
        headers = {"X-User-Id": self.user}
        async with self._session.get(self._url, params=parameters, headers=headers) as response:
            assert response.status == 200
            body = await response.json()
        self.shown.update({row["investigation_id"]: row for row in body["investigations"]})
        for gone in body.get("removed", ()):
            self.shown.pop(gone, None)
        self.cursor = body["cursor"]

    async def follow(self, end: asyncio.Event) -> None:
        while not end.is_set():
            await self.ask(cursor=self.cursor, wait="0.5")
        await self.ask(cursor=self.cursor)


async def make(client: Client, user: str) -> list[str]:
    """Make the investigations of `user`, started; return their ids."""
    keys = [f"{user}-{number}" for number in range(OWNED)]
    for key in keys:
        made = {**factories.creation(key), "user_id": user}
        async with client.post("/api/v1/wizard-state", json=made, headers={"X-User-Id": user}) as response:
            assert response.status == 201
    return keys


async def change(client: Client, user: str, key: str, name: str) -> None:
    body = {"settings": factories.settings(name=name)}
    async with client.patch(f"/api/v1/wizard-state/{key}", json=body, headers={"X-User-Id": user}) as response:
        assert response.status == 200


async def test_each_of_100_dashboards_ends_with_every_final_state(start_server: StartServer) -> None:
    client = await start_server()
    owned = dict(zip(USERS, await asyncio.gather(*(make(client, user) for user in USERS)), strict=True))
    end = asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        url = str(client.make_url(ACTIVE))
        dashboards = [Dashboard(session, url, user) for user in USERS for _ in range(WATCHERS)]
        await asyncio.gather(*(dashboard.ask() for dashboard in dashboards))
        following = [asyncio.create_task(dashboard.follow(end)) for dashboard in dashboards]
        for start in range(0, CHANGES, BURST):
            numbers = range(start, start + BURST)
            users = [USERS[number * 7 % len(USERS)] for number in numbers]
            changed = [owned[user][number % OWNED] for user, number in zip(users, numbers, strict=True)]
            await asyncio.gather(
                *(change(client, *each) for each in zip(users, changed, (f"name {n}" for n in numbers), strict=True)),
                asyncio.sleep(BURST / 100),  # the pace of the load: 100 changes a second
            )
        end.set()
        await asyncio.gather(*following)
        for user in USERS:
            reread = Dashboard(session, url, user)
            await reread.ask()
            final = {key: row["version"] for key, row in reread.shown.items()}
            assert len(final) == OWNED
            shown = [each for each in dashboards if each.user == user]
            assert all({key: row["version"] for key, row in each.shown.items()} == final for each in shown)
