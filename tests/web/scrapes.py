"""Scrapes of /metrics."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Client


class Scrape:
    """What ``/metrics`` said at one moment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, metric: str, **labels: str) -> float:
        """Return one sample; what nothing has counted yet is 0."""
        return self.samples.get((f"wizard_{metric}", frozenset(labels.items())), 0.0)

    def labels(self, metric: str, name: str) -> Iterator[str]:
        """Yield the values of one label of a metric."""
        return (dict(found)[name] for key, found in self.samples if key == f"wizard_{metric}")


async def scrape(client: Client) -> Scrape:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Scrape(await answer.text())
