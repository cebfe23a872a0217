"""``[server] public_url`` with a path: a proxy serves us below it, so that is where new things are."""

import pytest

from tests import factories
from tests.conftest import StartServer
from tests.web.helpers import STATES, send

TEMPLATES = "/api/v1/templates"


@pytest.mark.parametrize(
    ("public_url", "below"),
    [(None, ""), ("https://wizard.example.com", ""), ("https://example.com/tools/wizard", "/tools/wizard")],
)
async def test_the_place_of_what_was_made_keeps_the_path(
    start_server: StartServer, public_url: str | None, below: str
) -> None:
    client = await start_server(server={"public_url": public_url})
    state, template = factories.creation("inv-1"), {"name": "T", "settings": factories.settings()}
    made = [(STATES, state), (TEMPLATES, template)]
    for path, body in made:
        first = await send(client, "POST", path, json=body, headers={"Idempotency-Key": path})
        again = await send(client, "POST", path, json=body, headers={"Idempotency-Key": path})
        place = first.headers["Location"]
        assert (first.status, again.headers["Location"]) == (201, place)
        assert place.startswith(f"{below}{path}/")
        assert (await send(client, "GET", place.removeprefix(below))).status == 200
        if path == TEMPLATES:
            applied = await send(client, "POST", f"{place.removeprefix(below)}/apply", json={"name": "A"})
            assert applied.headers["Location"].startswith(f"{below}{STATES}/")
