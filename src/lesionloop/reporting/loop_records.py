"""What a report of interactive loops is made from: steps, runs and groups of runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

from lesionloop.errors import InputError
from lesionloop.metrics.loop_summary import LoopScores, LoopSummary, summarise_loops

__all__ = ["CaseReport", "Group", "StepRow", "group_cases", "runs_by_case"]


@dataclass(frozen=True)
class StepRow:
    """One step of one run.

    Args:
        step: number from 0; step 0 is the mask before any scribble.
        dice: voxel Dice with the reference.
        dmm: detection F1; NaN without reference lesions.
        tp: reference lesions found.
        fp: predicted lesions that match none.
        fn: reference lesions missed.
        fpv_ml: volume of predicted lesions off every reference lesion, ml; may be NaN.
        fnv_ml: volume of reference lesions that the mask does not touch, ml; may be NaN.
        seconds: time that the segmenter took, s; NaN where not measured.
        scribble_label: class of the scribble added for this step; None where there was none.
        scribble_points: number of its points.
    """

    step: int
    dice: float
    dmm: float
    tp: int
    fp: int
    fn: int
    fpv_ml: float = nan
    fnv_ml: float = nan
    seconds: float = nan
    scribble_label: str | None = None
    scribble_points: int = 0


@dataclass(frozen=True)
class CaseReport:
    """One run of the loop: one case, one segmenter, one strategy.

    Args:
        case: name of the case.
        segmenter: name of the segmenter.
        strategy: how the scribbles were made.
        mode: the rules of the loop, in words of the caller; runs of different modes are never
            averaged together.
        steps: its steps in order, one at least.
        pictures: caption and PNG file of each picture.
        notes: lines that a reader of the report should see beside the case.

    Raises:
        InputError: there is no step.
    """

    case: str
    segmenter: str
    strategy: str
    mode: str
    steps: Sequence[StepRow]
    pictures: Sequence[tuple[str, bytes]] = field(default=(), repr=False)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise InputError(f"case {self.case} has no steps to report")

    def scores(self) -> LoopScores:
        """The columns of its steps."""
        return LoopScores(
            steps=[row.step for row in self.steps],
            dice=[row.dice for row in self.steps],
            dmm=[row.dmm for row in self.steps],
            fpv_ml=[row.fpv_ml for row in self.steps],
            fnv_ml=[row.fnv_ml for row in self.steps],
            seconds=[row.seconds for row in self.steps],
        )


@dataclass(frozen=True)
class Group:
    """Runs that are averaged together, and their averages.

    Args:
        segmenter: name of the segmenter.
        strategy: how the scribbles were made.
        mode: the rules of the loop.
        label: the parts of the three that tell this group from the others.
        number: position in the report, from 0; decides the colour.
        cases: the runs.
        summary: their averages.
    """

    segmenter: str
    strategy: str
    mode: str
    label: str
    number: int
    cases: Sequence[CaseReport]
    summary: LoopSummary


def group_cases(cases: Sequence[CaseReport]) -> list[Group]:
    """Group runs by segmenter, strategy and mode, in the order of their first appearance."""
    found: dict[tuple[str, str, str], list[CaseReport]] = {}
    for case in cases:
        found.setdefault((case.segmenter, case.strategy, case.mode), []).append(case)
    varies = [len({key[part] for key in found}) > 1 for part in range(3)]
    if not any(varies):
        varies = [True, True, False]
    return [
        Group(
            *key,
            label=" · ".join(text for text, differs in zip(key, varies, strict=True) if differs),
            number=number,
            cases=runs,
            summary=summarise_loops([run.scores() for run in runs]),
        )
        for number, (key, runs) in enumerate(found.items())
    ]


def runs_by_case(groups: Sequence[Group]) -> dict[str, list[tuple[CaseReport, Group]]]:
    """Return the runs of each case with their groups, by case name in the order of appearance."""
    found: dict[str, list[tuple[CaseReport, Group]]] = {}
    for group in groups:
        for run in group.cases:
            found.setdefault(run.case, []).append((run, group))
    return found
