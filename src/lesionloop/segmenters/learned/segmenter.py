"""The learned segmenter and its options."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, require_same_grid
from lesionloop.imaging.study import require_suv
from lesionloop.segmenters.learned.network import BACKENDS, Weights, load_runtime, shipped_weights
from lesionloop.segmenters.learned.session import LearnedSession
from lesionloop.segmenters.options import file_hash, require_number

__all__ = ["Learned"]


@dataclass(frozen=True)
class Learned:
    """A compact network that segments, and corrects where strokes are drawn.

    Args:
        threshold: probability from which a voxel is lesion; None takes the one that was chosen for
            the weights on validation data.
        reach_mm: a stroke changes nothing further away than this.
        least_ml: components below this volume are dropped as specks, unless they hold a foreground
            point or their highest probability is at least ``sure``.
        sure: see ``least_ml``.
        backend: "onnx" (CPU, needs nothing else) or "torch" (a GPU when there is one).
        threads: of the CPU; None takes all cores, at most 8.
        start: a mask made elsewhere to correct, in place of the first pass: NIfTI, MHA or DICOM
            SEG on the PET grid.
        weights: folder that `lesionloop train` has written; None takes the shipped weights.

    Raises:
        InputError: an option is of the wrong kind or out of range.
    """

    threshold: float | None = None
    reach_mm: float = 60.0
    least_ml: float = 0.3
    sure: float = 0.8
    backend: str = "onnx"
    threads: int | None = None
    weights: str | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None:
            require_number("threshold", self.threshold, above=0, below=1)
        require_number("reach_mm", self.reach_mm, at_least=20, below=500)
        require_number("least_ml", self.least_ml, at_least=0)
        require_number("sure", self.sure, above=0, below=1)
        if self.backend not in BACKENDS:
            raise InputError(
                f"option backend must be {' or '.join(BACKENDS)}, not {self.backend!r}"
            )
        if self.threads is not None:
            require_number("threads", self.threads, at_least=1, below=1025)
            if not isinstance(self.threads, int):
                raise InputError(f"option threads must be a whole number, not {self.threads!r}")
        for name in ("weights", "start"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))

    @property
    def name(self) -> str:
        """Registered name."""
        return "default"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask.

        Raises:
            InputError: the weights or the start mask cannot be read.
        """
        weights = self._weights
        return {
            "name": self.name,
            "version": 1,
            "weights": weights.digest(self.backend),
            "threshold": self.threshold or weights.threshold,
            "reach_mm": self.reach_mm,
            "least_ml": self.least_ml,
            "sure": self.sure,
            "backend": self.backend,
            "start": None if self.start is None else file_hash(self.start),
        }

    @property
    def _weights(self) -> Weights:
        return Weights.read(shipped_weights() if self.weights is None else Path(self.weights))

    def open(self, study: Study) -> LearnedSession:
        """Make the first pass; takes most of the time.

        Raises:
            InputError: the PET is not SUV, the weights cannot be loaded, or the start mask is
                damaged or on another grid.
        """
        require_suv(study)
        if self.start is None:
            return self._session(study, None)
        label = read_label(self.start, study.grid)
        require_same_grid(label, study.pet)
        return self._session(study, label.mask())

    def open_from(self, study: Study, mask: NDArray[np.bool_]) -> LearnedSession:
        """Start on a study with a mask made elsewhere, bool [x, y, z], as option ``start`` does.

        Raises:
            InputError: the PET is not SUV, or the weights cannot be loaded.
        """
        require_suv(study)
        return self._session(study, mask)

    def _session(self, study: Study, start: NDArray[np.bool_] | None) -> LearnedSession:
        weights = self._weights
        runtime = load_runtime(weights.folder.resolve(), self.backend, self.threads)
        return LearnedSession(self, study, weights, runtime, start)
