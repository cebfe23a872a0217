"""``/metrics``: the counts of all parts in Prometheus' text format (contract 4).

A collector reads the counts of the parts at each scrape, so requests cost nothing more. No label has values that
clients can invent: no user, no investigation, no path, no unknown method.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import monotonic

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from wizard_server import __version__
from wizard_server.counts import Histogram, StoreCounts
from wizard_server.hub.hub import Hub
from wizard_server.pace import Timer
from wizard_server.web.http.accounting import REQUESTS, Requests
from wizard_server.web.http.connection_limit import CONNECTIONS, ConnectionLimit
from wizard_server.web.http.context import HUB, STORE
from wizard_server.web.http.flood import Allowance
from wizard_server.web.http.in_flight import IN_FLIGHT
from wizard_server.web.http.problems import STATUS

SCRAPES_PER_SECOND = 10.0
SCRAPES_BURST = 100.0


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics, in the format that the scraper prefers."""
    try:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    except (TypeError, ValueError):  # the library raises for a malformed version or escaping in the header
        encode, content_type = choose_encoder("")
    return web.Response(body=request.app[SCRAPES].text(encode, content_type), headers={"Content-Type": content_type})


class Scrapes:
    """The metrics of one application as text; beyond `SCRAPES_PER_SECOND` the last text is answered again.

    The limit exists because a scrape costs a millisecond and needs no token.
    """

    def __init__(self, collected: CollectorRegistry, timer: Timer = monotonic) -> None:
        self._collected = collected
        self._fresh = Allowance(SCRAPES_PER_SECOND, SCRAPES_BURST, timer)
        self._made: dict[str, bytes] = {}  # by media type; the library has few

    def text(self, encode: Callable[[CollectorRegistry], bytes], media: str) -> bytes:
        """Return the metrics as `encode` writes them, in the media type `media`."""
        if self._fresh.takes(1) or media not in self._made:
            self._made[media] = encode(self._collected)
        return self._made[media]


SCRAPES = web.AppKey("scrapes", Scrapes)


def registry(app: web.Application, schema: int) -> CollectorRegistry:
    """Return the registry of one application: its parts, the version of its `schema`, and its process."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    made.register(_Parts(app, schema))
    return made


class _Parts(Collector):
    """Reads the parts of one application."""

    def __init__(self, app: web.Application, schema: int) -> None:
        self._app = app
        self._build = {
            "version": __version__,
            "schema": str(schema),
            "python": platform.python_version(),
        }

    def describe(self) -> Iterable[Metric]:
        """Describe nothing in advance, because the parts exist only once the application has started."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from _of_requests(self._app[REQUESTS])
        yield from _of_hub(self._app[HUB])
        yield from _of_store(self._app[STORE].counts)
        yield from _of_connections(self._app[CONNECTIONS])
        in_flight = self._app[IN_FLIGHT].count
        yield GaugeMetricFamily("wizard_requests_under_way", "Requests that have begun and not ended.", in_flight)
        build = GaugeMetricFamily("wizard_build_info", "What runs; always 1.", labels=list(self._build))
        build.add_metric(list(self._build.values()), 1)
        yield build


def _of_requests(requests: Requests) -> Iterator[Metric]:
    answered = CounterMetricFamily(
        "wizard_http_requests", "Requests answered, by route, method and status.", labels=["route", "method", "status"]
    )
    cancelled = CounterMetricFamily(
        "wizard_http_requests_cancelled",
        "Requests whose client went away before the answer, or that the server's stop cut off.",
        labels=["route", "method"],
    )
    for counts in requests.counts():
        for status, count in counts.by_status.items():
            answered.add_metric([counts.route, counts.method, str(status)], count)
        if counts.cancelled:
            cancelled.add_metric([counts.route, counts.method], counts.cancelled)
    yield answered
    yield cancelled
    problems = {**dict.fromkeys(STATUS, 0), **requests.problems}
    yield _counter(
        "wizard_problems", "Errors answered, by code: conflicts and refusals by limits too.", "code", problems
    )
    yield _gauge("wizard_push_connections", "Open push connections, by transport.", "transport", requests.open)


def _of_connections(connections: ConnectionLimit) -> Iterator[Metric]:
    kinds = {"known": connections.known, "stranger": connections.strangers}
    yield _gauge("wizard_connections", "Connections, by whether they have shown a valid token.", "kind", kinds)
    yield GaugeMetricFamily("wizard_connections_limit", "How many connections there may be in all.", connections.limit)
    yield CounterMetricFamily(
        "wizard_connections_turned_away",
        "Connections closed to make room: of those without a valid token, the one silent longest.",
        connections.turned_away,
    )


def _of_hub(hub: Hub) -> Iterator[Metric]:
    dashboards, push = hub.parked_lists, hub.pushing_now
    waiters = {"poll": hub.parked - dashboards - push, "dashboard": dashboards, "push": push}
    yield _gauge("wizard_waiters", "Parked polls, parked dashboards, open push connections.", "kind", waiters)
    yield GaugeMetricFamily("wizard_waiters_limit", "How many waiters there may be in all.", hub.max_waiters)
    yield _counter("wizard_waits", "Waits of polls that have ended, by how.", "end", hub.counts.ended)
    yield _counter(
        "wizard_polls_shed", "Polls answered at once because a limit left no room to wait.", "limit", hub.counts.shed
    )
    latency = HistogramMetricFamily(
        "wizard_wake_latency_seconds", "From a commit until a waiter's answer is on its way.", labels=["kind"]
    )
    for kind, woken in hub.counts.wake_seconds.items():
        latency.add_metric([kind], list(woken.buckets()), woken.sum)
    yield latency
    yield GaugeMetricFamily("wizard_draining", "1 from the moment the server drains.", int(hub.draining))
    yield GaugeMetricFamily("wizard_drain_duration_seconds", "How long it has been draining.", hub.drain_seconds)


def _of_store(counts: StoreCounts) -> Iterator[Metric]:
    yield _histogram("wizard_group_commit_size", "Use cases in each transaction.", counts.batch_sizes)
    yield _histogram(
        "wizard_group_commit_duration_seconds",
        "From a batch's first use case until it is on disk.",
        counts.batch_seconds,
    )
    yield GaugeMetricFamily("wizard_writes_queued", "Use cases that wait for the commit under way.", counts.queued)
    yield CounterMetricFamily("wizard_versions_committed", "Versions of states that are on disk.", counts.versions)
    yield CounterMetricFamily(
        "wizard_external_commits", "Times that another process was noticed to have written.", counts.external_commits
    )
    yield from _of_nodes(counts)
    cache = counts.cache
    yield CounterMetricFamily("wizard_cache_hits", "States found in memory.", cache.hits)
    yield CounterMetricFamily("wizard_cache_misses", "States not found in memory.", cache.misses)
    yield CounterMetricFamily("wizard_cache_evictions", "States that left memory for want of room.", cache.evictions)
    yield GaugeMetricFamily("wizard_cache_bytes", "What the states in memory weigh.", cache.size_bytes)
    yield GaugeMetricFamily("wizard_cache_states", "States in memory.", len(cache))
    yield GaugeMetricFamily("wizard_database_readers_in_use", "Readers that are lent now.", counts.readers_in_use)
    yield GaugeMetricFamily(
        "wizard_database_wal_bytes", "Size of the write-ahead log beside the database.", counts.log_bytes
    )
    yield _histogram("wizard_database_reader_wait_seconds", "Until a reader was lent.", counts.reader_waits)


def _of_nodes(counts: StoreCounts) -> Iterator[Metric]:
    """Yield what tells how this node follows what the others on its database commit."""
    yield GaugeMetricFamily("wizard_feed_position", "Place in the order of changes that is known.", counts.position)
    yield CounterMetricFamily("wizard_feed_looks", "Readings of what others have committed.", counts.looks)
    yield _counter("wizard_feed_looks_asked", "What asked for one, by cause.", "cause", counts.looks_asked)
    yield CounterMetricFamily("wizard_feed_connections", "Connections opened for them.", counts.feed_connections)
    yield CounterMetricFamily("wizard_rows_set_aside", "Rows that somebody else held for long.", counts.set_aside)
    yield CounterMetricFamily(
        "wizard_commits_unknown",
        "Commits of which nobody knows what became.",
        counts.unknown_outcomes,
    )


def _counter(name: str, what: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, what, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _gauge(name: str, what: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _histogram(name: str, what: str, observed: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, what, buckets=list(observed.buckets()), sum_value=observed.sum)
