"""What the client does with one request, on the whole server."""

from typing import Any

import pytest

from tests import factories
from tests.clients.python_client.stub import Stub, client_of, later, refusal
from wizard_server.client import (
    InvalidToken,
    InvalidTransition,
    NotFound,
    PreconditionFailed,
    Problem,
    Unreachable,
    ValidationFailed,
    VersionConflict,
    WizardClient,
)
from wizard_server.client import problems as client_problems
from wizard_server.domain.models.enumerations import AuditSource, InvestigationStatus
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.models.states import WizardStateCreate
from wizard_server.errors import RequestError
from wizard_server.testing import Wizard

_ANY_SERVER = ("malformed-json", "malformed-header", "foreign-origin", "unsupported-media-type", "request-timeout")
_TRY_AGAIN = ("keys-unavailable", "too-many-connections", "outcome-unknown")


async def test_an_investigation_is_made_read_changed_and_deleted(wizards: WizardClient) -> None:
    settings = InvestigationSettings.model_validate(factories.settings())
    investigation = await wizards.create(WizardStateCreate(investigation_id="inv-1", settings=settings))
    assert (await wizards.read("inv-1")).version == 1
    state = await investigation.update({"wizard_step": "PROGRESS"}, version=1)
    assert (state.version, state.wizard_step) == (2, "PROGRESS")
    state = await investigation.patch({"progress": {"overall_progress": 5}})
    assert state.progress is not None
    assert state.progress.overall_progress == 5
    operation = {"op": "replace", "path": "/progress/overall_progress", "value": 6}
    assert (await investigation.patch([operation], version=3)).version == 4
    assert (await investigation.read(version=1)).wizard_step == "SETTINGS"
    await investigation.delete()
    with pytest.raises(NotFound):
        await investigation.read()


async def test_refusals_are_exceptions_with_what_the_server_said(wizards: WizardClient) -> None:
    investigation = await wizards.create(settings=factories.settings(), investigation_id="inv-1")
    await investigation.update({"settings": factories.settings(name="Another")})
    with pytest.raises(PreconditionFailed) as failed:
        await investigation.update({"settings": factories.settings(name="Mine")}, version=1)
    assert (failed.value.current.version, failed.value.version, failed.value.mergeable) == (2, 2, False)
    assert failed.value.changed_fields == ["settings"]
    with pytest.raises(VersionConflict) as conflict:
        await investigation.update({"wizard_step": "PROGRESS", "version": 1})
    assert conflict.value.mergeable
    with pytest.raises(InvalidTransition) as transition:
        await investigation.update({"wizard_step": "RESULTS"})
    assert transition.value.allowed
    with pytest.raises(ValidationFailed, match="name") as invalid:
        await wizards.create(settings={**factories.settings(), "name": ""})
    assert [error["field"] for error in invalid.value.errors] == ["settings.name"]


async def test_lists_are_a_page_or_everything(wizards: WizardClient) -> None:
    for number in range(7):
        await wizards.create(investigation_id=f"inv-{number}", settings=factories.settings())
    page = await wizards.list(page_size=3, sort="created_at")
    assert [item.investigation_id for item in page.items] == ["inv-0", "inv-1", "inv-2"]
    assert (page.total, page.has_more) == (7, True)
    every = [item.investigation_id async for item in wizards.list(page_size=3, sort="created_at")]
    assert every == [f"inv-{number}" for number in range(7)]

    investigation = wizards.investigation("inv-1")
    await investigation.update({"wizard_step": "PROGRESS"})
    for number in range(4):
        await investigation.patch({"progress": {"overall_progress": number + 1}})
    assert [entry.version async for entry in investigation.history(page_size=2)] == [6, 5, 4, 3, 2, 1]
    assert (await investigation.history(action_type="STATE_CREATED")).total == 1


async def test_templates(wizards: WizardClient) -> None:
    template = await wizards.templates.create({"name": "Ring", "settings": factories.settings()})
    assert (await wizards.templates.update(template.template_id, {"name": "Rings"})).name == "Rings"
    assert (await wizards.templates.read(template.template_id)).name == "Rings"
    state = await wizards.templates.apply(template.template_id, {"investigation_id": "inv-1", "name": "Applied"})
    assert state.settings is not None
    assert state.settings.name == "Applied"
    assert [each.name async for each in wizards.templates.list()] == ["Rings"]
    await wizards.templates.delete(template.template_id)
    assert (await wizards.templates.list()).total == 0


@pytest.mark.parametrize("status", [InvestigationStatus.COMPLETED, InvestigationStatus.ERROR])
async def test_finish_completes_after_every_report(wizards: WizardClient, status: InvestigationStatus) -> None:
    investigation = await wizards.create(settings=factories.settings(), investigation_id="inv-1")
    await investigation.update({"wizard_step": "PROGRESS"})
    for number in range(20):
        investigation.report(agent="device", progress=number, log=f"line {number}")
    state = await investigation.finish(factories.results(), status=status, overall_progress=100)
    assert (state.status, state.wizard_step) == (status, "RESULTS")
    assert state.progress is not None
    assert state.progress.agents[0].logs == [f"line {number}" for number in range(20)]
    assert state.progress.overall_progress == 100
    investigation.report(agent="device", log="too late")
    with pytest.raises(InvalidTransition):
        await investigation.finish(factories.results(), status=status)


def test_every_code_that_callers_can_act_on_has_its_exception() -> None:
    codes = {kind.code for kind in _kinds(RequestError) if "code" in vars(kind)}
    assert codes - {*_ANY_SERVER, *_TRY_AGAIN} <= client_problems.BY_CODE.keys()
    assert client_problems.BY_CODE.keys() <= codes


def _kinds(kind: type[RequestError]) -> list[type[RequestError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _kinds(below))]


async def test_a_token_is_asked_for_before_each_request_and_once_more_when_it_is_refused() -> None:
    tokens = iter(f"t{number}" for number in range(10))
    stub = Stub(otherwise=(200, {}))
    stub.answers.append(refusal(401, "invalid-token"))

    async def get_token() -> str:
        return next(tokens)

    async with client_of(stub, user=None, get_token=get_token) as client:
        await client.investigation("inv-1").delete()
        stub.answers.extend([later(503, "storage-unavailable"), *[refusal(401, "invalid-token")] * 2])
        with pytest.raises(InvalidToken):
            await client.investigation("inv-1").delete()
    assert [asked.token for asked in stub.asked] == [f"Bearer t{number}" for number in range(5)]


async def test_the_trail_names_the_worker_and_over_what_it_writes(wizard: Wizard) -> None:
    async with wizard.client("dev", name="device-7", source=AuditSource.SYSTEM) as worker:
        investigation = await worker.create(settings=factories.settings())
        [entry] = (await investigation.history()).items
    assert entry.source == "SYSTEM"
    assert (entry.mutation_id or "").startswith("device-7.")


async def test_a_token_that_is_fixed_is_refused_at_once() -> None:
    stub = Stub(otherwise=(401, {"code": "invalid-token"}))
    async with client_of(stub, token="t") as client:
        with pytest.raises(InvalidToken):
            await client.read("inv-1")
    assert len(stub.asked) == 1


async def test_a_delete_whose_answer_was_lost_is_done() -> None:
    stub = Stub()
    stub.answers.extend([later(503, "storage-unavailable"), refusal(404, "not-found")])
    async with client_of(stub) as client:
        await client.investigation("inv-1").delete()
        stub.answers.append(refusal(404, "not-found"))
        with pytest.raises(NotFound):
            await client.investigation("inv-1").delete()


async def test_a_redirect_is_said_and_not_followed() -> None:
    stub = Stub()
    stub.answers.append((301, {"Location": "https://wizard.example/"}, {}))
    async with client_of(stub) as client:
        with pytest.raises(Problem, match=r"redirects to https://wizard\.example/"):
            await client.create(settings={})
    assert [asked.method for asked in stub.asked] == ["POST"]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url must be"):
        WizardClient(url)


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with WizardClient"):
        await WizardClient("http://127.0.0.1:1").read("inv-1")


async def test_no_answer_is_unreachable_after_the_time_to_give_up() -> None:
    async with WizardClient("http://127.0.0.1:1", user="dev", give_up_seconds=0.01) as client:
        with pytest.raises(Unreachable, match="GET /wizard-state/inv-1"):
            await client.read("inv-1")


async def test_members_that_a_newer_server_adds_are_ignored() -> None:
    state: dict[str, Any] = {
        "investigation_id": "inv-1",
        "user_id": "dev",
        "wizard_step": "SETTINGS",
        "status": "IN_PROGRESS",
        "version": 1,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
        "mood": "good",
    }
    async with client_of(Stub(otherwise=(200, state))) as client:
        assert (await client.read("inv-1")).version == 1
