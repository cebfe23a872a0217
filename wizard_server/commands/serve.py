"""``wizard-server serve``: runs the server until a signal stops it (contract 5 and 10)."""

import asyncio
import logging
import os
import shlex
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wizard_server import logs
from wizard_server.commands.console import tell
from wizard_server.commands.databases import is_on_a_server
from wizard_server.commands.process import raise_file_limit, relax_garbage_collector
from wizard_server.config.loading import ServerConfig
from wizard_server.errors import SchemaError, StorageUnavailableError
from wizard_server.server import Server
from wizard_server.storage.sqlite.connection import must_not_be_closed

logger = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Inherited(NamedTuple):
    """What a worker has of its supervisor: `sockets` that listen, and the ends of two pipes.

    `life` ends when the worker shall, `ready` is told when it serves.
    """

    number: int
    sockets: Sequence[socket.socket]
    life: int
    ready: int


async def serve(config: ServerConfig, config_path: str, inherited: Inherited | None = None) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP (the terminal has gone); return the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    if inherited:
        loop.add_reader(inherited.life, stop.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    logs.configure(config.logging)
    raise_file_limit()
    server = Server(config, config_path, inherited.sockets if inherited else ())
    try:
        url = await server.start()
    except SchemaError as error:
        return _refuse(error.message)
    except StorageUnavailableError as error:
        return _refuse(error.message + _how_to_make(config.database.target, config_path))
    except OSError as error:
        return _refuse(f"cannot listen on {config.server.host}:{config.server.port}: {error}")
    relax_garbage_collector()
    _say_ready(url, inherited)
    await stop.wait()
    if inherited:
        loop.remove_reader(inherited.life)
    for number in _SIGNALS:
        loop.remove_signal_handler(number)  # a second signal ends the process at once
    await server.stop()
    if must_not_be_closed():  # not by the interpreter's finalization either
        logging.shutdown()
        os._exit(0)
    return 0


def _say_ready(url: str, inherited: Inherited | None) -> None:
    loop = {"loop": type(asyncio.get_running_loop()).__module__.partition(".")[0]}
    if inherited is None:
        print(f"Listening on {url}", flush=True)
        logger.info("ready", extra={"url": url, **loop})
        return
    logger.info("ready", extra={"url": url, **loop, "worker": inherited.number, "pid": os.getpid()})
    with suppress(BrokenPipeError):  # of a worker that was started again nobody waits for it
        os.write(inherited.ready, b"1")
    os.close(inherited.ready)


def _how_to_make(path: str, config_path: str) -> str:
    if is_on_a_server(path) or Path(path).exists():
        return ""
    return f"\n    make it: wizard-server schema apply --config {shlex.quote(config_path)}"


def _refuse(reason: str) -> int:
    tell(f"wizard-server: {reason}")
    return 1
