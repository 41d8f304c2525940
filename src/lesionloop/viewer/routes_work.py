"""Opening a session without waiting for it, how far its computation is, and ending that."""

from fastapi import APIRouter, Request

from lesionloop.viewer.messages import OpenSession, SessionName, WorkState
from lesionloop.viewer.parts import parts_of

__all__ = ["router"]

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.post("")
def begin(request: Request, body: OpenSession) -> SessionName:
    """The session of a reader on a study; its mask is computed from now on, see `work`."""
    desk = parts_of(request).desk
    row = desk.open(body.study, body.reader)
    desk.begin(row.id)
    return SessionName(id=row.id, reader=row.reader, done=row.id in desk.store.done())


@router.get("/{session}/work")
def work(request: Request, session: str) -> WorkState:
    """What is being computed for a session, and how far it is."""
    now = parts_of(request).desk.work(session)
    return WorkState(state=now.state, what=now.what, part=now.part, ahead=now.ahead)


@router.delete("/{session}/work", status_code=204)
def cancel(request: Request, session: str) -> None:
    """Stop the computation; who waits for it is answered 409. What was recorded stays.

    Asking for the session again begins it anew.
    """
    parts_of(request).desk.cancel(session)
