"""Follow one investigation: every state or every change, for ever, over reconnects, restarts and restored backups."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wizard_server.client.backoff import Backoff
from wizard_server.client.patching import DoesNotApply, patched
from wizard_server.client.problems import HistoryGone, Problem, Unreachable
from wizard_server.client.transport import Answer, Transport

LONGEST_WAIT_SECONDS = 55
_GRACE_SECONDS = 15.0
# A wait that breaks off after this long was cut by something in between.
_CUT_AFTER_SECONDS = 1.0

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change (contract 5); `patch` is RFC 6902.

    With `reset` the history was put back (a restored backup) or is not kept: `patch` then replaces the whole state.
    """

    version: int
    timestamp: str
    action_type: str
    source: str
    user_id: str
    mutation_id: str | None
    fields_changed: Sequence[str]
    patch: Sequence[Mapping[str, Any]]
    reset: bool = False


class Watcher:
    """Asks for what is new in one investigation; learns how long the line lets it wait."""

    def __init__(self, transport: Transport, investigation_id: str) -> None:
        self._transport = transport
        self._path = f"/polling/wizard-state/{investigation_id}"
        self._wait = LONGEST_WAIT_SECONDS
        self._backoff = Backoff()

    async def states(self, since: int, until: str | None, watch: str | None) -> AsyncGenerator[Document, None]:
        """Yield the state whenever it is another, beginning with the current one if it is newer than `since`.

        Ends after the state that `until` asks for.
        """
        version, state = since, None
        while True:
            if state is None or watch:
                answer = await self._ask(self._path, since_version=version or None, watch=watch)
                body, state = answer.body, answer.body["state"]
                if version and not body["has_changes"]:
                    await self._rest(answer)
                    if not _reached(state, until):
                        continue
                version = state["version"]
                yield state
                if _reached(state, until):
                    return
                continue
            try:
                answer = await self._ask(f"{self._path}/changes", since_version=version)
                if answer.body is None:
                    await self._rest(answer)
                    continue
                for change in answer.body["changes"]:
                    state = {**patched(state, change["patch"]), "version": change["version"]}
                    version = change["version"]
                    yield state
                    if _reached(state, until):
                        return
            except (HistoryGone, DoesNotApply):
                state = None

    async def changes(self, since: int | None) -> AsyncGenerator[Change, None]:
        """Yield every change after `since`, by default after the current version, in order."""
        version = since if since is not None else (await self._ask(self._path)).body["version"]
        while True:
            try:
                answer = await self._ask(f"{self._path}/changes", since_version=version)
            except HistoryGone:
                answer = await self._ask(self._path, since_version=version)
                version = answer.body["version"]
                yield _whole(answer.body)
                continue
            if answer.body is None:
                await self._rest(answer)
                continue
            for each in answer.body["changes"]:
                version = each["version"]
                yield Change(**{name: each.get(name) for name in Change.__slots__ if name != "reset"})

    async def _ask(self, path: str, **query: Any) -> Answer:
        """Return the next good answer; raises `Problem` for a refusal that stands."""
        while True:
            wait = self._wait if query.get("since_version") else None
            began = time.monotonic()
            try:
                answer = await self._transport.once(
                    "GET", path, query={**query, "wait": wait}, seconds=(wait or 0) + _GRACE_SECONDS
                )
            except (Problem, Unreachable) as error:
                lasted = time.monotonic() - began
                if isinstance(error, Unreachable) and wait and _CUT_AFTER_SECONDS < lasted < wait:
                    self._wait = max(1, int(lasted * 0.7))
                pause = self._transport.pause(error, self._backoff)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                continue
            self._backoff.reset()
            self._wait = min(LONGEST_WAIT_SECONDS, self._wait + 1)
            self._lasted = time.monotonic() - began
            return answer

    async def _rest(self, answer: Answer) -> None:
        """Pause after an answer without news that did not wait for any: the server drains, or has no room to park."""
        if answer.retry_after is not None:
            await asyncio.sleep(answer.retry_after)
        elif self._lasted < 1:
            interval = (answer.body or {}).get("next_poll_interval", 1000)
            await asyncio.sleep(interval / 1000)


def _reached(state: Document, until: str | None) -> bool:
    if until is None:
        return False
    field, _, values = until.partition(":")
    return state[field] in values.split(",")


def _whole(body: Document) -> Change:
    state = body["state"]
    patch = [{"op": "replace", "path": "", "value": state}]
    return Change(state["version"], body["timestamp"], "RESET", "SYSTEM", state["user_id"], None, (), patch, reset=True)
