"""The addresses of the servers that a URL names: when no name server answers, those that were found last.

libpq bounds how long an address may take to answer, and nobody how long its name may take to be resolved.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

import psycopg

from wizard_server.names import look_up

# How long a name may take: the first time, and where addresses of it are known; in seconds.
_FIRST_SECONDS = 2.0
_KNOWN_SECONDS = 0.5
_PORT = "5432"
LookUp = Callable[[str, str], Awaitable[list[Any]]]


class Addresses:
    """Keeps what `find` has found; each name is looked up once at a time."""

    def __init__(self, find: LookUp = look_up, *, first_seconds: float = _FIRST_SECONDS) -> None:
        self._find = find
        self._first_seconds = first_seconds
        self._known: dict[tuple[str, str], list[str]] = {}
        self._looking: dict[tuple[str, str], asyncio.Task[list[str]]] = {}

    async def of(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return, for libpq's parameters as `given`, those that say the same with addresses: of a host maybe several.

        What is not given is what libpq takes of the environment (``PGHOST``). Nothing, where no host is a name. Raises
        `psycopg.OperationalError` when nothing is known of any.
        """
        given = {**_of_environment(), **given}
        hosts, ports = _listed(given, "host"), _listed(given, "port") or [_PORT]
        if "hostaddr" in given or not any(map(_is_name, hosts)) or 1 < len(ports) != len(hosts):
            return {}
        servers = list(zip(hosts, ports if len(ports) > 1 else ports * len(hosts), strict=True))
        found = await asyncio.gather(*(self._found(*server) for server in servers), return_exceptions=True)
        places = list[tuple[str, str, str]]()
        failure: BaseException | None = None
        for (host, port), addresses in zip(servers, found, strict=True):
            if isinstance(addresses, BaseException):
                failure = psycopg.OperationalError(f"failed to resolve host {host!r}: {addresses}")
            else:
                places += [(host, address, port) for address in addresses]
        if failure is not None and not places:
            raise failure
        names, addressed, numbers = zip(*places, strict=True)
        return {"host": ",".join(names), "hostaddr": ",".join(addressed), "port": ",".join(numbers)}

    async def _found(self, host: str, port: str) -> list[str]:
        return await self._addresses(host, port or _PORT) if _is_name(host) else [""]

    async def _addresses(self, host: str, port: str) -> list[str]:
        key = host, port
        known = self._known.get(key)
        if key not in self._looking:
            self._looking[key] = asyncio.create_task(self._look_up(key))
            self._looking[key].add_done_callback(_seen)
        seconds = _KNOWN_SECONDS if known else self._first_seconds
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._looking[key])
        except TimeoutError:
            if known is None:
                raise TimeoutError(f"no answer within {seconds:g} s") from None
            return known
        except socket.gaierror as error:
            if known is None or error.errno != socket.EAI_AGAIN:
                raise
            return known

    async def _look_up(self, key: tuple[str, str]) -> list[str]:
        try:
            found = [str(each[4][0]) for each in await self._find(*key)]
            if not found:
                raise OSError("it has no address")
        finally:
            del self._looking[key]
        self._known[key] = found
        return found


def _of_environment() -> dict[str, str]:
    defaults = psycopg.pq.Conninfo.get_defaults()
    found = {each.keyword.decode(): each.val.decode() for each in defaults if each.val}
    return {name: found[name] for name in ("host", "hostaddr", "port") if name in found}


def _listed(given: Mapping[str, Any], name: str) -> list[str]:
    return str(given[name]).split(",") if given.get(name) else []


def _is_name(host: str) -> bool:
    """Whether `host` has to be looked up: it is no address, no folder of a socket, and something."""
    try:
        ip_address(host)
    except ValueError:
        return bool(host) and not host.startswith(("/", "@"))
    return False


def _seen(looking: "asyncio.Task[list[str]]") -> None:
    """Mark an error as seen: nobody may have waited for it to the end."""
    if not looking.cancelled():
        looking.exception()
