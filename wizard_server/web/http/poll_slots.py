"""Reserves a slot for each next poll of a user, so that clients that follow the recommended interval never get a 429.

Each answer to a poll recommends when to poll again, and reserves a slot at that time. A window of time holds as many
slots as the user's quota regains in it, and half as many while the quota is used up, which leaves the rest to other
requests. A poll that comes at its slot is admitted even when other requests have used up the quota.

A slot belongs to the path that is polled, and each path has few: a tab that polls without a pause neither takes the
slots of the user's other tabs nor puts them off for long, unless they poll the very same path. A poll that finds the
quota used up takes a slot that is due, and one that the quota admits takes none. The caller passes the time.
"""

import math

# The length of a window, at least; it is longer where a window would hold fewer than two slots.
_WINDOW_SECONDS = 0.5
# The precision of a slot. A recommendation beyond the ordinary interval is a multiple of it, so that many answers
# share few values: each needs a prepared answer of its own.
_TICK_SECONDS = 0.1
# Slots are due this much early, because timers of clients run ahead.
_EARLY_SECONDS = 0.02
# Slots are reserved at most so many windows ahead; the last window takes all that find no other.
_LONGEST = 120
# One path has so many slots ahead; beyond, the last of them is recommended again.
_OF_ONE = 24
# This part of the burst is due at the start, for first polls without a recommendation.
_NEWCOMERS_SHARE = 4
# How many due slots are kept when no poll takes them: enough for clients that a slow line delays.
_KEPT, _KEPT_SECONDS = 32, 2.0


class Slots:
    """One user's slots.

    `by_window` counts them until their window is past. `by_tick` has their paths until they are due, `ahead` how many
    those are of each path, and when the last of them is. `due` counts them by path from then on; the path of the newest
    is the last. `spare` ones are for first polls without a recommendation.
    """

    __slots__ = ("ahead", "by_tick", "by_window", "due", "spare", "tick")

    def __init__(self, spare: int) -> None:
        self.by_window: dict[int, int] = {}
        self.by_tick: dict[int, list[str]] = {}
        self.ahead: dict[str, tuple[int, float]] = {}
        self.due: dict[str, int] = {}
        self.spare = spare
        self.tick = 0


class PollSlots:
    """Reserves slots for the polls of users who have `rate` requests per second, and `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._newcomers = burst // _NEWCOMERS_SHARE
        self._window = max(_WINDOW_SECONDS, 2 / rate)
        self._room = rate * self._window
        self._kept = int(_KEPT + _KEPT_SECONDS * rate)

    def opened(self) -> Slots:
        """Return the slots of a user who begins to poll; some are spare, for tabs that a browser opens together."""
        return Slots(self._newcomers)

    def reserve(self, slots: Slots, path: str, now: float, seconds: float, used: float) -> float:
        """Reserve a slot of `path`, and return the seconds until it is due: `seconds`, or more for want of room.

        `used` is the share of the quota that is used up.
        """
        self._advance(slots, now)
        count, last_due = slots.ahead.get(path, (0, now))
        if count >= _OF_ONE:
            return _ticks(last_due - now)
        room = max(round(self._room / (1 + used)), 1)
        taken = slots.by_window
        window = wanted = int((now + seconds) / self._window)
        if taken.get(wanted, 0) >= room:
            last = wanted + _LONGEST
            is_full = taken.get(last, 0) >= room
            free = (later for later in range(wanted + 1, last) if taken.get(later, 0) < room)
            window = last if is_full else next(free, last)
            seconds = _ticks(window * self._window - now)
            if is_full:
                return seconds
        taken[window] = taken.get(window, 0) + 1
        tick = int((now + seconds) / _TICK_SECONDS)
        slots.by_tick.setdefault(tick, []).append(path)
        slots.ahead[path] = count + 1, max(last_due, now + seconds)
        return seconds

    def take(self, slots: Slots, path: str, now: float) -> bool:
        """Take a slot of `path` that is due, or a spare one; return False when there is none."""
        self._advance(slots, now)
        if path in slots.due:
            _take(slots.due, path)
            return True
        if not slots.spare:
            return False
        slots.spare -= 1
        return True

    def _advance(self, slots: Slots, now: float) -> None:
        """Make the slots due whose time has come, and forget past windows."""
        tick = int((now + _EARLY_SECONDS) / _TICK_SECONDS)
        if tick == slots.tick:
            return
        slots.tick = tick
        for due in sorted(known for known in slots.by_tick if known <= tick):
            for path in slots.by_tick.pop(due):
                slots.due[path] = slots.due.pop(path, 0) + 1
                count, last_due = slots.ahead.pop(path)
                if count > 1:
                    slots.ahead[path] = count - 1, last_due
        for _ in range(sum(slots.due.values()) - self._kept):
            _take(slots.due, next(iter(slots.due)))
        present = int(now / self._window)
        for past in [known for known in slots.by_window if known < present]:
            del slots.by_window[past]


def _ticks(seconds: float) -> float:
    return math.ceil(seconds / _TICK_SECONDS) * _TICK_SECONDS


def _take(due: dict[str, int], path: str) -> None:
    due[path] -= 1
    if not due[path]:
        del due[path]
