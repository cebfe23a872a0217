"""A client of a whole server."""

from collections.abc import AsyncIterator

import pytest

from wizard_server.client import WizardClient
from wizard_server.testing import Wizard


@pytest.fixture
async def wizards(wizard: Wizard) -> AsyncIterator[WizardClient]:
    """A client as user ``dev``."""
    async with wizard.client("dev") as opened:
        yield opened
