"""Changes as the answer of ``/changes`` lists them: encoded once and compressed once for all whom one commit wakes."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from wizard_server.domain.events import StateEvent
from wizard_server.domain.history import encode_changes
from wizard_server.domain.trail import AuditEntry
from wizard_server.web.http.compression import deflated
from wizard_server.web.http.once import Once


class Encoded(NamedTuple):
    """A JSON array, and how many of the changes an answer may hold."""

    text: bytes
    length: int


class Listing:
    """The changes from one version to another."""

    def __init__(self, entries: Sequence[AuditEntry]) -> None:
        self._entries = entries
        self._encoded = Once(self._encode)
        self._blocks = Once(self._deflate)

    async def encoded(self) -> Encoded:
        """Return the changes as JSON."""
        return await self._encoded.get()

    async def blocks(self) -> bytes:
        """Return the text of `encoded` as deflate blocks; others run while it is compressed."""
        return await self._blocks.get()

    async def _encode(self) -> Encoded:
        encoded, _ = await encode_changes(self._entries)
        return Encoded(b"[%b]" % b",".join(encoded), len(encoded))

    async def _deflate(self) -> bytes:
        text = (await self.encoded()).text
        return await asyncio.to_thread(deflated, text)


def listing(entries: Sequence[AuditEntry], event: StateEvent | None) -> Listing:
    """Return `entries` for an answer; who is woken by the same `event` for the same entries gets the same."""
    if event is None:
        return Listing(entries)
    key = ("changes", entries[0].version, entries[-1].version)
    found: Listing = event.renderings.setdefault(key, Listing(entries))
    return found
