"""``GET /api/v1/config`` is the specification's TypeScript ``WizardConfig``, no more and no less."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, StrictBool, StrictFloat, StrictInt

from tests.conftest import Client, StartServer
from tests.web.templates import ask

CONFIG = "/api/v1/config"
Number = StrictInt | StrictFloat


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PollingConfig(Exact):
    baseInterval: Number  # noqa: N815 - the names are TypeScript's
    fastInterval: Number  # noqa: N815
    slowInterval: Number  # noqa: N815
    maxRetries: Number  # noqa: N815
    backoffMultiplier: Number  # noqa: N815
    maxBackoff: Number  # noqa: N815


class Features(Exact):
    enablePolling: StrictBool  # noqa: N815
    enableTemplates: StrictBool  # noqa: N815
    enableStateRecovery: StrictBool  # noqa: N815
    enableAuditLog: StrictBool  # noqa: N815


class Ui(Exact):
    maxEntitiesPerInvestigation: Number  # noqa: N815
    maxToolsPerInvestigation: Number  # noqa: N815
    maxTemplatesPerUser: Number  # noqa: N815
    stateCacheTtlDays: Number  # noqa: N815


class WizardConfig(Exact):
    apiBaseUrl: str  # noqa: N815
    wsBaseUrl: str  # noqa: N815
    polling: PollingConfig
    features: Features
    ui: Ui


async def config(client: Client, headers: dict[str, str] | None = None) -> dict[str, Any]:
    status, body, _ = await ask(client, "GET", CONFIG, headers=headers)
    assert status == 200, body
    return body


async def test_the_answer_has_the_members_and_types_of_the_interface(client: Client) -> None:
    WizardConfig.model_validate(await config(client))


async def test_every_member_says_what_the_server_does(start_server: StartServer) -> None:
    client = await start_server(
        polling={
            "fast_interval_ms": 100,
            "normal_interval_ms": 1000,
            "slow_interval_ms": 3000,
            "max_retries": 4,
            "backoff_multiplier": 5,
            "max_backoff_ms": 10000,
        },
        state={"template_max_count_per_user": 11, "cache_ttl_seconds": 86400},
        server={"public_url": "https://wizard.example.com"},
    )
    assert await config(client) == {
        "apiBaseUrl": "https://wizard.example.com/api/v1",
        "wsBaseUrl": "wss://wizard.example.com/ws",
        "polling": {
            "baseInterval": 1000,
            "fastInterval": 100,
            "slowInterval": 3000,
            "maxRetries": 4,
            "backoffMultiplier": 5,
            "maxBackoff": 10000,
        },
        "features": {
            "enablePolling": True,
            "enableTemplates": True,
            "enableStateRecovery": True,
            "enableAuditLog": True,
        },
        "ui": {
            "maxEntitiesPerInvestigation": 10,
            "maxToolsPerInvestigation": 1000,
            "maxTemplatesPerUser": 11,
            "stateCacheTtlDays": 1,
        },
    }


@pytest.mark.parametrize(
    ("flag", "member"),
    [
        ("polling_enabled", "enablePolling"),
        ("templates_enabled", "enableTemplates"),
        ("state_recovery", "enableStateRecovery"),
        ("audit_logging", "enableAuditLog"),
    ],
)
async def test_a_flag_that_is_off_is_off_in_the_answer(start_server: StartServer, flag: str, member: str) -> None:
    features = (await config(await start_server(features={flag: False})))["features"]
    assert [name for name, enabled in features.items() if not enabled] == [member]


@pytest.mark.parametrize(("seconds", "days"), [(0, 0), (43200, 0.5), (604800, 7)])
async def test_the_age_of_stale_states_is_told_in_days(start_server: StartServer, seconds: int, days: float) -> None:
    client = await start_server(state={"cache_ttl_seconds": seconds})
    assert (await config(client))["ui"]["stateCacheTtlDays"] == days


async def test_the_urls_are_those_by_which_the_client_came(client: Client) -> None:
    base = str(client.make_url("/")).rstrip("/")
    told = await config(client)
    assert told["apiBaseUrl"] == f"{base}/api/v1"
    assert told["wsBaseUrl"] == f"ws{base.removeprefix('http')}/ws"
    assert (await config(client, {"Host": "wizard.local:8080"}))["apiBaseUrl"] == "http://wizard.local:8080/api/v1"


@pytest.mark.parametrize(
    ("public_url", "api", "ws"),
    [
        ("http://wizard.local:8080", "http://wizard.local:8080/api/v1", "ws://wizard.local:8080/ws"),
        ("https://example.com/wizard", "https://example.com/wizard/api/v1", "wss://example.com/wizard/ws"),
    ],
)
async def test_a_public_url_goes_before_the_host_of_the_request(
    start_server: StartServer, public_url: str, api: str, ws: str
) -> None:
    client = await start_server(server={"public_url": public_url})
    told = await config(client, {"Host": "elsewhere.example"})
    assert (told["apiBaseUrl"], told["wsBaseUrl"]) == (api, ws)


@pytest.mark.parametrize("host", ["a b", "[::1", "a:b:c", "host:99999", "host:port", "[zz]", "", "@", "a/b"])
async def test_a_host_that_is_none_is_no_error_of_the_server(client: Client, host: str) -> None:
    status, _, _ = await ask(client, "GET", CONFIG, headers={"Host": host})
    assert status in (200, 400, 403, 422)


async def test_the_answer_needs_a_token_where_the_others_do(start_server: StartServer) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": "s" * 32})
    assert (await ask(client, "GET", CONFIG))[0] == 401
