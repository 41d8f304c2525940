"""Check of a data set in the TriALS layout, before it is fused or scored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lesionloop.datasets.check import DatasetCheck
from lesionloop.datasets.findings import Finding, Severity
from lesionloop.datasets.trials import COMBINED, PHASES, TrialsCase, find_trials
from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Volume, read_volume

__all__ = ["TrialsCheck", "TrialsJob", "check_trials", "check_trials_case"]

#: Values of labels: outside, liver, lesion.
_VALUES = (0, 1, 2)


@dataclass(frozen=True)
class TrialsJob:
    """A case to be checked, and the folder that its files are named below."""

    dataset: Path
    case: TrialsCase


@dataclass(frozen=True)
class TrialsCheck:
    """What was found in a case."""

    name: str
    findings: list[Finding]


Spread = Callable[[Callable[[TrialsJob], TrialsCheck], Sequence[TrialsJob]], Iterable[TrialsCheck]]


def check_trials(dataset: Path, *, spread: Spread = map) -> DatasetCheck:
    """Check a TriALS folder: files, grids, values of the labels, centres.

    Args:
        dataset: holds ``imagesTr`` and ``labelsTr``.
        spread: calls a function for each of several jobs, in any order, as :func:`map` does.

    Raises:
        InputError: there is no case in it.
    """
    cases = find_trials(dataset)
    findings = [
        entry
        for check in spread(check_trials_case, [TrialsJob(dataset, case) for case in cases])
        for entry in check.findings
    ]
    findings += _centres(cases)
    order = list(Severity)
    findings.sort(key=lambda f: (order.index(f.severity), f.kind, f.case or "", f.files))
    return DatasetCheck(len(cases), tuple(findings))


def check_trials_case(job: TrialsJob) -> TrialsCheck:
    """Read every file of a case and judge it; what is wrong with a file is a finding."""
    return TrialsCheck(job.case.name, list(_findings(job)))


def _centres(cases: Sequence[TrialsCase]) -> Iterator[Finding]:
    without = [case.name for case in cases if case.centre is None]
    if without:
        yield Finding(
            Severity.NOTE, "centre is not known", ("cases.csv",),
            f"{len(without)} of {len(cases)} cases, such as {without[0]}.",
            "The ranking goes by centre: write cases.csv with case, centre and split.",
        )  # fmt: skip


def _findings(job: TrialsJob) -> Iterator[Finding]:
    yield from _missing(job.case)
    read: dict[Path, Volume] = {}
    for paths, quantity in ((job.case.images, Quantity.HU), (job.case.labels, Quantity.LABEL)):
        for path in paths.values():
            try:
                read[path] = read_volume(path, quantity)
            except InputError as error:
                detail = " ".join(filter(None, (f"{error.what}.", error.cause)))
                yield _of_file(
                    job, path, Severity.ERROR, "file cannot be read", detail,
                    error.remedy or "Copy it again.",
                )  # fmt: skip
    for kind, path in job.case.labels.items():
        if path in read:
            image = job.case.images.get(PHASES[0] if kind == COMBINED else kind)
            yield from _label(job, path, read[path], read.get(image) if image else None)


def _missing(case: TrialsCase) -> Iterator[Finding]:
    for phase in PHASES:
        if phase not in case.images:
            yield Finding(
                Severity.ERROR, "phase is missing", (), f"There is no {case.name}_{phase}.",
                "Add it, or leave the case out.", case.name,
            )  # fmt: skip
    severity = Severity.WARNING if case.split == "train" else Severity.NOTE
    for kind in (*PHASES, COMBINED):
        if kind not in case.labels:
            yield Finding(
                severity, "label is missing", (), f"There is no label {case.name}_{kind}.",
                "`lesionloop fuse` makes the combined one." if kind == COMBINED else "Add it.",
                case.name,
            )  # fmt: skip


def _label(job: TrialsJob, path: Path, label: Volume, image: Volume | None) -> Iterator[Finding]:
    if image is not None and not label.grid.agrees_with(image.grid):
        yield _of_file(
            job, path, Severity.ERROR, "label and CT are on different grids",
            f"Shapes {label.grid.shape} and {image.grid.shape} (x, y, z).",
            "Check that they belong together.",
        )  # fmt: skip
    values = np.unique(label.values)
    wrong = np.setdiff1d(values, _VALUES)
    if len(wrong):
        yield _of_file(
            job, path, Severity.ERROR, "label holds other values",
            f"Such as {wrong[0]}; known are 0 outside, 1 liver, 2 lesion.", "Convert it.",
        )  # fmt: skip
    elif 1 not in values:
        yield _of_file(
            job, path, Severity.WARNING, "label holds no liver", "", "Fusing needs the liver as 1."
        )


def _of_file(  # noqa: PLR0917  (the parts of a finding, in its order)
    job: TrialsJob, path: Path, severity: Severity, kind: str, detail: str, remedy: str
) -> Finding:
    name = path.relative_to(job.dataset).as_posix()
    return Finding(severity, kind, (name,), detail, remedy, job.case.name)
