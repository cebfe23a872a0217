"""Those who wait are woken in slices: a crowd that one commit wakes keeps nobody else waiting."""

import asyncio
from collections import deque
from collections.abc import Iterable
from time import perf_counter

# How long those of one slice may take together. A request beside them waits for three turns of the loop at the most.
SLICE_SECONDS = 0.004
# What all share is made by the first of them: the change is encoded, the answer compressed.
_FIRST = 8
_GROWTH = 4

Sleep = asyncio.Future[None]


class Waker:
    """Ends sleeps in their order: the first few at once, the others in the turns that follow.

    Who is woken answers in the loop's next turn, so what a slice took says how many the next one may have.
    """

    def __init__(self) -> None:
        self._sleeps: deque[Sleep] = deque()
        self._is_waking = False

    def wake(self, sleeps: Iterable[Sleep | None]) -> None:
        """End each of `sleeps`; None is somebody who does not sleep."""
        self._sleeps.extend(sleep for sleep in sleeps if sleep is not None)
        if not self._is_waking:
            self._wake_slice(_FIRST)

    def _wake_slice(self, size: int) -> None:
        began = perf_counter()
        woken: Sleep | None = None
        left = size
        while self._sleeps and left:
            sleep = self._sleeps.popleft()
            if not sleep.done():
                sleep.set_result(None)
                woken = sleep
                left -= 1
        self._is_waking = woken is not None
        if woken is not None:
            woken.get_loop().call_soon(self._go_on, size - left, began)  # after all of this slice have run

    def _go_on(self, woken: int, began: float) -> None:
        each = (perf_counter() - began) / woken
        self._wake_slice(max(min(int(SLICE_SECONDS / each), max(woken * _GROWTH, _FIRST)), 1))
