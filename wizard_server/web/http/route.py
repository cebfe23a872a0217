"""A row of the route table: method and path, handler, scopes, inputs and answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp import web
from pydantic import BaseModel

from wizard_server.domain.callers import ADMIN, AGENT, READ, WRITE, Caller
from wizard_server.errors import RequestError

READERS = (READ, AGENT, ADMIN)
WRITERS = (WRITE, AGENT)
VERSIONED = ("ETag",)
Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
OpenHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no problem: its status and a sentence about it (`says`).

    `model` is the schema of a JSON body, None where there is no body or one of another `media` type. `headers` are
    those of `ANSWER_HEADERS` that it may have. `creates` names the identifier in it that other routes take.
    """

    status: int
    says: str
    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    creates: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """The inputs and answers of a route.

    `query` is the model of its parameters, `headers` those of `REQUEST_HEADERS` that it honours, `bodies` the model for
    each media type. `errors` are those that follow from nothing else (see ``openapi.problems.codes``); `stored` says
    that it needs the database.
    """

    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    bodies: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    answers: tuple[Answer, ...]
    errors: tuple[type[RequestError], ...] = ()
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Route(_Declared):
    """One route: the caller needs one of `scopes`, and all flags of `features` have to be on.

    The handler of a route that `pushes` answers with a stream, and sends its head itself; a route that `polls`
    recommends an interval. One that `repeats` is asked the same again and again (see ``repeats``).
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...]
    features: tuple[str, ...] = ()
    pushes: bool = False
    polls: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class OpenRoute(_Declared):
    """A route that needs no token."""

    scopes: ClassVar[tuple[str, ...]] = ()

    method: str
    path: str
    handler: OpenHandler
    features: tuple[str, ...] = ()


AnyRoute = Route | OpenRoute
