"""The loop itself: segment, show, scribble, segment again."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.interaction.readers import Reader, ReaderFailureError
from lesionloop.interaction.trace import Trace, TraceFolder, TraceStep, study_fingerprint
from lesionloop.scribbles import Scribble, ScribbleSet
from lesionloop.segmenters import Segmenter, Session
from lesionloop.segmenters.protocol import StepFailureError
from lesionloop.versions import versions

__all__ = ["Attempts", "run_loop", "trace_facts"]

logger = logging.getLogger(__name__)


def run_loop(
    segmenter: Segmenter,
    study: Study,
    reader: Reader,
    steps: int = 5,
    out: Path | str | None = None,
    *,
    on_step: Callable[[TraceStep], None] | None = None,
) -> Trace:
    """Run one study through the loop: a first mask, then ``steps`` corrections.

    When the reader has nothing to add, the mask stands and is not computed again (it is a function
    of the scribbles alone).

    In the reader's "reference" mode the loop does what the challenge's script does: the segmenter
    runs even when nothing was added; a failure of reader or segmenter is recorded and the loop goes
    on with the older mask; a mask of another shape than the study is a failure that leaves no mask.
    In other modes only a ``StepFailureError``, of an algorithm from outside, is recorded so; other
    failures of the segmenter pass through.

    Args:
        segmenter: makes the masks.
        study: what is segmented.
        reader: draws the scribbles.
        steps: corrections after the first mask, 0 or more; step ``k`` follows scribble ``k``.
        out: folder of the trace; a loop interrupted there continues. None keeps it in memory.
        on_step: called after every step, for progress.

    Raises:
        InputError: ``steps`` is negative, the segmenter refuses the study or gives a mask of
            another shape, or the reader's reference is on another grid.
        OutputError: the trace cannot be written.
    """
    if steps < 0:
        raise InputError(f"steps must be 0 or more, not {steps}")
    facts = trace_facts(segmenter, study, reader)
    folder = TraceFolder(Path(out), facts) if out is not None else None
    done = folder.resume(study.grid)[: steps + 1] if folder else []
    loop = _Loop(segmenter, study, reader, done)
    while len(loop.done) <= steps:
        step = loop.advance()
        if folder:
            folder.write(step, loop.scribbles, study)
        if on_step:
            on_step(step)
    return Trace(study.name, reader.mode, tuple(loop.done), loop.scribbles, facts)


def trace_facts(segmenter: Segmenter, study: Study, reader: Reader) -> dict[str, Any]:
    """What a trace tells of a loop; all but provenance decides whether a stored one goes on."""
    return {
        "case": study.name,
        "mode": reader.mode,
        "segmenter": segmenter.identity,
        "reader": reader.identity,
        "study": study_fingerprint(study),
        "provenance": {
            "files": dict(study.provenance.files),
            "facts": dict(study.provenance.facts),
            "notes": list(study.provenance.notes),
        },
        "versions": versions(),
    }


class _Loop:
    """Where a loop stands."""

    def __init__(
        self,
        segmenter: Segmenter,
        study: Study,
        reader: Reader,
        done: list[TraceStep],
    ) -> None:
        self._study, self._reader = study, reader
        self._runs_always = reader.mode == "reference"
        self._attempts = Attempts(segmenter, study, tolerant=reader.mode == "reference")
        self.done = done
        self.scribbles = ScribbleSet(tuple(step.scribble for step in done if step.scribble))

    def advance(self) -> TraceStep:
        """Make the next step."""
        number = len(self.done)
        step = self._predict(0, None, None) if number == 0 else self._correct(number)
        self.done.append(step)
        return step

    def _correct(self, number: int) -> TraceStep:
        before = self.done[-1].mask
        try:
            scribble = self._reader.next(self._study, before, self.scribbles)
        except ReaderFailureError as failure:
            return TraceStep(number, before, None, 0.0, str(failure))
        if scribble is not None:
            self.scribbles = ScribbleSet((*self.scribbles.scribbles, scribble))
        elif not self._runs_always:
            # The mask is a function of the scribbles, so it would come out the same.
            return TraceStep(number, before, None, 0.0)
        return self._predict(number, scribble, before)

    def _predict(
        self, number: int, scribble: Scribble | None, before: NDArray[np.bool_] | None
    ) -> TraceStep:
        return self._attempts.step(number, self.scribbles, added=scribble, before=before)


class Attempts:
    """A segmenter at work on a study, opened when it is first needed.

    Args:
        segmenter: makes the masks.
        study: what is segmented.
        tolerant: record every failure, not only a ``StepFailureError``.
    """

    def __init__(self, segmenter: Segmenter, study: Study, *, tolerant: bool = False) -> None:
        self._segmenter, self._study, self._tolerant = segmenter, study, tolerant
        self._session: Session | None = None

    def step(
        self,
        number: int,
        scribbles: ScribbleSet,
        *,
        added: Scribble | None,
        before: NDArray[np.bool_] | None,
    ) -> TraceStep:
        """One prediction.

        Args:
            number: of the step.
            scribbles: everything drawn so far.
            added: what was drawn for this step.
            before: the mask that stands when this one fails.

        Raises:
            InputError: the segmenter refuses the study or gives a mask of another shape, and that
                is not to be recorded.
        """
        start = time.perf_counter()
        try:
            if self._session is None:
                self._session = self._segmenter.open(self._study)
            mask = self._session.segment(scribbles)
        except Exception as error:
            if not self._tolerant and not isinstance(error, StepFailureError):
                raise
            logger.warning("%s, step %d: the segmenter failed: %s", self._study.name, number, error)
            seconds = time.perf_counter() - start
            return TraceStep(number, before, added, seconds, f"the segmenter failed: {error}")
        seconds = time.perf_counter() - start
        if mask.shape != self._study.grid.shape:
            what = f"the segmenter gave a mask of shape {mask.shape}"
            cause = f"The study {self._study.name} has shape {self._study.grid.shape} (x, y, z)."
            if not self._tolerant:
                raise InputError(what, cause=cause, remedy="This is a fault of the segmenter.")
            return TraceStep(number, None, added, seconds, f"{what}: {cause}")
        return TraceStep(number, mask, added, seconds)
