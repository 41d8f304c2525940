"""One case and one segmenter with every recorded session, and what that gives."""

from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.case_records import failure_of
from lesionloop.cohort.lesion_table import CaseRow, LesionRow, ReferenceLesions, lesion_rows
from lesionloop.cohort.recorded import RecordedSession, read_session
from lesionloop.cohort.scoring import ScoreRow, score_trace, trace_overlaps
from lesionloop.datasets import CaseFiles
from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging import Study, Volume, read_label, require_same_grid
from lesionloop.interaction import RecordedReader, SimulatedReader, Trace, TraceStep, run_loop
from lesionloop.interaction.loop import Attempts, trace_facts
from lesionloop.interaction.trace import TraceFolder
from lesionloop.ranking.agreement import mask_agreement
from lesionloop.scribbles import Scribble, ScribbleSet
from lesionloop.segmenters import Segmenter, load_segmenter

__all__ = [
    "AFTER_SESSION", "OWN_MASKS", "MaskAgreementRow", "Replay", "ReplayRun", "Replayed",
    "lost_replay", "replay_case", "replay_session", "strategy_of",
]  # fmt: skip

#: Which masks agree: the segmenter's after each reader's session, or those the readers drew.
AFTER_SESSION = "after session"
OWN_MASKS = "own"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Replay:
    """One case, one segmenter, all readers.

    Args:
        files: of the case.
        segmenter: registered name, or command:PROGRAM.
        options: of the segmenter.
        label: the segmenter's name in tables.
        sessions: reader -> JSON file or folder.
        masks: reader -> own final mask, when they are to be compared.
        own_errors: strategy of the simulated reader that corrects the segmenter's own errors
            beside them; None for none.
        seed: of that reader.
        folder: of the segmenter's traces.
    """

    files: CaseFiles
    segmenter: str
    options: dict[str, Any]
    label: str
    sessions: dict[str, Path]
    masks: dict[str, Path]
    own_errors: str | None
    seed: int
    folder: Path


@dataclass(frozen=True)
class ReplayRun:
    """One reader on one case with one segmenter: scores, or the reason why there are none.

    Args:
        case, segmenter, strategy: which run, as in ``scores.csv``.
        reader: name; None for the simulated reader on own errors.
        session: what was replayed, once it was read and its points were found inside the grid.
        rows: scores by step.
        lesions: when each reference lesion was found.
        failure: why there are no scores.
        is_fault: the failure is a fault of the program, not of the input.
    """

    case: str
    segmenter: str
    strategy: str
    reader: str | None
    session: RecordedSession | None = None
    rows: tuple[ScoreRow, ...] = ()
    lesions: tuple[LesionRow, ...] = ()
    failure: str | None = None
    is_fault: bool = False


@dataclass(frozen=True)
class MaskAgreementRow:
    """Masks of two readers on one case; the columns of ``agreement.csv`` in their order.

    Args:
        case: name.
        segmenter: name; empty for the readers' own masks.
        masks: "after session" or "own".
        reader_a, reader_b: names.
        lesion_free: the reference holds no lesion.
        dice: of the two masks; 1 when both are empty.
        dmm: mean of both ways to take one of them as reference; NaN when both are empty.
        dmm_a_reference, dmm_b_reference: the two ways.
    """

    case: str
    segmenter: str
    masks: str
    reader_a: str
    reader_b: str
    lesion_free: bool
    dice: float
    dmm: float
    dmm_a_reference: float
    dmm_b_reference: float


@dataclass(frozen=True)
class Replayed:
    """What a replay of one case gave.

    Args:
        replay: which.
        runs: one for each reader, and for own errors.
        case: what the case is like; None when it could not be read.
        agreement: of the masks of every two readers.
        failures: what else went wrong: reader -> why its own mask could not be used.
    """

    replay: Replay
    runs: tuple[ReplayRun, ...]
    case: CaseRow | None = None
    agreement: tuple[MaskAgreementRow, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)


def strategy_of(reader: str) -> str:
    """What stands for a reader in the strategy column."""
    return f"reader:{reader}"


def replay_session(
    segmenter: Segmenter,
    study: Study,
    session: RecordedSession,
    reader: str,
    out: Path | None = None,
) -> Trace:
    """Play a recorded session against a segmenter.

    Step 0 has no scribbles; step ``k`` has the strokes of steps 1 to ``k``, so that what the reader
    drew in one step reaches the segmenter at once. Where nothing was drawn the mask stands. A
    ``StepFailureError`` is recorded, and the loop goes on with the older mask.

    Args:
        segmenter: makes the masks.
        study: what is segmented.
        session: what was drawn.
        reader: name, for the trace.
        out: folder of the trace; a replay interrupted there continues. None keeps it in memory.
            A step that has strokes of both labels has no ``scribble`` there; all strokes stand
            under ``session``.

    Raises:
        InputError: a point is outside the study's grid, or the segmenter refuses the study or gives
            a mask of another shape.
        OutputError: the trace cannot be written.
    """
    session.scribbles.check(study.grid, source=session.source)
    recorded = RecordedReader(session.scribbles)
    facts = trace_facts(segmenter, study, recorded)
    facts["reader"] = {**facts["reader"], "name": reader}
    facts["provenance"]["files"]["session"] = session.source
    facts["session"] = [
        {"step": stroke.step, "label": stroke.label, "points": stroke.points.tolist()}
        for stroke in session.scribbles
    ]
    folder = TraceFolder(out, facts) if out is not None else None
    done = folder.resume(study.grid)[: session.steps + 1] if folder else []
    attempts = Attempts(segmenter, study)
    for number in range(len(done), session.steps + 1):
        so_far = session.scribbles.up_to(number)
        new = ScribbleSet(tuple(stroke for stroke in so_far if stroke.step == number))
        before = done[-1].mask if done else None
        if number == 0 or len(new):
            step = attempts.step(number, so_far, added=_joined(new), before=before)
        else:
            step = TraceStep(number, before, None, 0.0)
        done.append(step)
        if folder:
            folder.write(step, so_far, study)
    return Trace(study.name, recorded.mode, tuple(done), session.scribbles, facts)


def _joined(new: ScribbleSet) -> Scribble | None:
    """The strokes of a step as one scribble; None when they have both labels, or there are none."""
    labels = {stroke.label for stroke in new}
    if len(labels) != 1:
        return None
    points = np.concatenate([stroke.points for stroke in new])
    return ScribbleSet().add(points, labels.pop(), new.scribbles[0].step).scribbles[0]


def replay_case(replay: Replay) -> Replayed:
    """Play all sessions of a case; what goes wrong becomes the reason, and the others go on."""
    try:
        study, label = replay.files.read()
        segmenter = load_segmenter(replay.segmenter, **replay.options)
    except Exception as error:
        return lost_replay(replay, *failure_of(error, replay.files.name))
    case = _Case(replay, study, label, segmenter)
    runs = [case.replay(reader, path) for reader, path in replay.sessions.items()]
    if replay.own_errors:
        runs.append(case.correct_own_errors(runs))
    agreement = case.agreement(replay.label, AFTER_SESSION, case.final)
    failures: dict[str, str] = {}
    own: dict[str, Mask] = {}
    for reader, path in replay.masks.items():
        try:
            volume = read_label(path)
            require_same_grid(volume, study.pet)
            own[reader] = volume.mask()
        except LesionLoopError as error:
            failures[reader] = str(error)
    agreement += case.agreement("", OWN_MASKS, own)
    row = case.reference.case_row(study)
    return Replayed(replay, tuple(runs), row, tuple(agreement), failures)


def lost_replay(replay: Replay, reason: str, is_fault: bool = False) -> Replayed:
    """The result of a replay that gave none."""
    names: list[tuple[str, str | None]] = [(strategy_of(r), r) for r in replay.sessions]
    names += [(replay.own_errors, None)] if replay.own_errors else []
    return Replayed(
        replay,
        tuple(
            ReplayRun(
                replay.files.name, replay.label, strategy, reader,
                failure=reason, is_fault=is_fault,
            )
            for strategy, reader in names
        ),
    )  # fmt: skip


class _Case:
    """A case that was read, with the masks that its readers arrived at."""

    def __init__(self, replay: Replay, study: Study, label: Volume, segmenter: Segmenter) -> None:
        self._replay, self._study, self._label = replay, study, label.values
        self._segmenter = segmenter
        self.reference = ReferenceLesions.of(study, label.values)
        self.final: dict[str, Mask] = {}

    def replay(self, reader: str, path: Path) -> ReplayRun:
        """The session of a reader."""
        session: RecordedSession | None = None
        strategy = strategy_of(reader)
        try:
            session = read_session(path, self._study.grid)
            out = self._replay.folder / f"reader-{reader}" / self._study.name
            trace = replay_session(self._segmenter, self._study, session, reader, out)
        except Exception as error:
            return self._failed(strategy, reader, session, error)
        if trace.mask is not None:
            self.final[reader] = trace.mask
        return self._scored(trace, strategy, reader, session)

    def correct_own_errors(self, runs: list[ReplayRun]) -> ReplayRun:
        """The simulated reader, for as many steps as the longest session of the case has."""
        strategy = self._replay.own_errors or ""
        try:
            steps = [run.session.steps for run in runs if run.session is not None]
            if not steps:
                raise InputError(
                    f"{self._study.name}: there is no session to take the number of steps from"
                )
            reader = SimulatedReader(self._label, strategy, self._replay.seed)
            out = self._replay.folder / strategy / self._study.name
            trace = run_loop(self._segmenter, self._study, reader, max(steps), out)
        except Exception as error:
            return self._failed(strategy, None, None, error)
        return self._scored(trace, strategy, None, None)

    def agreement(
        self, segmenter: str, kind: str, masks: dict[str, Mask]
    ) -> list[MaskAgreementRow]:
        """Masks of every two readers."""
        rows = []
        for one, two in combinations(sorted(masks), 2):
            found = mask_agreement(masks[one], masks[two])
            rows.append(
                MaskAgreementRow(
                    self._study.name, segmenter, kind, one, two, not len(self.reference.voxels),
                    found.dice, found.dmm, found.dmm_first, found.dmm_second,
                )
            )  # fmt: skip
        return rows

    def _scored(
        self, trace: Trace, strategy: str, reader: str | None, session: RecordedSession | None
    ) -> ReplayRun:
        overlaps = trace_overlaps(trace, self._label)
        names = {"segmenter": self._replay.label, "strategy": strategy}
        spacing = self._study.grid.spacing
        rows = score_trace(trace, self._label, spacing, overlaps=overlaps, **names)
        lesions = lesion_rows(overlaps, self.reference, case=self._study.name, **names)
        return ReplayRun(
            self._study.name, self._replay.label, strategy, reader, session,
            tuple(rows), tuple(lesions),
        )  # fmt: skip

    def _failed(
        self,
        strategy: str,
        reader: str | None,
        session: RecordedSession | None,
        error: Exception,
    ) -> ReplayRun:
        where = f"{self._study.name}, {self._replay.label}, {strategy}"
        reason, is_fault = failure_of(error, where)
        return ReplayRun(
            self._study.name, self._replay.label, strategy, reader, session,
            failure=reason, is_fault=is_fault,
        )  # fmt: skip
