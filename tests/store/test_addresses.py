"""The hosts of a URL have addresses although no name server answers, once they were found."""

import asyncio
import socket
from typing import Any

import psycopg
import pytest

from wizard_server.storage.postgresql.addresses import Addresses

SECONDS = 0.05
URL = {"host": "db", "port": "6543"}
FOUND = {"host": "db,db", "hostaddr": "192.0.2.1,2001:db8::1", "port": "6543,6543"}


class Names:
    """What a name server says: of `db` two addresses; `failure` is raised instead, and nobody is told before `let`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.failure: OSError | None = None
        self.let = asyncio.Event()
        self.let.set()
        self.addresses = Addresses(self._find, first_seconds=SECONDS)

    async def _find(self, host: str, port: str) -> list[Any]:
        self.asked.append((host, port))
        await self.let.wait()
        if self.failure is not None:
            raise self.failure
        if host != "db":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (socket.AF_INET, 1, 6, "", ("192.0.2.1", 6543)),
            (socket.AF_INET6, 1, 6, "", ("2001:db8::1", 6543, 0, 0)),
        ]


async def test_each_address_of_a_name_is_a_server_of_that_name() -> None:
    assert await Names().addresses.of(URL) == FOUND
    assert await Names().addresses.of({"host": "db"}) == FOUND | {"port": "5432,5432"}


async def test_a_host_of_the_environment_is_looked_up_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    monkeypatch.setenv("PGPORT", "6543")
    assert await Names().addresses.of({}) == FOUND
    assert await Names().addresses.of({"host": "192.0.2.9"}) == {}
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.7")
    assert await Names().addresses.of({}) == {}


async def test_what_is_no_name_stays_as_it_is() -> None:
    mixed = {"host": "/run,db,192.0.2.9,gone", "port": "1,2,3,4"}
    assert await Names().addresses.of(mixed) == {
        "host": "/run,db,db,192.0.2.9",
        "hostaddr": ",192.0.2.1,2001:db8::1,",
        "port": "1,2,2,3",
    }


@pytest.mark.parametrize(
    "given", [{}, {"host": "/run"}, {"host": "192.0.2.1,::1"}, {"host": "db", "hostaddr": "192.0.2.7"}], ids=str
)
async def test_nobody_is_asked_where_there_is_no_name(given: dict[str, str]) -> None:
    names = Names()
    assert await names.addresses.of(given) == {}
    assert names.asked == []


@pytest.mark.parametrize("failure", [None, socket.gaierror(socket.EAI_AGAIN, "try again")])
async def test_what_was_found_last_serves_while_no_name_server_answers(failure: OSError | None) -> None:
    names = Names()
    await names.addresses.of(URL)
    if failure is None:
        names.let.clear()
    names.failure = failure
    assert await asyncio.gather(*(names.addresses.of(URL) for _ in range(10))) == [FOUND] * 10
    assert len(names.asked) == 2, "one look-up is under way for all"


async def test_a_name_that_is_gone_is_not_what_it_was() -> None:
    names = Names()
    await names.addresses.of(URL)
    names.failure = socket.gaierror(socket.EAI_NONAME, "unknown")
    with pytest.raises(psycopg.OperationalError, match=r"failed to resolve host 'db': .*unknown"):
        await names.addresses.of(URL)


async def test_a_name_that_was_never_found_holds_nobody_up() -> None:
    names = Names()
    names.let.clear()
    with pytest.raises(psycopg.OperationalError, match=f"host 'db': no answer within {SECONDS:g} s"):
        await names.addresses.of(URL)
    names.let.set()
    assert await names.addresses.of(URL) == FOUND
