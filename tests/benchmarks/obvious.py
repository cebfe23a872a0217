"""The obvious implementation of the specification: FastAPI and SQLAlchemy's async session, for clients that poll.

As their tutorials have it, and right where it matters: a poll that names its version gets a 304, a change and its audit
entry are one transaction, which is on disk once it is answered. ``uvicorn tests.benchmarks.obvious:app`` runs it, with
DATABASE_URL and JWT_SECRET in the environment.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import JSON, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wizard_server.domain.models.states import (
    PollingResponse,
    WizardStateCreate,
    WizardStateResponse,
    WizardStateUpdate,
)


class Base(DeclarativeBase):
    """What SQLAlchemy asks for."""


class State(Base):
    """The specification's table of states, with the version."""

    __tablename__ = "investigation_states"
    investigation_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    wizard_step: Mapped[str]
    status: Mapped[str]
    settings: Mapped[Any | None] = mapped_column(JSON)
    progress: Mapped[Any | None] = mapped_column(JSON)
    results: Mapped[Any | None] = mapped_column(JSON)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_accessed: Mapped[datetime | None]


class AuditEntry(Base):
    """The specification's audit trail."""

    __tablename__ = "investigation_audit_log"
    entry_id: Mapped[str] = mapped_column(primary_key=True)
    investigation_id: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[str] = mapped_column(index=True)
    action_type: Mapped[str]
    new_state: Mapped[Any] = mapped_column(JSON)
    timestamp: Mapped[datetime] = mapped_column(index=True)


engine = create_async_engine(os.environ["DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def _durable(connection: Any, record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


@asynccontextmanager
async def _tables(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


def _user(token: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    return str(jwt.decode(token.credentials, os.environ["JWT_SECRET"], ["HS256"])["sub"])


Session = Annotated[AsyncSession, Depends(_session)]
User = Annotated[str, Depends(_user)]
app = FastAPI(lifespan=_tables)


@app.post("/api/v1/wizard-state", status_code=201)
async def create(body: WizardStateCreate, user: User, session: Session) -> WizardStateResponse:
    """Create a state."""
    now = datetime.now(UTC)
    given = body.model_dump(mode="json")
    state = State(**given, version=1, created_at=now, updated_at=now)
    session.add_all([state, _entry(state, user, "STATE_CREATED", given)])
    await session.commit()
    return WizardStateResponse.model_validate(state, from_attributes=True)


@app.patch("/api/v1/wizard-state/{investigation_id}")
async def update(investigation_id: str, body: WizardStateUpdate, user: User, session: Session) -> WizardStateResponse:
    """Replace the fields that are present."""
    state = await _owned(session, investigation_id, user)
    changed = body.model_dump(mode="json", exclude_none=True, exclude={"version"})
    for name, value in changed.items():
        setattr(state, name, value)
    state.version += 1
    state.updated_at = datetime.now(UTC)
    session.add(_entry(state, user, "STATE_CHANGE", changed))
    await session.commit()
    return WizardStateResponse.model_validate(state, from_attributes=True)


@app.get("/api/v1/polling/wizard-state/{investigation_id}", response_model=PollingResponse)
async def poll(
    investigation_id: str, user: User, session: Session, if_none_match: Annotated[str | None, Header()] = None
) -> Any:
    """Return the state, or 304 when the client has it."""
    state = await _owned(session, investigation_id, user)
    tag = f'"version-{state.version}"'
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return PollingResponse(
        investigation_id=investigation_id,
        timestamp=datetime.now(UTC),
        state=WizardStateResponse.model_validate(state, from_attributes=True),
        has_changes=True,
        next_poll_interval=500,
        version=state.version,
    )


async def _owned(session: AsyncSession, investigation_id: str, user: str) -> State:
    state = await session.get(State, investigation_id)
    if state is None or state.user_id != user:
        raise HTTPException(404)
    return state


def _entry(state: State, user: str, action: str, new_state: Any) -> AuditEntry:
    return AuditEntry(
        entry_id=uuid4().hex,
        investigation_id=state.investigation_id,
        user_id=user,
        action_type=action,
        new_state=new_state,
        timestamp=datetime.now(UTC),
    )
