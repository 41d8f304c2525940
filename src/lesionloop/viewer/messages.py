"""What goes over the wire: the bodies of requests and answers, as the OpenAPI description has them.

Voxels are [x, y, z] of the PET grid; places in mm are LPS.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lesionloop.scribbles.formats import MAX_INDEX, MAX_POINTS

__all__ = [
    "Answered", "Change", "Changes", "Done", "Info", "LesionState", "Mark", "NewSession", "Picked",
    "PlaceState", "Problem", "Reopen", "Scribbled", "Seconds", "SessionName", "SessionState",
    "StateUpdate", "StepBack", "StepForth", "Stroke", "StrokeState", "StudyRow", "StudyState",
    "Timing", "TotalsState", "Viewed",
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
    sessions: list[SessionName]


class NewSession(_Strict):
    """Who wants to read."""

    reader: Annotated[str, Field(min_length=1, max_length=80)]


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
    """Figures after a step; step 0 is the first mask."""

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


class StateUpdate(BaseModel):
    """A session without what stays the same.

    `places` are of `places_revision`; when that is below `revision` newer ones are on the way: ask
    for the changes again.
    """

    id: str
    reader: str
    revision: int
    done: bool
    strokes: list[StrokeState]
    undo: str | None
    redo: str | None
    lesions: list[LesionState]
    totals: TotalsState
    curve: list[CurveState]
    places: list[PlaceState]
    places_revision: int


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
    """The reader has finished."""

    kind: Literal["done"]


class Reopen(_Plain):
    """The reader goes on after all."""

    kind: Literal["reopen"]


class Viewed(_Plain):
    """The reader is at work; only for the timings."""

    kind: Literal["view"]
    what: Annotated[str, Field(max_length=200)] = ""


Scribbled = Annotated[
    Stroke | Mark | StepBack | StepForth | Done | Reopen | Viewed, Field(discriminator="kind")
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
