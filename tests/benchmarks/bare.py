"""A bare aiohttp application: the framework's limit for what our server does.

``python -m tests.benchmarks.bare serve --config FILE --port 0`` answers constants that `FILE` has from our server:
``poll`` at once, or to whoever waits, once a POST to the same address wakes them, ``woken``. Each that waits costs what
any long-poll needs, a future and a timer. ``--loop`` is what ``[server] loop`` is to ours.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from wizard_server.commands import event_loop
from wizard_server.web.http.acceptor import BACKLOG

_POLL = "/api/v1/polling/wizard-state/{investigation_id}"


class Answers:
    """The handlers; `marks` is an open file that hears of every change, as `marked` has it, or None."""

    def __init__(self, answers: dict[str, Callable[[], web.Response]], marks: int | None) -> None:
        self._answers = answers
        self._marks = marks
        self._topics: dict[str, set[asyncio.Future[None]]] = {}

    async def poll(self, request: web.Request) -> web.Response:
        """Answer at once, or after a change."""
        wait = request.query.get("wait")
        if wait is None:
            return self._answers["poll"]()
        loop = asyncio.get_running_loop()
        topic = request.match_info["investigation_id"]
        future: asyncio.Future[None] = loop.create_future()
        waiters = self._topics.setdefault(topic, set())
        waiters.add(future)
        timer = loop.call_later(float(wait), future.cancel)
        try:
            await future
        finally:
            timer.cancel()
            waiters.discard(future)
        return self._answers["woken"]()

    async def change(self, request: web.Request) -> web.Response:
        """Wake everybody who waits."""
        await request.read()
        topic = request.match_info["investigation_id"]
        if self._marks is not None:
            os.write(self._marks, f"{topic} {time.monotonic()}\n".encode())
        for future in self._topics.pop(topic, ()):
            future.set_result(None)
        return web.Response(status=204)

    async def parked(self, request: web.Request) -> web.Response:
        """Say how many wait."""
        return web.Response(text=str(sum(len(waiters) for waiters in self._topics.values())))


def _constant(answer: dict[str, Any]) -> Callable[[], web.Response]:
    status, body = answer["status"], base64.b64decode(answer["body"])
    headers = CIMultiDict((name, value) for name, value in answer["headers"])
    if not body:
        return lambda: web.Response(status=status, headers=headers)
    return lambda: web.Response(status=status, headers=headers, body=body)


async def _serve(given: dict[str, Any], port: int) -> int:
    marks = os.open(given["marks"], os.O_WRONLY | os.O_CREAT | os.O_APPEND) if given["marks"] else None
    answers = Answers({name: _constant(answer) for name, answer in given["answers"].items()}, marks)
    app = web.Application()
    app.router.add_get(_POLL, answers.poll)
    app.router.add_post(_POLL, answers.change)
    app.router.add_get("/parked", answers.parked)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, keepalive_timeout=75.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    print(f"Listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
    return 0


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=["auto", "asyncio", "uvloop"], default="auto")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = json.loads(arguments.config.read_text(encoding="utf-8"))
    event_loop.run(_serve(given, arguments.port), arguments.loop)


if __name__ == "__main__":
    main()
