"""Doors into the middle of a request: between its reading and its waiting there is no port that a test could gate."""

import pytest

from tests.conftest import Client
from tests.once import Act, once
from tests.web.helpers import INV
from wizard_server.app import DATABASE
from wizard_server.web.http.context import HUB, SERVICE
from wizard_server.web.live import poll


def around_the_next_read(
    monkeypatch: pytest.MonkeyPatch, client: Client, *, before: Act | None = None, after: Act | None = None
) -> None:
    """Let something happen just before or after the server reads the state for anybody, which it has not in memory."""
    client.app[DATABASE].forget(INV)
    once(monkeypatch, client.app[SERVICE], "read_from", before=before, after=after)


def before_the_next_park(monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    """Let something happen just before a poll begins to wait."""
    once(monkeypatch, poll, "arrived", after=act)


def before_changes_park(monkeypatch: pytest.MonkeyPatch, client: Client, act: Act) -> None:
    """Let something happen just before a request for changes begins to wait."""
    once(monkeypatch, client.app[HUB], "park", before=act)


def before_a_dashboard_parks(monkeypatch: pytest.MonkeyPatch, client: Client, act: Act) -> None:
    """Let something happen just before a dashboard begins to wait."""
    once(monkeypatch, client.app[HUB], "park_list", before=act)
