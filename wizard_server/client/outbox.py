"""What waits to be reported on one investigation: bounded, in order, merged as it is taken."""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from wizard_server.client.merging import lines, merged
from wizard_server.client.problems import ReportsFull

# Reports merge as they come up to this many lines, so that what is refused as too large can be parted again.
_CHUNK_LINES = 16
# One request has at most this.
MOST_LINES = 1000
MOST_CHARACTERS = 64 * 1024
# All that waits has at most this, of lines; all else of many reports is as large as of one.
MOST_HELD_CHARACTERS = 16 * 1024 * 1024
_LINE_COSTS = 64


class _Chunk(NamedTuple):
    report: dict[str, Any]
    lines: int
    characters: int


class Outbox:
    """Reports that wait; `put`, `take`, and after an answer `drop` what was taken or `part` it."""

    def __init__(self) -> None:
        self._chunks: deque[_Chunk] = deque()
        self._taken = 0
        self._held = 0
        self._most_chunks = MOST_LINES

    def __len__(self) -> int:
        """Return how many pieces wait, into which reports were merged."""
        return len(self._chunks)

    def put(self, report: Mapping[str, Any]) -> None:
        """Have `report` wait; raises `ReportsFull`."""
        said = lines(report)
        characters = sum(map(len, said)) + _LINE_COSTS * len(said)
        if said and self._held + characters > MOST_HELD_CHARACTERS:
            raise ReportsFull(f"{self._held} characters of log lines wait for the server; await flush() before more")
        self._held += characters
        if len(self._chunks) > self._taken:
            last = self._chunks[-1]
            if not said or last.lines + len(said) <= _CHUNK_LINES:
                both = _Chunk(merged(last.report, report), last.lines + len(said), last.characters + characters)
                self._chunks[-1] = both
                return
        self._chunks.append(_Chunk(dict(report), len(said), characters))

    def take(self) -> dict[str, Any]:
        """Return as much as one request may have, from the oldest on; it stays here until it is dropped."""
        report: dict[str, Any] = {}
        count = characters = 0
        self._taken = 0
        for chunk in self._chunks:
            count, characters = count + chunk.lines, characters + chunk.characters
            full = count > MOST_LINES or characters > MOST_CHARACTERS or self._taken >= self._most_chunks
            if self._taken and full:
                break
            report = merged(report, chunk.report)
            self._taken += 1
        return report

    def drop(self) -> None:
        """Forget what was taken: it stands."""
        for _ in range(self._taken):
            self._held -= self._chunks.popleft().characters
        self._taken = 0
        self._most_chunks = MOST_LINES

    def part(self) -> bool:
        """Have less taken the next time; False when it was the least already."""
        if self._taken < 2:
            return False
        self._most_chunks = self._taken // 2
        self._taken = 0
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self._taken = self._held = 0
