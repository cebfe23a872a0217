"""Settings of the process: the garbage collector, and the limit of open files.

Ten thousand parked polls are 600,000 objects. With its defaults the garbage collector traverses all of them repeatedly
while they arrive, and each pass stops the process for 50 to 370 milliseconds; it finds nothing, because requests leave
no cycles. Parking 10,000 polls took 2.3 seconds with the defaults and 1.0 without any collection (``python -m
tests.benchmarks reconnect``).
"""

import gc
import resource

# Allocations beyond deallocations before a collection of generation 0; such collections before one of generation 1;
# those before one of generation 2. While 10,000 polls are parked a collection of 10,000 young objects takes 1.4 to
# 4 ms, where one of 50,000 takes 8 to 18; their sum is the same. An older generation waits for a million objects.
_THRESHOLDS = (10_000, 100, 100)


def relax_garbage_collector() -> None:
    """Exclude all present objects from collection, and collect later ones rarely; call it when the server listens."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


def raise_file_limit() -> None:
    """Raise the limit of open files to the hard limit, because each connection is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
