"""Reserves a slot for each next poll of a user, so that clients that follow the recommended interval never get a 429.

Each answer to a poll recommends when to poll again, and reserves a slot at that time. A window of time holds as many
slots as the user's quota regains in it, and half as many while the quota is used up, which leaves the rest to other
requests. A poll that comes at its slot is admitted even when other requests have used up the quota.

Slots have no owner: a poll that finds the quota used up takes any slot that is due, and one that the quota admits takes
none. The caller passes the time.
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
# This part of the burst is due at the start, for first polls without a recommendation.
_NEWCOMERS_SHARE = 4
# How many due slots are kept when no poll takes them: enough for clients that a slow line delays.
_KEPT, _KEPT_SECONDS = 32, 2.0


class Slots:
    """One user's slots: how many by window, by tick until they are due, and how many are `due`."""

    __slots__ = ("by_tick", "by_window", "due", "tick")

    def __init__(self, due: int) -> None:
        self.by_window: dict[int, int] = {}
        self.by_tick: dict[int, int] = {}
        self.due = due
        self.tick = 0


class PollSlots:
    """Reserves slots for the polls of users who have `rate` requests per second, and `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._newcomers = burst // _NEWCOMERS_SHARE
        self._window = max(_WINDOW_SECONDS, 2 / rate)
        self._room = rate * self._window
        self._kept = int(_KEPT + _KEPT_SECONDS * rate)

    def opened(self) -> Slots:
        """Return the slots of a user who begins to poll; some are due, for tabs that a browser opens together."""
        return Slots(self._newcomers)

    def reserve(self, slots: Slots, now: float, seconds: float, used: float) -> float:
        """Reserve a slot, and return in how many seconds it is due: `seconds`, or more where that window is full.

        `used` is the share of the quota that is used up.
        """
        self._advance(slots, now)
        room = max(round(self._room / (1 + used)), 1)
        taken = slots.by_window
        window = wanted = int((now + seconds) / self._window)
        if taken.get(wanted, 0) >= room:
            last = wanted + _LONGEST
            is_full = taken.get(last, 0) >= room
            free = (later for later in range(wanted + 1, last) if taken.get(later, 0) < room)
            window = last if is_full else next(free, last)
            seconds = math.ceil((window * self._window - now) / _TICK_SECONDS) * _TICK_SECONDS
            if is_full:
                return seconds
        taken[window] = taken.get(window, 0) + 1
        tick = int((now + seconds) / _TICK_SECONDS)
        slots.by_tick[tick] = slots.by_tick.get(tick, 0) + 1
        return seconds

    def take(self, slots: Slots, now: float) -> bool:
        """Take a slot that is due; return False when there is none."""
        self._advance(slots, now)
        if not slots.due:
            return False
        slots.due -= 1
        return True

    def _advance(self, slots: Slots, now: float) -> None:
        """Make the slots due whose time has come, and forget past windows."""
        tick = int((now + _EARLY_SECONDS) / _TICK_SECONDS)
        if tick == slots.tick:
            return
        slots.tick = tick
        for due in [known for known in slots.by_tick if known <= tick]:
            slots.due += slots.by_tick.pop(due)
        slots.due = min(slots.due, self._kept)
        present = int(now / self._window)
        for past in [known for known in slots.by_window if known < present]:
            del slots.by_window[past]
