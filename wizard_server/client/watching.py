"""Follow one investigation: every state or every change, for ever, over reconnects, restarts and restored backups."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from wizard_server.client.asking import Asking
from wizard_server.client.changes import Change, whole
from wizard_server.client.patching import DoesNotApply, patched
from wizard_server.client.problems import HistoryGone
from wizard_server.client.transport import Transport
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep

Document = Mapping[str, Any]

_CONDITIONS = {"status": InvestigationStatus, "wizard_step": WizardStep}


class Watcher:
    """Asks for what is new in one investigation; an answer that leads back without saying so is an old one."""

    def __init__(self, transport: Transport, investigation_id: str) -> None:
        self._asking = Asking(transport)
        self._path = f"/polling/wizard-state/{investigation_id}"

    async def states(self, since: int, until: str | None, watch: str | None) -> AsyncGenerator[Document, None]:
        """Yield every state newer than `since`; ends after the one that `until` asks for.

        With `watch` only those where one of these fields (or that of `until`) is another. Raises `ValueError` for an
        `until` that no state reaches.
        """
        field, wanted = _condition(until)
        fields = watch and ",".join(filter(None, (watch, field)))
        version, state = since, None
        while True:
            if state is None or fields:
                found = [await self._whole(version, fields, waits=state is not None)]
            else:
                found = await self._following(state)
            if not found:
                state = None
                continue
            for news, state in found:
                is_reached = state.get(field) in wanted
                if news or is_reached:
                    version = state["version"]
                    yield state
                if is_reached:
                    return

    async def _whole(self, version: int, fields: str | None, *, waits: bool) -> tuple[bool, Document]:
        """Return whether the state has news, and it."""
        waits = waits and version > 0
        while True:
            answer = await self._asking.ask(self._path, waits=waits, since_version=version or None, watch=fields)
            state: Document = answer.body["state"]
            if state["version"] >= version or answer.body.get("reset"):
                break
            await self._asking.rest(answer)
        has_news = bool(answer.body["has_changes"]) or not version
        if waits and not has_news:
            await self._asking.rest(answer)
        return has_news, state

    async def _following(self, state: Document) -> list[tuple[bool, Document]]:
        """Return the states after `state`, once there are any; none where only the whole state tells."""
        try:
            found: list[tuple[bool, Document]] = []
            for change in await self._after(state["version"]):
                state = {**patched(state, change["patch"]), "version": change["version"]}
                found.append((True, state))
        except (HistoryGone, DoesNotApply):
            return []
        return found

    async def changes(self, since: int | None) -> AsyncGenerator[Change, None]:
        """Yield every change after `since`, by default after the current version, in order."""
        version = since if since is not None else (await self._asking.ask(self._path, waits=False)).body["version"]
        while True:
            try:
                for each in await self._after(version):
                    version = each["version"]
                    yield Change.model_validate(each)
            except HistoryGone:
                answer = await self._asking.ask(self._path, waits=False, since_version=version)
                if answer.body["version"] != version:
                    version = answer.body["version"]
                    yield whole(answer.body)

    async def _after(self, version: int) -> list[Document]:
        """Return the changes after `version`, once there are any."""
        while True:
            answer = await self._asking.ask(f"{self._path}/changes", waits=True, since_version=version)
            if answer.body is not None and answer.body["from_version"] == version:
                changes: list[Document] = answer.body["changes"]
                return changes
            await self._asking.rest(answer)


def _condition(until: str | None) -> tuple[str, frozenset[str]]:
    """Return the field and the values that `until` names; raises `ValueError`."""
    if until is None:
        return "", frozenset()
    field, _, values = until.partition(":")
    wanted = frozenset(values.split(","))
    if field not in _CONDITIONS or not wanted <= frozenset(_CONDITIONS[field]):
        raise ValueError(f'until must be as "status:COMPLETED,ERROR" or "wizard_step:RESULTS", not {until!r}')
    return field, wanted
