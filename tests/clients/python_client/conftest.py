"""A client of the whole server, in the process of the test."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Client
from wizard_server.client import WizardClient


@pytest.fixture
async def wizards(client: Client) -> AsyncIterator[WizardClient]:
    """A client as user ``dev``."""
    async with WizardClient(str(client.make_url("/")), user="dev") as opened:
        yield opened
