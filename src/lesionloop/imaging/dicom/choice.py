"""Which PET and which CT: by rules that are told, and never by chance.

An attenuation-corrected PET wins over one without. The CT must share the PET's frame of
reference; the one that covers most of it wins, then the one whose slice step is nearest to the
PET's. Where the rules leave several, nothing is chosen and the candidates are listed.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.header import number, philips_factor, text
from lesionloop.imaging.dicom.series import Scan, Series
from lesionloop.imaging.dicom.stack import extent_mm

__all__ = ["NO_CT", "Choice", "choose_ct", "choose_pet"]

#: Given as wanted CT: read the study without one.
NO_CT = "none"

_IMAGE_CLASSES = {
    "PT": (
        "1.2.840.10008.5.1.4.1.1.128",  # Positron Emission Tomography Image
        "1.2.840.10008.5.1.4.1.1.128.1",  # Legacy Converted Enhanced PET
        "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET
    ),
    "CT": (
        "1.2.840.10008.5.1.4.1.1.2",  # CT Image
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
    ),
}
_NOT_CORRECTED = re.compile(
    r"(?<![a-z])(nac|no[ _-]?ac|non[ _-]?ac|uncorrected|uncorr|no[nt]?[ _-]?att\w*|nonac)(?![a-z])",
    re.IGNORECASE,
)
_CORRECTED = re.compile(r"(?<![a-z])(ac|ctac|att\w*[ _-]?corr\w*)(?![a-z])", re.IGNORECASE)

#: Coverages that differ by less than this part of the PET count as equal.
_SAME_COVERAGE = 0.02
#: Slice steps that differ by less are equal, mm.
_SAME_STEP_MM = 0.05


@dataclass(frozen=True)
class Choice:
    """A series and why it was chosen.

    Args:
        series: what to read.
        notes: what the reader should know about the choice.
        passed_over: (series, reason) of the other candidates.
    """

    series: Series
    notes: tuple[str, ...] = ()
    passed_over: tuple[tuple[Series, str], ...] = ()


def choose_pet(scan: Scan, wanted: str | None = None) -> Choice:
    """Choose the PET series.

    Args:
        scan: what the folder holds.
        wanted: a UID or its end, a series number, or a description; None chooses by the rules.

    Raises:
        InputError: there is no PET; several are equally good; the folder holds several patients
            or studies; ``wanted`` fits none or several.
    """
    candidates = _candidates(scan, "PT")
    if not candidates:
        raise InputError(
            f"no PET series in {scan.folder}",
            cause=_inventory(scan),
            remedy="Give the folder that holds the PET images.",
        )
    if wanted is not None:
        chosen = _match(candidates, wanted, "PET", "--pet-series")
        return Choice(chosen, _correction_note(chosen))
    _require_one_study(scan)
    longest = max(len(series) for series in candidates)
    if longest > 1:  # single pictures, such as projections, are no volume
        candidates = [series for series in candidates if len(series) > 1]
    rank = {series.uid: _correction(series) for series in candidates}
    best = max(rank.values())
    reasons: dict[str, str] = {}
    top = _narrow(candidates, lambda s: -rank[s.uid], 0, "", reasons)
    reasons = {uid: _PET_REASONS[rank[uid]] for uid in reasons}
    top = _narrow(top, _is_counts, 0, "which holds counts that cannot become SUV", reasons)
    if len(top) > 1:
        raise _undecided(top, "PET", "--pet-series", scan)
    chosen = top[0]
    lost = tuple((s, reasons[s.uid]) for s in candidates if s is not chosen)
    notes = []
    if lost:
        notes.append(
            f"Of {len(candidates)} PET series {chosen} was chosen, {_PET_REASONS[best]}; not"
            f" {', '.join(f'{s}, {why}' for s, why in lost)}."
        )
    return Choice(chosen, (*notes, *_correction_note(chosen)), lost)


def choose_ct(scan: Scan, pet: Series, wanted: str | None = None) -> Choice | None:
    """Choose the CT that belongs to the PET; None when the folder has none.

    Args:
        scan: what the folder holds.
        pet: the chosen PET.
        wanted: a UID or its end, a series number, a description, or "none" for no CT.

    Raises:
        InputError: the CT is of another patient or in another frame of reference; several are
            equally good; ``wanted`` fits none or several.
    """
    if wanted is not None and wanted.strip().casefold() == NO_CT:
        return None
    candidates = [
        s for s in _candidates(scan, "CT") if len(s) > 1 or number(s.first, "NumberOfFrames")
    ]
    if wanted is not None:
        chosen = _match(candidates or _candidates(scan, "CT"), wanted, "CT", "--ct-series")
        _require_same_patient(chosen, pet)
        _require_same_frame(chosen, pet)
        return Choice(chosen, _frame_note(chosen, pet))
    candidates = [s for s in candidates if s.study_uid == pet.study_uid]
    if not candidates:
        return None
    for series in candidates:
        _require_same_patient(series, pet)
    sharing = [s for s in candidates if _shares_frame(s, pet)]
    if not sharing:
        _require_same_frame(candidates[0], pet)
    reasons = {s.uid: "another frame of reference" for s in candidates if s not in sharing}
    top = _narrow(sharing, lambda s: -_coverage(s, pet), _SAME_COVERAGE, "it covers less", reasons)
    pet_step = _step(pet)
    top = _narrow(
        top, lambda s: abs(_step(s) - pet_step), _SAME_STEP_MM, "its slice step is further", reasons
    )
    if len(top) > 1:
        raise _undecided(top, "CT", "--ct-series", scan)
    chosen = top[0]
    lost = tuple((s, reasons[s.uid]) for s in candidates if s is not chosen)
    notes = list(_frame_note(chosen, pet))
    if lost:
        notes.append(
            f"Of {len(candidates)} CT series {chosen} was chosen, by frame of reference, coverage"
            f" of the PET and slice step; not {', '.join(f'{s} ({why})' for s, why in lost)}."
        )
    return Choice(chosen, tuple(notes), lost)


_PET_REASONS = {
    0: "which is not attenuation corrected",
    1: "which does not say whether it is attenuation corrected",
    2: "which is attenuation corrected",
}


def _correction(series: Series) -> int:
    """2 attenuation corrected, 1 not known, 0 not corrected.

    A description that says NAC outweighs the ATTN flag: scanners exist that write the flag into
    both series, whereas nobody calls a corrected series NAC.
    """
    if _NOT_CORRECTED.search(series.description):
        return 0
    if "ATTN" in series.corrected:
        return 2
    if series.corrected:
        return 0
    method = text(series.first, "AttenuationCorrectionMethod")
    if method and method.casefold() not in {"none", "no"}:
        return 2
    return 2 if _CORRECTED.search(series.description) else 1


def _correction_note(pet: Series) -> tuple[str, ...]:
    correction = _correction(pet)
    if correction == 0:
        return (
            f"{pet} is not attenuation corrected, by its description or Corrected Image"
            " (0028,0051): its values are not quantitative.",
        )
    if correction == 1:
        return (f"{pet} does not say whether it is attenuation corrected.",)
    return ()


def _is_counts(series: Series) -> bool:
    """Whether the values are counts that nothing in the header turns into activity."""
    if (series.units or "").upper() not in {"CNTS", "PROPCNTS"}:
        return False
    return all(philips_factor(series.first, element) is None for element in (0x00, 0x09))


def _candidates(scan: Scan, modality: str) -> list[Series]:
    classes = _IMAGE_CLASSES[modality]
    return [
        s for s in scan if s.modality == modality and s.sop_class in classes and not s.localizer
    ]


def _match(candidates: Sequence[Series], wanted: str, what: str, option: str) -> Series:
    """The series that ``wanted`` names, by the first of the rules below that fits any."""
    wanted = wanted.strip()
    folded = wanted.casefold()
    rules: tuple[Callable[[Series], bool], ...] = (
        lambda s: s.uid == wanted,
        lambda s: wanted.isdigit() and s.series_number == int(wanted),
        lambda s: s.description.casefold() == folded,
        lambda s: bool(wanted) and s.uid.endswith(wanted.lstrip(".")),
        lambda s: bool(wanted) and folded in s.description.casefold(),
    )
    for rule in rules:
        found = [s for s in candidates if rule(s)]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{option} {wanted!r} fits {len(found)} {what} series",
                cause=_listed(found),
                remedy="Give the whole UID, or as much of its end as is unique.",
            )
    raise InputError(
        f"{option} {wanted!r} fits no {what} series",
        cause=_listed(candidates) if candidates else f"There is no {what} series.",
        remedy="Give a UID or its end, a series number or a description from this list.",
    )


def _undecided(top: Sequence[Series], what: str, option: str, scan: Scan) -> InputError:
    return InputError(
        f"{len(top)} {what} series in {scan.folder} are equally good",
        cause=_listed(top),
        remedy=f"Choose one with {option} (UID or its end, series number or description).",
    )


def _require_one_study(scan: Scan) -> None:
    images = [*_candidates(scan, "PT"), *_candidates(scan, "CT")]
    for what, keys in (
        ("patients", {s.patient_id for s in images}),
        ("studies", {s.study_uid for s in images}),
    ):
        if len(keys) > 1:
            raise InputError(
                f"{scan.folder} holds {len(keys)} {what}",
                cause="; ".join(f"{s} in {s.folder}" for s in images) + ".",
                remedy="Give the folder of one study, or choose the PET with --pet-series.",
            )


def _require_same_patient(ct: Series, pet: Series) -> None:
    if ct.patient_id != pet.patient_id:
        raise InputError(
            "CT and PET are of different patients",
            cause=f"PatientID (0010,0020) differs between {ct} (file {ct.files[0]}) and {pet}"
            f" (file {pet.files[0]}).",
            remedy="Give the folder of one patient.",
        )


def _shares_frame(ct: Series, pet: Series) -> bool:
    """False when both frames of reference are known and differ."""
    return None in (ct.frame_uid, pet.frame_uid) or ct.frame_uid == pet.frame_uid


def _require_same_frame(ct: Series, pet: Series) -> None:
    if not _shares_frame(ct, pet):
        raise InputError(
            "CT and PET are not in the same space",
            cause="FrameOfReferenceUID (0020,0052) differs between"
            f" {ct} (file {ct.files[0]}) and {pet} (file {pet.files[0]}).",
            remedy="Choose the CT of the PET/CT with --ct-series, or none with --ct-series none.",
        )


def _frame_note(ct: Series, pet: Series) -> tuple[str, ...]:
    if ct.frame_uid and pet.frame_uid:
        return ()
    return (
        "FrameOfReferenceUID (0020,0052) is missing from the CT or the PET: they are taken to"
        " share one.",
    )


def _narrow(
    series: Sequence[Series],
    cost: Callable[[Series], float],
    tolerance: float,
    reason: str,
    reasons: dict[str, str],
) -> list[Series]:
    """Those within ``tolerance`` of the lowest cost; the others get ``reason``."""
    costs = {s.uid: cost(s) for s in series}
    best = min(costs.values())
    for s in series:
        if costs[s.uid] > best + tolerance:
            reasons[s.uid] = reason
    return [s for s in series if costs[s.uid] <= best + tolerance]


def _coverage(ct: Series, pet: Series) -> float:
    """Part of the PET's extent along its slices that the CT's slices reach, 0 to 1."""
    ct_box, pet_box = extent_mm(ct), extent_mm(pet)
    if ct_box is None or pet_box is None:
        return 0.0
    axis = int(np.argmax(pet_box[1] - pet_box[0]))
    length = float(pet_box[1, axis] - pet_box[0, axis])
    shared = float(min(ct_box[1, axis], pet_box[1, axis]) - max(ct_box[0, axis], pet_box[0, axis]))
    return max(0.0, shared) / length if length > 0 else 0.0


def _step(series: Series) -> float:
    """Mean distance of neighbouring slices, mm; infinite when not known."""
    box = extent_mm(series)
    if box is None or len(series) < 2:
        return number(series.first, "SliceThickness") or float("inf")
    return float(np.linalg.norm(box[1] - box[0])) / (len(series) - 1)


def _listed(series: Sequence[Series]) -> str:
    return "; ".join(str(s) for s in series) + "."


def _inventory(scan: Scan) -> str:
    held = _listed(scan.series) if scan.series else "It holds no readable DICOM."
    lost = f" {len(scan.damaged)} damaged DICOM files." if scan.damaged else ""
    return f"{held} {scan.ignored} other files.{lost}"
