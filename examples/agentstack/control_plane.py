"""The control plane: which agents there are, whether they are deployed, what was said."""

import uuid
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from huey.exceptions import HueyException, TaskException
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

import belvedere
from agentstack.job_queue import send
from agentstack.jobs import deploy
from agentstack.messages import Agent, AgentSpec, Status, Turn
from agentstack.serve import serve
from agentstack.settings import settings
from agentstack.tables import AgentRow, Base, TurnRow
from belvedere import metrics

_DEPLOY_S = 30.0

engine = create_engine(settings().database_url)
app = FastAPI(title="AgentStack control plane")
log = belvedere.get_logger()


def session() -> Session:
    """A session for one request."""
    return Session(engine)


Db = Annotated[Session, Depends(session)]


@app.post("/agents", status_code=201)
def create(spec: AgentSpec) -> Agent:
    """Create an agent, and wait for its deployment; if it takes long, not to its end."""
    agent_id = f"agent_{uuid.uuid4().hex[:12]}"
    with session() as db, db.begin():
        db.add(AgentRow(id=agent_id, status="deploying", **spec.model_dump()))
    log.info("agent created", agent_id=agent_id, name=spec.name)
    agent = Agent(id=agent_id, status="deploying", **spec.model_dump())
    try:
        status = send(deploy, agent=agent.model_dump()).get(blocking=True, timeout=_DEPLOY_S)
    except (HueyException, TaskException) as error:
        log.warning("agent is not deployed yet", agent_id=agent_id, reason=str(error))
        return agent
    return agent.model_copy(update={"status": status})


@app.get("/agents")
def agents(db: Db) -> list[Agent]:
    """All agents."""
    with db:
        return [_agent(row) for row in db.scalars(select(AgentRow).order_by(AgentRow.name))]


@app.get("/agents/{agent_id}")
def agent(agent_id: str, db: Db) -> Agent:
    """One agent."""
    with db:
        return _agent(_row(db, agent_id))


@app.patch("/agents/{agent_id}")
def set_status(agent_id: str, status: Status, db: Db) -> Agent:
    """Take note of what became of a deployment."""
    with db, db.begin():
        row = _row(db, agent_id)
        if status.status == "ready" != row.status:
            metrics.agents_active.add(1, project_id=row.project_id)
        row.status = status.status
        return _agent(row)


@app.get("/conversations/{conversation_id}")
def conversation(conversation_id: str, db: Db) -> list[Turn]:
    """What was said, in order."""
    of_it = select(TurnRow).where(TurnRow.conversation_id == conversation_id).order_by(TurnRow.id)
    with db:
        return [Turn.model_validate(row, from_attributes=True) for row in db.scalars(of_it)]


@app.post("/conversations/{conversation_id}", status_code=204)
def add_to_conversation(conversation_id: str, turns: list[Turn], db: Db) -> None:
    """Keep what was said."""
    with db, db.begin():
        for turn in turns:
            db.add(TurnRow(conversation_id=conversation_id, **turn.model_dump()))


def _row(db: Session, agent_id: str) -> AgentRow:
    row = db.get(AgentRow, agent_id)
    if row is None:
        raise HTTPException(404, f"there is no agent {agent_id}")
    return row


def _agent(row: AgentRow) -> Agent:
    return Agent.model_validate(row, from_attributes=True)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    Base.metadata.create_all(engine)
    serve(app, settings().control_plane_url)
