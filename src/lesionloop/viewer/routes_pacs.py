"""What the server does with a PACS: search, fetch, store."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from lesionloop.viewer.exports import job_of
from lesionloop.viewer.messages import (
    JobName,
    JobState,
    PacsFetch,
    PacsSearch,
    PacsStudies,
    PacsStudy,
    StoreAsked,
    StoredExport,
    StoreDone,
)
from lesionloop.viewer.pacs import PacsDesk
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.refusals import MissingError
from lesionloop.viewer.states import problem_of
from lesionloop.viewer.study_rows import study_rows

__all__ = ["router"]

router = APIRouter(tags=["pacs"])


@router.post("/pacs/search")
def search(request: Request, body: PacsSearch) -> PacsStudies:
    """Studies of the PACS that fit all that is asked for."""
    found = _pacs(request).search(**body.model_dump())
    rows = [
        PacsStudy(
            uid=study.uid,
            patient_id=study.patient_id,
            patient_name=study.patient_name,
            date=study.date,
            description=study.description,
            modalities=list(study.modalities),
            series=study.series,
            instances=study.instances,
        )
        for study in found.studies
    ]
    return PacsStudies(studies=rows, more=found.more)


@router.post("/pacs/fetch")
def fetch(request: Request, body: PacsFetch) -> JobName:
    """Begin to fetch the PET and CT of a study; ask after the job for how far it is."""
    return JobName(job=_pacs(request).fetch(body.study).id)


@router.get("/jobs/{job}")
def job_state(request: Request, job: str) -> JobState:
    """How far a job is; `studies` are those of the list of studies that it brought."""
    pacs = _pacs(request)
    found = pacs.jobs.job(job)
    state, problem = found.state, found.problem
    ids = pacs.studies(found)
    rows = study_rows(parts_of(request).desk) if ids else []
    return JobState(
        state=state,
        done=found.done,
        total=found.total,
        problem=None if problem is None else problem_of(problem),
        studies=[row for row in rows if row.id in ids],
    )


@router.delete("/jobs/{job}", status_code=204)
def cancel(request: Request, job: str) -> None:
    """End a job; what was fetched by then need not be fetched again."""
    _pacs(request).jobs.job(job).cancel()


@router.post("/sessions/{session}/store", tags=["sessions"])
async def store(request: Request, session: str, body: StoreAsked) -> StoreDone:
    """Store exports of a session in the PACS; stored again, the same ones are not doubled."""
    pacs, desk = _pacs(request), parts_of(request).desk
    future = await run_in_threadpool(desk.current, session)
    snapshot = (await asyncio.wrap_future(future)).snapshot

    def act() -> list[tuple[str, str]]:
        return pacs.store(session, job_of(desk, session, snapshot), list(dict.fromkeys(body.what)))

    stored = await run_in_threadpool(act)
    return StoreDone(stored=[StoredExport(what=what, sop_instance_uid=uid) for what, uid in stored])


def _pacs(request: Request) -> PacsDesk:
    pacs = parts_of(request).pacs
    if pacs is None:
        raise MissingError(
            "this server has no PACS", remedy="Start it with --dicomweb and the PACS's address."
        )
    return pacs
