"""A session as it was computed last, and what came of an event."""

from dataclasses import dataclass

from lesionloop.errors import LesionLoopError
from lesionloop.quantification import LesionMeasures, Totals
from lesionloop.segmenters.boxes import Box
from lesionloop.viewer.document import Document
from lesionloop.viewer.label_map import LabelMap

__all__ = ["Answer", "Lesion", "Place", "Snapshot"]


@dataclass(frozen=True)
class Lesion:
    """A lesion of the mask shown, and what the reader said of it."""

    measures: LesionMeasures
    locked: bool
    accepted: bool


@dataclass(frozen=True)
class Place:
    """Where a scribble may help most, as the segmenter sees it."""

    at: tuple[int, int, int]
    kind: str
    gain_ml: float
    probability: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session as it was computed last.

    Args:
        document: of which the mask is.
        labels: lesions of the mask, 1 is the largest.
        lesions: one for each number, in order.
        totals: of all.
        places: where to look next; empty when the segmenter does not say.
        places_revision: of the document that the places are of: they are found after the mask is
            told, in a turn of their own.
        seconds: that it took.
    """

    document: Document
    labels: LabelMap
    lesions: tuple[Lesion, ...]
    totals: Totals
    places: tuple[Place, ...]
    places_revision: int
    seconds: float

    @property
    def revision(self) -> int:
        """The revision of its document."""
        return self.document.revision


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of an event.

    Args:
        event: its number.
        snapshot: the session after it, and maybe after others that came with it.
        document: the session's newest, which may say that it is done.
        base: the box tells the change from any mask of revisions from this to the snapshot's; None:
            it is the whole grid.
        box: that holds every voxel that changed; None: none did.
        queued_s, compute_s: how long it waited, and how long the computation took.
        failure: why the snapshot is older than the document: the segmenter failed.
    """

    event: int
    snapshot: Snapshot
    document: Document
    base: int | None
    box: Box | None
    queued_s: float = 0.0
    compute_s: float = 0.0
    failure: LesionLoopError | None = None
