"""Puts into etcd over gRPC, its own protocol: without grpcio it is measured over HTTP and JSON alone."""

import asyncio
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count

from tests.benchmarks.database import topic
from tests.benchmarks.load import Loaded, percentiles

INSTALLED = find_spec("grpc") is not None
HOW_TO_GET = "grpcio is not installed (pip install 'wizard-server[bench]'): etcd over HTTP and JSON only"
_PUT = "/etcdserverpb.KV/Put"
_CHANNELS = 4
_KEY, _VALUE = b"\x0a", b"\x12"
_MORE, _BITS = 0x80, 7


def load(port: int, clients: int, seconds: float, value: Callable[[int], bytes]) -> Loaded:
    """Put ever new values from `clients`, each under its own key, for `seconds`."""
    return asyncio.run(_load(port, clients, seconds, value))


async def _load(port: int, clients: int, seconds: float, value: Callable[[int], bytes]) -> Loaded:
    import grpc.aio  # of the extra `bench`; everything else runs without it

    latencies: list[float] = []
    numbers = count()
    options = [("grpc.use_local_subchannel_pool", 1)]  # else all channels share one connection
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(min(clients, _CHANNELS))]
    started = time.monotonic()

    async def client(index: int) -> None:
        put: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channels[index % len(channels)].unary_unary(_PUT)
        while time.monotonic() - started < seconds:
            sent = time.monotonic()
            await put(_field(_KEY, topic(index).encode()) + _field(_VALUE, value(next(numbers))))
            latencies.append((time.monotonic() - sent) * 1000)

    try:
        await asyncio.gather(*(client(index) for index in range(clients)))
        return Loaded(len(latencies), len(latencies) / (time.monotonic() - started), *percentiles(latencies))
    finally:
        for channel in channels:
            await channel.close()


def _field(tag: bytes, value: bytes) -> bytes:
    """Return one field of a protocol buffer: the tag, the length in groups of seven bits, the bytes."""
    length, left = b"", len(value)
    while left >= _MORE:
        length += bytes([left % _MORE | _MORE])
        left >>= _BITS
    return tag + length + bytes([left]) + value
