"""When the polls of one user are to come, so that all who obey find a place. The caller tells the time.

Each answer to a poll says when to ask again, and that books a place: no more of them in any stretch of time than the
user's quota gives back in it, and half as many when the quota is used up, so that something remains for all the rest.
Whoever then comes when told is let in, whatever other requests have left of the quota.

Nobody can tell whose place a poll takes. One that comes early and finds the quota used up takes somebody else's, once
that is due; one that finds the quota in order leaves the place to whoever needs it.
"""

import math

# A stretch is this long, or as long as it takes to hold two places.
_STRETCH_SECONDS = 0.5
# How exactly it is kept when a place is due; what is told beyond the ordinary interval is a multiple of it, so that
# many who are told at once are told few different things (each makes a rendering of its own).
_TICK_SECONDS = 0.1
# Timers of clients run ahead by a little.
_EARLY_SECONDS = 0.02
# How many stretches ahead places are given: beyond, thousands of polls of one user crowd the last.
_LONGEST = 120
# Polls that nobody told when to come have this part of the burst beyond it.
_NEWCOMERS_SHARE = 4
# How many places that were not taken in time are kept: enough for those who are late by a slow line.
_KEPT, _KEPT_SECONDS = 32, 2.0


class Places:
    """The places that one user's polls were given: by stretch, by tick until they are due, and those `due` by now."""

    __slots__ = ("by_stretch", "by_tick", "due", "tick")

    def __init__(self, due: int) -> None:
        self.by_stretch: dict[int, int] = {}
        self.by_tick: dict[int, int] = {}
        self.due = due
        self.tick = 0


class Timetable:
    """Gives places to the polls of users who have `rate` requests per second, and `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._newcomers = burst // _NEWCOMERS_SHARE
        self._stretch = max(_STRETCH_SECONDS, 2 / rate)
        self._room = rate * self._stretch
        self._kept = int(_KEPT + _KEPT_SECONDS * rate)

    def opened(self) -> Places:
        """Return the places of a user who begins to poll: some for tabs that a browser opens all together."""
        return Places(self._newcomers)

    def book(self, places: Places, now: float, seconds: float, used: float) -> float:
        """Return in how many seconds to come: `seconds`, or more when others come then.

        `used` is the share of the quota that is used up.
        """
        self._pass_time(places, now)
        room = max(round(self._room / (1 + used)), 1)
        taken = places.by_stretch
        stretch = wanted = int((now + seconds) / self._stretch)
        if taken.get(wanted, 0) >= room:
            last = wanted + _LONGEST
            is_full = taken.get(last, 0) >= room
            free = (later for later in range(wanted + 1, last) if taken.get(later, 0) < room)
            stretch = last if is_full else next(free, last)
            seconds = math.ceil((stretch * self._stretch - now) / _TICK_SECONDS) * _TICK_SECONDS
            if is_full:
                return seconds
        taken[stretch] = taken.get(stretch, 0) + 1
        tick = int((now + seconds) / _TICK_SECONDS)
        places.by_tick[tick] = places.by_tick.get(tick, 0) + 1
        return seconds

    def claim(self, places: Places, now: float) -> bool:
        """Take a place that is due; False when there is none."""
        self._pass_time(places, now)
        if not places.due:
            return False
        places.due -= 1
        return True

    def _pass_time(self, places: Places, now: float) -> None:
        tick = int((now + _EARLY_SECONDS) / _TICK_SECONDS)
        if tick == places.tick:
            return
        places.tick = tick
        for due in [known for known in places.by_tick if known <= tick]:
            places.due += places.by_tick.pop(due)
        places.due = min(places.due, self._kept)
        present = int(now / self._stretch)
        for past in [known for known in places.by_stretch if known < present]:
            del places.by_stretch[past]
