"""What a model refuses."""

from typing import Any

import pytest

from wizard_server.domain.validation import validate
from wizard_server.errors import ValidationFailedError


def refused(model: type[Any], data: Any) -> list[dict[str, str]]:
    with pytest.raises(ValidationFailedError) as refusal:
        validate(model, data)
    errors: list[dict[str, str]] = refusal.value.extra["errors"]
    return errors
