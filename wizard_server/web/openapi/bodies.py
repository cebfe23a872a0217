"""The schemas of patches for the description; the code itself checks the patched state."""

from typing import Any

from pydantic import Field, RootModel

from wizard_server.domain.json_patch import MAX_OPERATIONS, Operation
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.states import SentBack


class StateMergePatch(SentBack):
    """A merge patch of the state (RFC 7396): objects are merged, a null removes."""

    wizard_step: WizardStep | None = None
    status: InvestigationStatus | None = None
    settings: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    results: dict[str, Any] | None = None


class StateJsonPatch(RootModel[list[Operation]]):
    """A JSON patch of the state (RFC 6902): all operations apply, or none."""

    root: list[Operation] = Field(max_length=MAX_OPERATIONS)
