"""Check of the folds of a cross-validation: no patient may be trained on and validated on."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lesionloop.datasets.findings import Finding, Severity
from lesionloop.datasets.source_files import leaves
from lesionloop.datasets.splits import SPLITS, Fold, read_splits
from lesionloop.errors import InputError

__all__ = ["check_folds"]

_SHOWN = 3


def check_folds(
    dataset: Path, cases: set[str], patient_of: Callable[[str], str | None]
) -> Iterator[Finding]:
    """What is wrong with ``splits_final.json``; nothing when the data set has none.

    Args:
        dataset: folder of the data set.
        cases: names of its training cases.
        patient_of: the patient of a case, None when not known.
    """
    path = dataset / SPLITS
    if not path.is_file():
        return
    if leaves(path, dataset):
        yield _finding(
            Severity.WARNING, "link leads out of the data set", f"It leads to {path.resolve()}.",
            "Copy the file into the data set.",
        )  # fmt: skip
    try:
        folds = read_splits(path)
    except InputError as error:
        yield _finding(
            Severity.ERROR, "folds cannot be read", f"{error.what}. {error.cause or ''}".strip(),
            error.remedy or "Copy the file again.",
        )  # fmt: skip
        return
    listed = {name for fold in folds for name in (*fold.train, *fold.val)}
    if unknown := sorted(listed - cases):
        yield _finding(
            Severity.ERROR, "folds name cases that are not there", _some(unknown),
            "Add the cases, or take them out of the folds.",
        )  # fmt: skip
    if left := sorted(cases - listed):
        yield _finding(
            Severity.WARNING, "cases are in no fold", _some(left), "Add them to the folds."
        )
    for number, fold in enumerate(folds):
        yield from _fold(number, fold, patient_of)
    yield from _validated(folds, patient_of)


def _fold(number: int, fold: Fold, patient_of: Callable[[str], str | None]) -> Iterator[Finding]:
    train, val = set(fold.train), set(fold.val)
    for part, names in (("train", fold.train), ("val", fold.val)):
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            yield _finding(
                Severity.WARNING, "a fold names a case twice",
                f"Fold {number}, {part}: {_some(twice)}", "Name it once.",
            )  # fmt: skip
    if both := sorted(train & val):
        yield _finding(
            Severity.ERROR, "a case is in train and val of one fold",
            f"Fold {number}: {_some(both)}", "Leave it in one of them.",
        )  # fmt: skip
    patients = {name: patient_of(name) for name in train | val}
    shared = {patients[n] for n in train} & {patients[n] for n in val} - {None}
    only = sorted(
        patient
        for patient in shared
        if patient and {n for n in train | val if patients[n] == patient} - (train & val)
    )
    if only:
        yield _finding(
            Severity.ERROR, "a patient is in train and val of one fold",
            f"Fold {number}: {_some(only)}", "Keep all studies of a patient together.",
        )  # fmt: skip


def _validated(folds: list[Fold], patient_of: Callable[[str], str | None]) -> Iterator[Finding]:
    """Patients whose studies are validated in different folds, and cases validated twice."""
    where: dict[str, set[int]] = {}
    studies: dict[str, set[str]] = {}
    times: dict[str, int] = {}
    for number, fold in enumerate(folds):
        for name in set(fold.val):
            times[name] = times.get(name, 0) + 1
            if patient := patient_of(name):
                where.setdefault(patient, set()).add(number)
                studies.setdefault(patient, set()).add(name)
    if several := sorted(p for p in where if len(where[p]) > 1 and len(studies[p]) > 1):
        yield _finding(
            Severity.WARNING, "a patient is validated in several folds", _some(several),
            "Keep all studies of a patient together.",
        )  # fmt: skip
    if twice := sorted(name for name, count in times.items() if count > 1):
        yield _finding(
            Severity.WARNING, "a case is validated in several folds", _some(twice),
            "Validate each case once, or its scores count more than others'.",
        )  # fmt: skip


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{len(listed)}: {', '.join(listed[:_SHOWN])}{more}."


def _finding(severity: Severity, kind: str, detail: str, remedy: str) -> Finding:
    return Finding(severity, kind, (SPLITS,), detail, remedy)
