"""Templates: settings that a user keeps under a name and applies to new investigations (specification, table 2)."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import orjson

from wizard_server.domain.authorship import NO_PRECONDITION, Origin, Precondition
from wizard_server.domain.callers import Caller
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.error_messages import quoted
from wizard_server.domain.filters import Listed, TemplateFilter, TemplatesEnd
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.models.states import WizardStateCreate
from wizard_server.domain.models.templates import TemplateApply, TemplateCreate, TemplateUpdate
from wizard_server.domain.ports import Store, Transaction
from wizard_server.domain.read_only import OF_TEMPLATES, read_only_errors, sent_back
from wizard_server.domain.record import StateRecord
from wizard_server.domain.rules import Rules
from wizard_server.domain.service import WizardService
from wizard_server.domain.time_slices import TimeSlice
from wizard_server.domain.trail import AuditEntry, Template
from wizard_server.domain.updates import merged
from wizard_server.domain.validation import validate, validate_state_size
from wizard_server.errors import (
    FieldError,
    NotFoundError,
    TemplateExistsError,
    TemplateLimitError,
    UnreadableRowError,
    ValidationFailedError,
    listed,
)

Request = TypeVar("Request", bound=TemplateCreate | TemplateUpdate)


class TemplateService:
    """The use cases of templates; a user reads and changes their own only."""

    def __init__(self, store: Store, wizard: WizardService, rules: Rules) -> None:
        self._store = store
        self._wizard = wizard
        self._rules = rules

    async def create(self, caller: Caller, body: Any, origin: Origin) -> Template:
        """Make a template from `body`, a `TemplateCreate`.

        Raises `ValidationFailedError` with every error, `TemplateExistsError`, `TemplateLimitError`,
        `StateTooLargeError`, `NotFoundError` for an investigation that the caller does not see.
        """
        time_slice = TimeSlice()
        request, errors = self._validated(TemplateCreate, body)
        errors += self._hindrances(body, errors)
        await time_slice.yield_if_over()

        async def use_case(transaction: Transaction) -> Template:
            names = await transaction.template_names(caller.user_id)
            name = _name_of(body)
            _check(name, taken=name in names.values(), errors=errors)
            if request is None:
                raise ValidationFailedError("the template is not valid", errors)
            settings, record = await self._settings(transaction, caller, request, origin)
            if len(names) >= self._rules.max_templates:
                limit = self._rules.max_templates
                raise TemplateLimitError(f"a user has at most {limit} templates", limit=limit)
            now = to_wire(origin.now)
            key = str(uuid.uuid4())
            template = Template(key, caller.user_id, request.name, request.description, settings, 0, now, now)
            self._check_size(template)
            transaction.add_template(template)
            if record is not None:
                transaction.append(self._entry(record, caller, "TEMPLATE_SAVED", template, origin))
            return template

        return await self._store.transact(use_case, origin.claim)

    async def _settings(
        self, transaction: Transaction, caller: Caller, request: TemplateCreate, origin: Origin
    ) -> tuple[dict[str, Any], StateRecord | None]:
        """Return the settings of a new template, and the state that they were taken from, if any."""
        if request.settings is not None:
            return request.settings.model_dump(mode="json"), None
        key = request.from_investigation_id or ""
        record = await self._wizard.visible_in(transaction, caller, key, origin.now)
        settings = record.document()["settings"]
        errors = self._rules.hindrances(settings)
        if errors:
            raise ValidationFailedError(f"the settings of investigation {key} make no template", errors)
        return settings, record

    async def read(self, caller: Caller, template_id: str) -> Template:
        """Return a template; raises `NotFoundError`."""
        return await _own(caller, template_id, self._store)

    async def page(self, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """Return one page of a user's templates."""
        return await self._store.templates(wanted)

    async def update(self, caller: Caller, template_id: str, body: Any, origin: Origin) -> Template:
        """Bring `body`, a `TemplateUpdate`, into a template; content that is there already changes nothing.

        Raises `NotFoundError`, `ValidationFailedError` with every error, `TemplateExistsError`, `StateTooLargeError`.
        """
        time_slice = TimeSlice()
        request, errors = self._validated(TemplateUpdate, body)
        await time_slice.yield_if_over()

        async def use_case(transaction: Transaction) -> Template:
            template = await _own(caller, template_id, transaction)
            names = await transaction.template_names(caller.user_id)
            name = _name_of(body)
            taken = name in [other for key, other in names.items() if key != template_id]
            found = [*errors, *_read_only_errors(body, template), *self._hindrances(body, errors, template.settings)]
            _check(name, taken=taken, errors=found)
            if request is None:
                raise ValidationFailedError("the template is not valid", errors)
            changed = replace(template, **request.model_dump(mode="json", exclude_none=True, include={"name"}))
            if request.description is not None:
                changed = replace(changed, description=request.description)
            if request.settings is not None:
                changed = replace(changed, settings=request.settings.model_dump(mode="json"))
            if changed == template:
                return template
            changed = replace(changed, updated_at=max(to_wire(origin.now), template.updated_at))
            self._check_size(changed)
            transaction.save_template(changed)
            return changed

        return await self._store.transact(use_case, origin.claim)

    async def delete(self, caller: Caller, template_id: str) -> None:
        """Remove a template; raises `NotFoundError`."""

        async def use_case(transaction: Transaction) -> None:
            transaction.delete_template(await _own(caller, template_id, transaction))

        await self._store.transact(use_case)

    async def apply(
        self,
        caller: Caller,
        template_id: str,
        request: TemplateApply,
        origin: Origin,
        precondition: Precondition = NO_PRECONDITION,
    ) -> StateRecord:
        """Make the state of a new investigation from a template, and count the use.

        Raises `NotFoundError`, `StateExistsError`, `PreconditionFailedError`,
        `ValidationFailedError` for overrides that do not fit.
        """

        async def use_case(transaction: Transaction) -> StateRecord:
            template = await _own(caller, template_id, transaction)
            time_slice = TimeSlice()
            settings = merged(template.settings, request.overrides or {})
            if request.name is not None:
                settings["name"] = request.name
            asked = WizardStateCreate(
                investigation_id=request.investigation_id,
                user_id=caller.user_id,
                settings=validate(InvestigationSettings, settings, path="overrides"),
            )
            errors = self._rules.tool_errors(settings, "overrides")
            if errors:
                raise ValidationFailedError("the tools are not as the catalogue has them", errors)
            await time_slice.yield_if_over()
            record = await self._wizard.create_in(transaction, caller, asked, origin, precondition)
            transaction.append(self._entry(record, caller, "TEMPLATE_APPLIED", template, origin))
            transaction.count_use(template)
            return record

        return await self._store.transact(use_case, origin.claim)

    def _validated(self, model: type[Request], body: Any) -> tuple[Request | None, list[FieldError]]:
        """Return `body` as `model` and no errors, or None and its errors."""
        errors = _source_errors(body) if model is TemplateCreate else []
        request = None
        try:
            request = validate(model, body)
        except ValidationFailedError as error:
            errors += [FieldError(**detail) for detail in error.extra["errors"]]
        return request, errors

    def _hindrances(self, body: Any, errors: Sequence[FieldError], known: Any = None) -> list[FieldError]:
        """Return the errors of the settings in `body` that are not in `errors` yet; none where they are `known`."""
        settings = body.get("settings") if isinstance(body, dict) else None
        if settings is None or settings == known:
            return []
        return [error for error in self._rules.hindrances(settings) if error not in errors]

    def _check_size(self, template: Template) -> None:
        """Raise `StateTooLargeError` when a state made from the template would exceed its limits."""
        text = orjson.dumps((template.name, template.description, template.settings))
        validate_state_size(text, self._rules.max_size_kb, self._rules.max_nodes, "template")

    @staticmethod
    def _entry(record: StateRecord, caller: Caller, action: str, template: Template, origin: Origin) -> AuditEntry:
        parts = Parts(None, {"template_id": template.template_id, "template_name": template.name})
        return origin.entry(caller, record.investigation_id, action, parts)


async def _own(caller: Caller, template_id: str, source: Store | Transaction) -> Template:
    """Return a template of the caller's; somebody else's is not found, even where it cannot be read."""
    try:
        template = await source.template(template_id)
    except UnreadableRowError as error:
        if error.owner == caller.user_id:
            raise
        template = None
    if template is None or template.user_id != caller.user_id:
        raise NotFoundError(f"no template {template_id}")
    return template


def _source_errors(body: Any) -> list[FieldError]:
    """Return an error unless the new template names exactly one source of its settings."""
    given = [
        key for key in ("settings", "from_investigation_id") if isinstance(body, dict) and body.get(key) is not None
    ]
    if len(given) == 1:
        return []
    return [FieldError("body", "give either settings or from_investigation_id", "one_source")]


def _read_only_errors(body: Any, template: Template) -> list[FieldError]:
    """Return the errors of read-only members that differ; a `usage_count` below the current one is accepted."""
    given = sent_back(body, OF_TEMPLATES) if isinstance(body, dict) else {}
    errors = read_only_errors(given, asdict(template)) if given else []
    uses = body.get("usage_count") if isinstance(body, dict) else None
    if isinstance(uses, int) and uses > template.usage_count:
        errors.append(FieldError("usage_count", f"is read-only, and is {template.usage_count}", "read_only"))
    return errors


def _name_of(body: Any) -> str | None:
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) else None


def _check(name: str | None, *, taken: bool, errors: list[FieldError]) -> None:
    """Raise one error with every fault; a taken name alone is a conflict, `TemplateExistsError`."""
    duplicate = FieldError("name", f"a template with name {quoted(name)} exists already", "unique")
    if errors:
        raise ValidationFailedError("the template is not valid", [*errors, *([duplicate] if taken else [])])
    if taken:
        raise TemplateExistsError(duplicate.message, **listed([duplicate]))
