"""The section ``[cors]``: which pages may call the API."""

import re

from pydantic import Field, field_validator

from wizard_server.config.frozen import Frozen

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.\-\[\]:_]+")
_OWN_PORTS = {"http": ":80", "https": ":443"}


class CorsConfig(Frozen):
    """``[cors]``: the origins whose pages may call the API."""

    allowed_origins: list[str] = Field(default=[])

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins_as_browsers_write_them(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f'{origin}: write scheme://host[:port] in lower case, without a path, or "*"')
            if origin.endswith(_OWN_PORTS.get(origin.partition(":")[0], "/")):
                raise ValueError(f"{origin}: leave out the scheme's own port, as browsers do")
        return origins
