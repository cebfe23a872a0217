"""Clients that want to know of changes, each of a state of its own: by parked polls, or by polling on an interval."""

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from tests.benchmarks.parking import arrive
from tests.benchmarks.subjects import CHANGED, Subject
from tests.benchmarks.swarm import PATIENCE_SECONDS, Connection, Swarm, check

_WRITERS = 32
_TICK_SECONDS = 0.002

Request = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Heard:
    """One change: of which state, when it was sent, when the client that wants to know had it."""

    number: int
    sent: float
    told: float


class Writers:
    """Change states in turn at a steady rate, each of them once in a run at most."""

    def __init__(self, swarm: Swarm, change: Request, versions: list[int], port: int | None = None) -> None:
        """`change` is as `Subject.change`; `versions` are what the clients know; `port`: of another server."""
        self._swarm, self._request, self._versions, self._port = swarm, change, versions, port
        self._all: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._next = 0
        self._made = self._answered = 0
        self._started = self._rate = self._seconds = 0.0
        self.changes = 0
        self.sent: dict[int, float] = {}

    def begin(self, rate: float, seconds: float) -> None:
        """Begin a run of `rate` changes per second; servers cut off who says nothing for long, so connect now."""
        self._idle = deque(self._swarm.connect(_WRITERS, self._port))
        self._all = set(self._idle)
        self.changes = min(round(seconds * rate), len(self._versions))
        self._started, self._rate, self._seconds = time.monotonic(), rate, seconds
        self._made = self._answered = 0

    def go_on(self) -> None:
        """Send what is due; raise `TimeoutError` when the run takes much longer than it should."""
        now = time.monotonic() - self._started
        if now > self._seconds + PATIENCE_SECONDS:
            raise TimeoutError(f"after {now:.0f} s not all of {self.changes} changes are known")
        while self._made < self.changes and self._idle and now >= self._made / self._rate:
            writer, number = self._writer(), self._next
            self._next = (number + 1) % len(self._versions)
            self._made += 1
            self._swarm.ask(writer, self._request(number, self._versions[number]))
            self.sent[number] = writer.sent

    def _writer(self) -> Connection:
        """Return a connection that is idle, or a new one in place of one that idled too long for the server."""
        writer = self._idle.popleft()
        if writer.gone:
            [writer] = self._swarm.connect(1, self._port)
            self._all.add(writer)
        return writer

    def end(self, others: int = 0) -> None:
        """End the run once everything is answered, the requests of `others` too: the next run has a server at rest."""
        for answered in self._swarm.answers(self._made - self._answered + others):
            check(answered, *CHANGED, HTTPStatus.NOT_MODIFIED)
        self._swarm.drop(self._all)

    def took(self, answered: Connection) -> bool:
        """Whether an answer is a writer's, which can make the next change then."""
        if answered not in self._all:
            return False
        check(answered, *CHANGED)
        self._answered += 1
        self._idle.append(answered)
        return True


class Crowd:
    """Clients whose polls are parked."""

    def __init__(
        self,
        swarm: Swarm,
        subject: Subject,
        count: int,
        change: Request,
        *,
        version: int | None = None,
        port: int | None = None,
    ) -> None:
        """Park a poll on each of `count` states, all at `version`, else as they are in the beginning.

        The changes are sent to `port` where that is another server.
        """
        self._swarm, self._subject = swarm, subject
        self._versions = [subject.version(0) if version is None else version] * count
        waiters = arrive(swarm, subject, range(count), self._versions[0])
        self._numbers = {waiter: number for number, waiter in enumerate(waiters)}
        self._writers = Writers(swarm, change, self._versions, port)

    def run(self, rate: float, seconds: float) -> list[Heard]:
        """Make `rate` changes per second and return once all of them are known."""
        heard: list[Heard] = []
        self._writers.begin(rate, seconds)
        while len(heard) < self._writers.changes:
            self._writers.go_on()
            answers = self._swarm.pump(_TICK_SECONDS)
            heard += [self._told(answered) for answered in answers if not self._writers.took(answered)]
        self._writers.end()
        return heard

    def _told(self, waiter: Connection) -> Heard:
        """Note an answer, and wait for the next."""
        check(waiter, HTTPStatus.OK)
        number = self._numbers[waiter]
        heard = Heard(number, self._writers.sent[number], waiter.answered)
        self._versions[number] += 1
        self._swarm.ask(waiter, self._subject.poll(number, self._versions[number]))
        return heard


class Pollers:
    """Clients that poll once per interval, or as soon as they have their answer where that comes later."""

    def __init__(self, swarm: Swarm, count: int, version: int, poll: Request, change: Request) -> None:
        """All states have `version` in the beginning; `poll` is as `Subject.poll`, and does not wait."""
        self._swarm, self._poll = swarm, poll
        self._versions = [version] * count
        self._polls: list[Connection] = []
        self._numbers: dict[Connection, int] = {}
        self._writers = Writers(swarm, change, self._versions)
        self._due: list[tuple[float, int]] = []
        self.answered = 0

    def run(self, rate: float, seconds: float, interval: float) -> list[Heard]:
        """Make `rate` changes per second and poll until all of them are known."""
        heard: list[Heard] = []
        self.answered = 0
        self._polls = self._swarm.connect(len(self._versions))
        self._numbers = {connection: number for number, connection in enumerate(self._polls)}
        self._writers.begin(rate, seconds)
        begin, spread = time.monotonic(), interval / len(self._polls)
        self._due = [(begin + number * spread, number) for number in range(len(self._polls))]
        while len(heard) < self._writers.changes:
            self._writers.go_on()
            self._ask_what_is_due()
            for answered in self._swarm.pump(_TICK_SECONDS):
                if not self._writers.took(answered):
                    heard += self._told(answered, interval)
        self._writers.end(len(self._polls) - len(self._due))
        self._swarm.drop(self._polls)
        return heard

    def _ask_what_is_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, number = heapq.heappop(self._due)
            self._swarm.ask(self._polls[number], self._poll(number, self._versions[number]))

    def _told(self, poll: Connection, interval: float) -> list[Heard]:
        """Note an answer, and when to ask again; return the change that it tells, if any."""
        check(poll, HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)
        number = self._numbers[poll]
        self.answered += 1
        heapq.heappush(self._due, (poll.sent + interval, number))
        if poll.status == HTTPStatus.NOT_MODIFIED:
            return []
        self._versions[number] += 1
        return [Heard(number, self._writers.sent[number], poll.answered)]
