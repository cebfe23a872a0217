"""``wizard-server config check``: validates and prints the effective configuration."""

import json
from itertools import groupby
from typing import Any

from wizard_server.commands.console import print_json, print_source, tell
from wizard_server.config.catalogue import load_catalogue
from wizard_server.config.loading import MASK, Setting, describe, load_wizard_config
from wizard_server.errors import ConfigError
from wizard_server.web.auth.signing_keys import load_keys

EX_CONFIG = 78  # sysexits.h; the os module has it on Unix only


def check(path: str | None, *, as_json: bool = False) -> int:
    """Print the effective configuration, secrets masked; 0, or 78 with the reasons on standard error.

    JSON: an object per section, in it each key with its value; null for one that is not set, ``********`` for a secret.
    """
    try:
        config = load_wizard_config(path)
        load_catalogue(config.tools.catalog)
        if config.auth.mode == "jwt":
            load_keys(config.auth)
        settings = describe(config)
    except ConfigError as error:
        tell(error.message)
        return EX_CONFIG
    sections = {section: list(group) for section, group in groupby(settings, key=lambda setting: setting.section)}
    if as_json:
        print_json({section: {each.key: _value(each) for each in group} for section, group in sections.items()})
        return 0
    width = max(len(setting.key) for setting in settings)
    blocks = [
        "\n".join([f"[{section}]", *(f"{setting.key:<{width}} = {setting.value}" for setting in group)])
        for section, group in sections.items()
    ]
    print_source("\n\n".join(blocks), "toml")
    return 0


def _value(setting: Setting) -> Any:
    """Return the value behind its TOML literal, which for these types is JSON as well."""
    if setting.value == MASK:
        return MASK
    try:
        return json.loads(setting.value)
    except ValueError:
        return None
