"""``wizard-server config check``: shows what the server would run with."""

import sys
from itertools import groupby

from wizard_server.config import describe, load_wizard_config
from wizard_server.errors import ConfigError

EX_CONFIG = 78  # sysexits.h; the os module has it on Unix only


def check(path: str | None) -> int:
    """Print the effective configuration, secrets masked; 0, or 78 with the reasons on standard error."""
    try:
        settings = describe(load_wizard_config(path))
    except ConfigError as error:
        print(error.message, file=sys.stderr)
        return EX_CONFIG
    width = max(len(setting.key) for setting in settings)
    blocks = [
        "\n".join([f"[{section}]", *(f"{setting.key:<{width}} = {setting.value}" for setting in group)])
        for section, group in groupby(settings, key=lambda setting: setting.section)
    ]
    print("\n\n".join(blocks))
    return 0
