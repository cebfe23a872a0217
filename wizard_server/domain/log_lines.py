"""Drops log lines from a state that would be too large, so that agents can go on reporting.

Only lines that an earlier version showed are dropped, the oldest of the largest log first, because the audit trail has
them.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import orjson

from wizard_server.domain.json_text import count_nodes, has_more_nodes

# The bytes that ``"logs_dropped": N`` adds to a log.
_COUNT_BYTES = 40
# A long log loses this fraction of its old lines at once, which bounds how often it is encoded.
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Room:
    """Shares of the limits: above `most`, old lines are dropped until the state takes no more than `wanted`."""

    most: Fraction
    wanted: Fraction


# Reports leave a quarter of the limits for the results; one drop makes room for several reports.
REPORTS = Room(Fraction(3, 4), Fraction(5, 8))
# Everything else may use the whole limit.
OTHERS = Room(Fraction(1), Fraction(3, 4))


@dataclass(slots=True)
class _Log:
    """One log: the object that holds it, how many of its lines are old, their bytes, and how many will be dropped."""

    holder: dict[str, Any]
    old: int
    bytes: int
    leaving: int = 0

    def drop(self) -> tuple[int, int]:
        """Let the oldest lines go, several at once from a long log; return their bytes and their number."""
        count = max((self.old - self.leaving) // _AT_ONCE, 1)
        size = len(orjson.dumps(self.holder["logs"][self.leaving : self.leaving + count])) - 1
        self.leaving += count
        self.bytes -= size
        return size, count

    def shortened(self) -> dict[str, Any]:
        if not self.leaving:
            return self.holder
        dropped = self.holder.get("logs_dropped", 0) + self.leaving
        return {**self.holder, "logs": self.holder["logs"][self.leaving :], "logs_dropped": dropped}


def exceeds(text: bytes, limits: tuple[int, int], room: Room) -> bool:
    """Whether the state `text` exceeds `room.most` of `limits`, the maximum of bytes and of JSON nodes."""
    max_bytes, max_nodes = limits
    return len(text) > max_bytes * room.most or has_more_nodes(text, int(max_nodes * room.most))


def shortened(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], text: bytes, limits: tuple[int, int], room: Room
) -> dict[str, Any] | None:
    """Return the progress `new` of the state `text` without its oldest lines; None when no line is old.

    `old` is the progress before, with the same agents at the same indices. Dropping every old line may not suffice: the
    result may still exceed the limits.
    """
    max_bytes, max_nodes = limits
    logs = [_Log(*each) for each in _logs(old or {}, new)]
    counts = len(logs)  # each log may get a ``logs_dropped``
    too_many_bytes = _excess(len(text) + counts * _COUNT_BYTES, sum(log.bytes for log in logs), max_bytes, room)
    too_many_nodes = _excess(count_nodes(text) + counts, sum(log.old for log in logs), max_nodes, room)
    _let_leave(logs, too_many_bytes, too_many_nodes, max_bytes / max_nodes)
    if not any(log.leaving for log in logs):
        return None
    whole, *agents = (log.shortened() for log in logs)
    return {**whole, "agents": [*agents, *new["agents"][len(agents) :]]}


def _logs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[dict[str, Any], int, int]]:
    """Return for each log that existed before: its holder, how many of its lines are old, and their bytes."""
    pairs = [(old, new), *zip(old.get("agents", ()), new["agents"], strict=False)]
    found = []
    for before, after in pairs:
        gone = after.get("logs_dropped", 0) - before.get("logs_dropped", 0)
        lines = after["logs"][: max(len(before.get("logs", ())) - gone, 0)]
        found.append((after, len(lines), len(orjson.dumps(lines)) - 1))
    return found


def _excess(size: int, can_leave: int, limit: int, room: Room) -> int:
    """Return how much to drop; where the lines that stay exceed `wanted`, old ones may fill half of the free rest."""
    stays = size - can_leave
    wanted = int(limit * room.wanted)
    return size - (wanted if stays <= wanted else max((stays + limit) // 2, stays))


def _let_leave(logs: Sequence[_Log], excess_bytes: int, excess_nodes: int, node_bytes: float) -> None:
    """Shorten whichever log is the largest at the time by its oldest lines; a node weighs as much as `node_bytes`."""

    def weight(log: _Log) -> float:
        return -log.bytes - (log.old - log.leaving) * node_bytes

    largest = [(weight(log), place) for place, log in enumerate(logs) if log.old]
    heapq.heapify(largest)
    while largest and (excess_bytes > 0 or excess_nodes > 0):
        log = logs[largest[0][1]]
        size, count = log.drop()
        excess_bytes -= size
        excess_nodes -= count
        if log.leaving < log.old:
            heapq.heapreplace(largest, (weight(log), largest[0][1]))
        else:
            heapq.heappop(largest)
