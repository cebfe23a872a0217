"""The base of the configuration models."""

from typing import Any
from unicodedata import category

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Frozen(BaseModel):
    """The base of the configuration models: unknown keys are refused, and errors never quote the values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _holds_no_control_characters(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse control characters, except in secrets, because values are shown in logs and terminals."""
        is_secret = "SecretStr" in str(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, str) and not is_secret and any(category(each) == "Cc" for each in value):
            raise ValueError("must not hold control characters")
        return value
