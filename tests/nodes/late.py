"""A node whose clock is five seconds behind: ``python -m tests.nodes.late serve ...``."""

import sys
import time

from wizard_server.cli import main

BEHIND_SECONDS = 5

if __name__ == "__main__":
    now = time.time_ns
    time.time_ns = lambda: now() - BEHIND_SECONDS * 10**9
    sys.exit(main())
