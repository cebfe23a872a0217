"""Resolves the hosts that aiohttp connects to, where a look-up that hangs delays nobody (see `names`)."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from wizard_server.names import look_up


class NameLookup(AbstractResolver):
    """A resolver for an aiohttp connector."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raises `OSError`."""
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=kind, proto=protocol, flags=numeric)
            for kind, _, protocol, _, address in await look_up(host, port, family, flags=socket.AI_ADDRCONFIG)
        ]

    async def close(self) -> None:
        """Do nothing: the resolver keeps no state."""
