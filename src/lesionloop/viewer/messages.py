"""What goes over the wire: the bodies of requests and answers, as the OpenAPI description has them.

Voxels are [x, y, z] of the PET grid; places in mm are LPS.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lesionloop.scribbles.formats import MAX_INDEX, MAX_POINTS

__all__ = [
    "Answered", "BeginReading", "Change", "Changes", "Done", "Info", "JobName", "JobState",
    "LesionState", "Mark", "NewSession", "OpenSession", "PacsFetch", "PacsSearch", "PacsStudies",
    "PacsStudy", "Picked", "PlaceState", "Problem", "ReaderName", "ReaderStudyInfo", "ReadingRow",
    "Reopen", "Scribbled", "Seconds", "SessionName", "SessionState", "StartState", "StateUpdate",
    "StepBack", "StepForth", "StoreAsked", "StoreDone", "StoredExport", "Stroke", "StrokeState",
    "StudyRow", "StudyState", "Timing", "TotalsState", "UploadDone", "UploadName", "Viewed",
    "WorkState", "Worklist",
]  # fmt: skip

Index = Annotated[int, Field(strict=True, ge=0, le=MAX_INDEX)]
Voxel = tuple[Index, Index, Index]
#: Far outside any scanner.
Millimetres = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Position = tuple[Millimetres, Millimetres, Millimetres]
Key = Annotated[str, Field(min_length=1, max_length=100)]
Revision = Annotated[int, Field(strict=True, ge=0, le=2**53)]


class _Strict(BaseModel):
    """A request body: what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why something was refused."""

    error: str
    cause: str | None = None
    remedy: str | None = None


class Info(BaseModel):
    """About the server."""

    version: str
    segmenter: str
    reader_required: bool
    pacs: str | None
    reader_study: "ReaderStudyInfo | None"


class SessionName(BaseModel):
    """A session of a study."""

    id: str
    reader: str
    done: bool


class StudyRow(BaseModel):
    """A study that can be opened."""

    id: str
    name: str
    tracer: str | None
    kind: Literal["dicom", "nifti", "mha"]
    source: Literal["folder", "upload", "pacs"]
    upload: str | None
    sessions: list[SessionName]


class UploadName(BaseModel):
    """An upload that has begun."""

    id: str


class UploadDone(BaseModel):
    """What came of an upload; notes tell what was left out, and why."""

    studies: list[StudyRow]
    notes: list[str]


class PacsSearch(_Strict):
    """What to look for in the PACS; all of it must fit. Dates are YYYY-MM-DD or YYYYMMDD."""

    patient_id: Annotated[str | None, Field(max_length=64)] = None
    patient_name: Annotated[str | None, Field(max_length=64)] = None
    date_from: Annotated[str | None, Field(max_length=10)] = None
    date_to: Annotated[str | None, Field(max_length=10)] = None
    accession: Annotated[str | None, Field(max_length=64)] = None
    modality: Annotated[str | None, Field(max_length=16)] = "PT"


class PacsStudy(BaseModel):
    """A study in the PACS; the date is YYYYMMDD, and what the PACS does not tell is empty."""

    uid: str
    patient_id: str
    patient_name: str
    date: str
    description: str
    modalities: list[str]
    series: int | None
    instances: int | None


class PacsStudies(BaseModel):
    """What was found in the PACS, the newest first, and whether there is more."""

    studies: list[PacsStudy]
    more: bool


class PacsFetch(_Strict):
    """The study to fetch, by its UID."""

    study: Annotated[str, Field(max_length=64)]


class JobName(BaseModel):
    """Work that has begun in the background."""

    job: str


class JobState(BaseModel):
    """How far a job is; `studies` when it is done, `problem` when it failed."""

    state: Literal["running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    problem: Problem | None
    studies: list[StudyRow]


class StoreAsked(_Strict):
    """The exports to store."""

    what: Annotated[
        list[Literal["seg.dcm", "rtstruct.dcm", "sr.dcm"]], Field(min_length=1, max_length=3)
    ]


class StoredExport(BaseModel):
    """An export that the PACS has."""

    what: str
    sop_instance_uid: str


class StoreDone(BaseModel):
    """All that was asked for is stored."""

    stored: list[StoredExport]


class NewSession(_Strict):
    """Who wants to read."""

    reader: Annotated[str, Field(min_length=1, max_length=80)]


class OpenSession(NewSession):
    """Who wants to read what."""

    study: Annotated[str, Field(max_length=100)]


class WorkState(BaseModel):
    """What is being computed for a session; `part` of it, 0 to 1, is done.

    `ahead` are the turns of others before its own. Idle is a session whose mask is up to date, and
    one that nobody has asked for since its computation was cancelled or failed.
    """

    state: Literal["idle", "queued", "computing"]
    what: Literal["reading", "first mask", "correction"] | None
    part: float | None
    ahead: int


class StudyState(BaseModel):
    """The study of a session; geometry is LPS, mm; `direction` is row by row."""

    id: str
    name: str
    tracer: str | None
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: list[float]
    suv: bool
    has_ct: bool
    notes: list[str]
    arm: Literal["assisted", "manual"] | None


class StrokeState(BaseModel):
    """A scribble in force; without its points in answers to events."""

    number: int
    label: Literal["foreground", "background"]
    step: int
    points: list[tuple[int, int, int]] | None = None


class LesionState(BaseModel):
    """A lesion of the mask; SUV figures are null where the PET is not SUV."""

    number: int
    volume_ml: float
    suv_max: float | None
    suv_mean: float | None
    suv_peak: float | None
    tlg: float | None
    at: tuple[int, int, int]
    centroid_mm: tuple[float, float, float]
    locked: bool
    accepted: bool


class TotalsState(BaseModel):
    """All lesions together."""

    mtv_ml: float
    tlg: float | None
    count: int
    suv_max: float | None


class CurveState(BaseModel):
    """Figures after a step; step 0 is the first mask, or that of the start in force."""

    step: int
    mtv_ml: float
    tlg: float | None
    count: int


class PlaceState(BaseModel):
    """Where a scribble may help."""

    at: tuple[int, int, int]
    kind: Literal["missed", "false"]
    gain_ml: float
    probability: float


class StartState(BaseModel):
    """The mask made elsewhere that a session begins from: its file, as the reader named it."""

    name: str
    lesions: int
    notes: list[str]


class StateUpdate(BaseModel):
    """A session without what stays the same.

    `places` are of `places_revision`; when that is below `revision` newer ones are on the way: ask
    for the changes again. `problem` tells why the mask is older than what was drawn: a segmenter
    from outside failed; the next event that changes the mask tries again.
    """

    id: str
    reader: str
    revision: int
    done: bool
    start: StartState | None
    strokes: list[StrokeState]
    undo: str | None
    redo: str | None
    lesions: list[LesionState]
    totals: TotalsState
    curve: list[CurveState]
    places: list[PlaceState]
    places_revision: int
    problem: Problem | None = None


class SessionState(StateUpdate):
    """A session."""

    study: StudyState


class Stroke(_Strict):
    """A scribble, as voxels or as LPS mm; nothing is drawn between the points."""

    kind: Literal["scribble"]
    label: Literal["foreground", "background"]
    points: Annotated[list[Voxel], Field(min_length=1, max_length=MAX_POINTS)] | None = None
    points_mm: Annotated[list[Position], Field(min_length=1, max_length=MAX_POINTS)] | None = None
    key: Key
    revision: Revision | None = None


class Mark(_Strict):
    """Something said of the lesion at a voxel."""

    kind: Literal["accept", "reject", "lock", "unlock"]
    at: Voxel
    key: Key
    revision: Revision | None = None


class _Plain(_Strict):
    key: Key | None = None
    revision: Revision | None = None


class StepBack(_Plain):
    """Take the last action back."""

    kind: Literal["undo"]


class StepForth(_Plain):
    """Bring back what was undone last."""

    kind: Literal["redo"]


class Done(_Plain):
    """The reader has finished, and may say how sure they are: 5 is surest."""

    kind: Literal["done"]
    confidence: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None


class Reopen(_Plain):
    """The reader goes on after all."""

    kind: Literal["reopen"]


class Viewed(_Plain):
    """The reader is at work; only for the timings."""

    kind: Literal["view"]
    what: Annotated[str, Field(max_length=200)] = ""


class Paused(_Plain):
    """The page was hidden: until it is back nothing counts as activity."""

    kind: Literal["pause"]


class Resumed(_Plain):
    """The page is shown again."""

    kind: Literal["resume"]


Scribbled = Annotated[
    Stroke | Mark | StepBack | StepForth | Done | Reopen | Viewed | Paused | Resumed,
    Field(discriminator="kind"),
]


class Change(BaseModel):
    """A box of labels that replaces what the client has.

    `stop` is exclusive; `data` is base64 of zlib of one byte per voxel, x fastest.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    data: str


class Seconds(BaseModel):
    """How long it waited for its turn and was computed, s."""

    queued: float
    compute: float


class Changes(BaseModel):
    """What has changed.

    `change` is right for any mask of a revision from `base` to `revision`; when `base` is null it
    is the whole grid. A null change: nothing has changed since `base`.
    """

    revision: int
    base: int | None
    change: Change | None
    state: StateUpdate


class Answered(Changes):
    """What came of an event; it is on the disk."""

    event: int
    seconds: Seconds


class Picked(BaseModel):
    """A voxel; null where there is only air."""

    at: tuple[int, int, int] | None


class Timing(BaseModel):
    """Seconds of activity of a reader on a study; pauses above a minute do not count."""

    reader: str
    study: str
    name: str
    session: str
    seconds: float
    events: int
    done: bool


class ReaderStudyInfo(BaseModel):
    """The reader study that is served."""

    title: str
    readers: list[str]


class ReaderName(_Strict):
    """Who asks for their readings."""

    reader: Annotated[str, Field(min_length=1, max_length=80)]


class BeginReading(ReaderName):
    """Who begins which reading."""

    position: Annotated[int, Field(strict=True, ge=1, le=10**6)]


class ReadingRow(BaseModel):
    """A reading of a reader; the label stands for the case."""

    position: int
    label: str
    arm: Literal["assisted", "manual"]
    arm_text: str
    state: Literal["waiting", "open", "done"]
    session: str | None


class Worklist(BaseModel):
    """All readings of a reader in their order.

    `next` may be begun, not before `not_before` (Unix time, s) where that is told: the washout.
    """

    title: str
    reader: str
    items: list[ReadingRow]
    next: int | None
    not_before: float | None
    instructions: str
