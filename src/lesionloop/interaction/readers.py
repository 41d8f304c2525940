"""Readers: who looks at a mask and draws the next scribble.

A simulated reader knows the reference mask and follows the autoPET V rules; a recorded one replays
what somebody drew. The human reader is the viewer.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import STRATEGIES, Scribble, ScribbleSet, error_scribbles

__all__ = ["MODES", "Mode", "Reader", "ReaderFailureError", "RecordedReader", "SimulatedReader"]

Mode = Literal["protocol", "reference"]

#: "protocol": one scribble per step, of the only kind of error when there is one kind, none when
#: there is no error. "reference": the released code to the letter, where an empty error mask ends
#: the loop with zero scores, and a lesion-free reference never gets a scribble.
MODES: tuple[Mode, ...] = ("protocol", "reference")


class ReaderFailureError(Exception):
    """The reader cannot go on; the step and, in reference mode, its score are lost."""


class Reader(Protocol):
    """Draws the next scribble."""

    @property
    def mode(self) -> str:
        """Name of the rules followed; written into every output."""
        ...

    @property
    def identity(self) -> dict[str, object]:
        """All that decides what is drawn, as JSON values."""
        ...

    def next(
        self, study: Study, mask: NDArray[np.bool_] | None, scribbles: ScribbleSet
    ) -> Scribble | None:
        """The next scribble, or None when there is nothing to add.

        Args:
            study: what is read.
            mask: the present mask, bool [x, y, z]; None when the segmenter never gave one.
            scribbles: everything drawn so far.

        Raises:
            ReaderFailureError: the rules give no answer.
            InputError: the mask is not one that the reader can judge.
        """
        ...


@dataclass(frozen=True, eq=False)
class SimulatedReader:
    """The challenge's simulated reader.

    Args:
        reference: reference lesions, [x, y, z]; above 0 is lesion.
        strategy: "centerline", "random" or "boundary".
        seed: of every single scribble; the challenge never varies 42.
        mode: see ``MODES``.
    """

    reference: NDArray[Any]
    strategy: str = "centerline"
    seed: int = 42
    mode: Mode = "protocol"

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(
                f"unknown strategy {self.strategy!r}",
                remedy=f"Use one of: {', '.join(STRATEGIES)}.",
            )
        if self.mode not in MODES:
            raise InputError(f"unknown mode {self.mode!r}", remedy=f"Use {' or '.join(MODES)}.")
        object.__setattr__(self, "reference", np.asarray(self.reference) > 0)

    @property
    def identity(self) -> dict[str, object]:
        """Strategy, seed, mode and a hash of the reference."""
        packed = np.packbits(self.reference.ravel(order="F"))
        return {
            "reader": "simulated",
            "strategy": self.strategy,
            "seed": self.seed,
            "mode": self.mode,
            "reference": blake2b(packed.data, digest_size=16).hexdigest(),
        }

    def next(
        self,
        study: Study,  # noqa: ARG002  (a simulated reader looks at masks alone)
        mask: NDArray[np.bool_] | None,
        scribbles: ScribbleSet,
    ) -> Scribble | None:
        """A scribble on the larger error, as the challenge's loop counts it.

        That is the kind of error whose scribble has more points; when both have the same number,
        what is missed. Where only one kind exists it is scribbled ("protocol").

        Raises:
            ReaderFailureError: in "reference" mode, where the code stops: no mask, or one kind of
                error is missing.
            InputError: the mask is not on the reference's grid.
        """
        if self.mode == "reference" and not self.reference.any():
            return None
        if mask is None:
            raise ReaderFailureError("there is no segmentation to look at")
        errors = error_scribbles(mask, self.reference, self.strategy, seed=self.seed)
        if self.mode == "reference" and not (len(errors.over) and len(errors.under)):
            kind = "missed" if len(errors.over) else "false"
            raise ReaderFailureError(f"there is no {kind} voxel left, where the code stops")
        if not len(errors.points):
            return None
        step = scribbles.scribbles[-1].step + 1 if len(scribbles) else 1
        return Scribble(errors.points, errors.label, step)


@dataclass(frozen=True)
class RecordedReader:
    """Replays a recorded session, scribble by scribble, whatever the mask.

    Args:
        recording: the scribbles in the order drawn.
    """

    recording: ScribbleSet

    @property
    def mode(self) -> str:
        """Always "recorded"."""
        return "recorded"

    @property
    def identity(self) -> dict[str, object]:
        """A hash of the recording."""
        digest = blake2b(digest_size=16)
        for scribble in self.recording:
            digest.update(f"{scribble.label} {scribble.step} ".encode())
            digest.update(np.ascontiguousarray(scribble.points).data)
        return {"reader": "recorded", "recording": digest.hexdigest()}

    def next(
        self,
        study: Study,  # noqa: ARG002
        mask: NDArray[np.bool_] | None,  # noqa: ARG002
        scribbles: ScribbleSet,
    ) -> Scribble | None:
        """The first recorded scribble not drawn yet."""
        if len(scribbles) >= len(self.recording):
            return None
        return self.recording.scribbles[len(scribbles)]
