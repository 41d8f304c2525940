"""Check of a data set in nnU-Net layout, before anything is trained or measured on it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionloop.datasets.autopet_names import parse_name
from lesionloop.datasets.case_records import RECORDS, CaseRecords
from lesionloop.datasets.check_case import CaseCheck, CaseJob, check_case
from lesionloop.datasets.check_folds import check_folds
from lesionloop.datasets.findings import Finding, Severity
from lesionloop.datasets.inventory import Parts, list_parts
from lesionloop.datasets.source_files import leaves, read_json
from lesionloop.errors import InputError

__all__ = ["DatasetCheck", "check_dataset"]

Spread = Callable[[Callable[[CaseJob], CaseCheck], Sequence[CaseJob]], Iterable[CaseCheck]]

_DESCRIPTION = "dataset.json"


@dataclass(frozen=True)
class DatasetCheck:
    """What was found in a data set.

    Args:
        cases: how many there are.
        findings: errors first, then by kind and case.
    """

    cases: int
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """How many findings are as bad as this."""
        return sum(finding.severity is severity for finding in self.findings)


def check_dataset(dataset: Path | str, *, spread: Spread = map) -> DatasetCheck:
    """Check a data set in nnU-Net layout: files, grids, values, duplicates, folds.

    Every image is decompressed once, which is the only way to find one that is cut short; one
    image per worker is in memory at a time.

    Args:
        dataset: folder that holds ``imagesTr`` (``imagesTs``, ``images``); all of them are checked.
        spread: calls a function for each of several jobs, in any order, as :func:`map` does; a pool
            of processes may do it.

    Raises:
        InputError: the folder is not in this layout, cannot be read, or holds no image.
    """
    dataset = Path(dataset)
    parts = list_parts(dataset, every_folder=True)
    if not parts:
        raise InputError(
            f"no case in {dataset}",
            cause="There are no files <name>_0000 (CT) and <name>_0001 (PET).",
            remedy="See the nnU-Net layout in docs/formats.md, or run `lesionloop convert`.",
        )
    findings = list(_missing(dataset, parts))
    checks = list(spread(check_case, [CaseJob(dataset, part) for part in parts]))
    for check in checks:
        findings += check.findings
    findings += _same_images(parts, checks)
    training = {part.name for part in parts if part.folder != "imagesTs"}
    findings += check_folds(dataset, training, _patients(dataset))
    findings += _description(dataset, parts)
    findings += _refused(dataset)
    order = list(Severity)
    findings.sort(key=lambda f: (order.index(f.severity), f.kind, f.case or "", f.files))
    return DatasetCheck(len(parts), tuple(findings))


def _missing(dataset: Path, parts: Sequence[Parts]) -> Iterator[Finding]:
    no_ct = [part for part in parts if part.pet and not part.ct]
    all_without_ct = len(no_ct) == sum(bool(part.pet) for part in parts)
    if no_ct and all_without_ct:
        yield Finding(
            Severity.NOTE, "no case has a CT", (no_ct[0].folder,), "",
            "Segmentation then rests on PET alone.",
        )  # fmt: skip
    for part in parts:
        files = tuple(
            path.relative_to(dataset).as_posix() for path in (*part.pet, *part.ct, *part.label)
        )
        if not part.pet:
            kind = "label has no images" if not part.ct else "PET is missing"
            yield Finding(
                Severity.ERROR, kind, files, f"There is no {part.folder}/{part.name}_0001.",
                "Add it, or remove the case.", part.name,
            )  # fmt: skip
            continue
        if not part.ct and not all_without_ct:
            yield Finding(
                Severity.WARNING, "CT is missing", files,
                f"There is no {part.folder}/{part.name}_0000.",
                "Add it; nnU-Net wants every channel of every case.", part.name,
            )  # fmt: skip
        if not part.label:
            test = part.folder == "imagesTs"
            yield Finding(
                Severity.NOTE if test else Severity.ERROR, "label is missing", files, "",
                "Needed for evaluation." if test else "Add it, or remove the case.", part.name,
            )  # fmt: skip
        if part.others:
            yield Finding(
                Severity.NOTE, "other channels are passed over",
                tuple(path.relative_to(dataset).as_posix() for path in part.others), "",
                "Only 0000 (CT) and 0001 (PET) are read.", part.name,
            )  # fmt: skip


def _same_images(parts: Sequence[Parts], checks: Sequence[CaseCheck]) -> Iterator[Finding]:
    files = {(part.folder, part.name): {"pet": part.pet, "ct": part.ct} for part in parts}
    for role, name, severity in (
        ("pet", "PET", Severity.ERROR), ("ct", "CT", Severity.WARNING),
    ):  # fmt: skip
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for check in checks:
            if role in check.hashes:
                groups[check.hashes[role]].append((check.folder, check.name))
        for group in groups.values():
            if len(group) > 1:
                group.sort()
                paths = [files[key][role][0] for key in group]
                yield Finding(
                    severity, f"{name} stands under several names",
                    tuple(f"{path.parent.name}/{path.name}" for path in paths),
                    f"The same values in {', '.join(case for _, case in group)}.",
                    "Keep one of them, or one fold for all.", group[0][1],
                )  # fmt: skip


def _patients(dataset: Path) -> Callable[[str], str | None]:
    """The patient of a case: as the conversion recorded it, else by autoPET's names."""
    try:
        recorded = CaseRecords.read(dataset).cases
    except InputError:
        recorded = {}

    def patient_of(case: str) -> str | None:
        known = recorded.get(case, {}).get("patient")
        if isinstance(known, str):
            return known
        name = parse_name(case)
        return name.patient if name else None

    return patient_of


def _description(dataset: Path, parts: Sequence[Parts]) -> Iterator[Finding]:
    """What is wrong with ``dataset.json``, which nnU-Net needs and this program does not."""
    path = dataset / _DESCRIPTION
    if not path.is_file():
        yield _about(
            Severity.NOTE, "dataset.json is missing", "", "nnU-Net needs one; evaluation does not."
        )
        return
    if leaves(path, dataset):
        yield _about(
            Severity.WARNING, "link leads out of the data set", f"It leads to {path.resolve()}.",
            "Copy the file into the data set.",
        )  # fmt: skip
    try:
        content = read_json(path)
    except InputError as error:
        yield _about(
            Severity.ERROR, "dataset.json cannot be read",
            f"{error.what}. {error.cause or ''}".strip(), error.remedy or "Copy it again.",
        )  # fmt: skip
        return
    if not isinstance(content, dict):
        yield _about(
            Severity.ERROR, "dataset.json cannot be read", "It is not an object.", "Copy it again."
        )
        return
    told = content.get("numTraining")
    there = sum(bool(part.label and part.pet) and part.folder != "imagesTs" for part in parts)
    if told is not None and told != there:
        yield _about(
            Severity.WARNING, "dataset.json counts other cases",
            f"numTraining is {told}; {there} cases have images and a label.",
            "Correct the number, or look for the missing cases.",
        )  # fmt: skip


def _refused(dataset: Path) -> Iterator[Finding]:
    """Cases that the conversion of this data set had to leave out."""
    try:
        failed = CaseRecords.read(dataset).failed
    except InputError as error:
        yield Finding(
            Severity.WARNING, "cases.json cannot be read", (RECORDS,), f"{error.what}.",
            error.remedy or "Copy it again.",
        )  # fmt: skip
        return
    for name, reason in failed.items():
        yield Finding(
            Severity.WARNING, "case was left out by the conversion", (RECORDS,), reason,
            "Repair the source and convert again.", name,
        )  # fmt: skip


def _about(severity: Severity, kind: str, detail: str, remedy: str) -> Finding:
    return Finding(severity, kind, (_DESCRIPTION,), detail, remedy)
