"""Models as JSON has them, and answers as models."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from wizard_server.client.answers import Answer
from wizard_server.domain.models.states import WizardStateResponse


def wire(body: Any) -> Any:
    """Return `body` as JSON has it; what a model was not given is left out."""
    if isinstance(body, BaseModel):
        return body.model_dump(mode="json", exclude_unset=True)
    return {name: wire(value) for name, value in body.items()} if isinstance(body, Mapping) else body


def state_of(answer: Answer) -> WizardStateResponse:
    """Return the state that an answer holds; members that a newer server adds are ignored."""
    return WizardStateResponse.model_validate(answer.body, extra="ignore")


def if_match(version: int | None) -> dict[str, str]:
    """Return the precondition on a version, if there is one."""
    return {} if version is None else {"If-Match": f'"version-{version}"'}
