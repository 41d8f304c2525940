"""What is kept warm: studies in memory and segmenters at work on them, within a bound.

Studies are shared by their readers; each session has a segmenter session of its own, which keeps
what it computed for that reader's strokes. What was used longest ago goes first. Sizes are
estimates from the number of voxels and the size of the field.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import prod
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.admission import available_memory
from lesionloop.imaging import Grid, Quantity, Study
from lesionloop.quantification.peak import PeakMap
from lesionloop.segmenters.given import open_from
from lesionloop.segmenters.protocol import Segmenter
from lesionloop.viewer.document import Action
from lesionloop.viewer.drawn_only import DrawnOnly
from lesionloop.viewer.evaluation import Evaluator, Segmenting
from lesionloop.viewer.library import Library, StudyEntry
from lesionloop.viewer.openings import Openings
from lesionloop.viewer.projections import Projector

__all__ = ["Desktop", "WarmStudies", "session_bytes"]

#: PET and CT, and the projections, bytes per voxel.
_STUDY_BYTES: Final = 8
_PROJECTOR_BYTES: Final = 4
#: What a session keeps beside them: bytes per voxel, or where that is more bytes per cube of the
#: working grid of `default`, which stays as fine where the voxels are coarse. By tracemalloc, on
#: 200 x 200 x 160 voxels of 4.08 x 4.08 x 6.1 mm: 36 bytes per cube when it was opened (5 when it
#: was begun from another session), 39 after ten strokes.
_SESSION_BYTES: Final = 20
_CUBE_BYTES: Final = 40
_CUBE_MM: Final = 4.0
#: The bound where the system does not tell its memory, bytes, and the share of it otherwise.
_UNKNOWN: Final = 4 << 30
_SHARE: Final = 0.6


def session_bytes(grid: Grid) -> int:
    """Estimate of what a segmenter's session keeps on a study of this grid."""
    cubes = prod(grid.shape) * grid.voxel_ml * 1000 / _CUBE_MM**3
    return int(max(_SESSION_BYTES * prod(grid.shape), _CUBE_BYTES * cubes))


class Desktop:
    """A study and a segmenter at work on it, for one session."""

    def __init__(self, study: Study, begin: Callable[[Study, Action | None], Segmenting]) -> None:
        """Set up for a study; ``begin`` opens a segmenter's session from a start, or from none."""
        self.study = study
        self._begin = begin
        self._at_work: tuple[Action | None, Segmenting] | None = None
        self.evaluator = Evaluator(self.session)
        #: Of the session, as several threads must not ask one map.
        self.peaks = PeakMap(study.pet)

    def session(self, start: Action | None) -> Segmenting:
        """The segmenter's session from a start; one from another start is let go.

        Raises:
            InputError: the study cannot be segmented.
        """
        if self._at_work is None or self._at_work[0] != start:
            self._at_work = None  # two would be too much to hold
            self._at_work = (start, self._begin(self.study, start))
        return self._at_work[1]


class WarmStudies:
    """Studies and desktops by id; asked from any thread."""

    def __init__(
        self,
        library: Library,
        segmenter: Segmenter,
        masks: Callable[[str], NDArray[np.bool_]],
        most_bytes: int | None = None,
    ) -> None:
        """Keep what fits into ``most_bytes``; None: a share of the memory that is free now.

        ``masks`` gives the mask of a start, bool [x, y, z], by its digest.
        """
        self._library = library
        self._segmenter = segmenter
        self._openings = Openings(segmenter)
        self._masks = masks
        free = available_memory()
        self._most = most_bytes or (int(_SHARE * free) if free else _UNKNOWN)
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._making: dict[str, Lock] = {}

    @property
    def held_bytes(self) -> int:
        """Estimate of what is kept."""
        with self._lock:
            return sum(size for _, size in self._kept.values())

    def study(self, entry: StudyEntry) -> Study:
        """A study, read when it is not there.

        Raises:
            InputError: it cannot be read.
        """
        found: Study = self._get(
            f"study {entry.id}", lambda: self._library.read(entry), _of_voxels(_STUDY_BYTES)
        )
        return found

    def desktop(self, session: str, entry: StudyEntry, *, manual: bool = False) -> Desktop:
        """The desktop of a session, set up when it is not there; ``manual`` is without segmenter.

        Raises:
            InputError: the study cannot be read.
        """
        study = self.study(entry)
        found: Desktop = self._get(
            f"session {session}",
            lambda: Desktop(study, partial(self._begin, manual=manual)),
            session_bytes,
        )
        return found

    def projector(self, entry: StudyEntry) -> Projector:
        """What draws a study from any side, made when it is not there.

        Raises:
            InputError: the study cannot be read.
        """
        study = self.study(entry)
        found: Projector = self._get(
            f"projector {entry.id}", lambda: Projector(study), _of_voxels(_PROJECTOR_BYTES)
        )
        return found

    def forget(self, study: str) -> None:
        """Let go of a study whose files were removed."""
        with self._lock:
            for key in (f"study {study}", f"projector {study}"):
                self._kept.pop(key, None)

    def _begin(self, study: Study, start: Action | None, *, manual: bool) -> Segmenting:
        mask = None if start is None else self._masks(start.data["mask"])
        if manual or study.pet.quantity is not Quantity.SUV_BW:
            return DrawnOnly(study, mask)
        if mask is None:
            return self._openings.open(study)
        return open_from(self._segmenter, study, mask)

    def _get(self, key: str, make: Callable[[], Any], size: Callable[[Grid], int]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            making = self._making.setdefault(key, Lock())
        with making:  # whoever comes second finds it made
            with self._lock:
                if key in self._kept:
                    return self._kept[key][0]
            made = make()
            grid = made.grid if isinstance(made, Study) else made.study.grid
            with self._lock:
                self._kept[key] = (made, size(grid))
                self._making.pop(key, None)
                self._let_go(key)
        return made

    def _let_go(self, but: str) -> None:
        while sum(size for _, size in self._kept.values()) > self._most and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            if oldest == but:
                return
            del self._kept[oldest]


def _of_voxels(bytes_each: int) -> Callable[[Grid], int]:
    return lambda grid: bytes_each * prod(grid.shape)
