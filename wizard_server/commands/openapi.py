"""``wizard-server openapi``: prints the description of the API that the running server would answer."""

import sys

from wizard_server.config.loading import ServerConfig
from wizard_server.web.routes import describe_api


def write(config: ServerConfig) -> int:
    """Write the document to standard output and return the exit status; it needs no database and no server."""
    sys.stdout.buffer.write(describe_api(config) + b"\n")
    sys.stdout.buffer.flush()
    return 0
