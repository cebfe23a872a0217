"""Python's garbage collector, set for a process that holds much and makes little garbage.

Ten thousand parked polls are 600,000 objects. With its defaults the collector looks at all of them again and again
while they arrive, and each look stops everybody for 50 to 370 milliseconds; nothing it looks for is there, since
requests free themselves. Parking 10,000 polls took 2.3 seconds with the defaults and 1.0 without any collection
(``python -m tests.benchmarks reconnect``).
"""

import gc
import resource

# Objects made and not freed before a look at the young ones; young looks before one at the middle-aged; those before
# one at everything.
_THRESHOLDS = (50_000, 20, 100)


def relax() -> None:
    """Leave what is there now out of every collection, and look at what comes later rarely; call it once it listens."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def raise_file_limit() -> None:
    """Let this process have as many connections as the system permits: each is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
