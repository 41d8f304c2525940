"""A DICOM folder becomes a study: choose, read, scale, assemble, and tell how."""

from functools import partial
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.choice import Choice, choose_ct, choose_pet
from lesionloop.imaging.dicom.pixels import read_series
from lesionloop.imaging.dicom.rwv import check_real_world_values
from lesionloop.imaging.dicom.series import Scan, Series, scan_folder
from lesionloop.imaging.dicom.stack import stack_slices
from lesionloop.imaging.dicom.suv import activity_factor, suv_factor
from lesionloop.imaging.dicom.tracers import find_tracer
from lesionloop.imaging.study import Fact, Provenance, Study, assemble_study
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.progress import stage

__all__ = ["read_dicom_study"]

_QUANTITIES = {"suv": Quantity.SUV_BW, "bq-ml": Quantity.BQ_ML}


def read_dicom_study(
    folder: Path | str,
    *,
    pet_series: str | None = None,
    ct_series: str | None = None,
    weight_kg: float | None = None,
    quantity: str = "suv",
    tracer: str | None = None,
    name: str | None = None,
) -> Study:
    """Read the PET/CT study in a folder.

    Args:
        folder: any layout; other series and files are passed over.
        pet_series: UID or its end, series number or description; None: chosen by the rules of
            :func:`choose_pet`.
        ct_series: the same for the CT; "none" reads the PET alone.
        weight_kg: overrides the header's weight.
        quantity: "suv" or "bq-ml" (activity as it is).
        tracer: "fdg" or "psma"; None: from the header when it is clear.
        name: case name; None: the folder's name (never the patient's identifiers).

    Returns:
        PET float32 and CT on the PET grid; factor, inputs and every guess in its provenance.

    Raises:
        InputError: nothing suitable, several equally good, damaged or missing slices, CT and PET
            that do not belong together, or SUV that cannot be computed.
    """
    if quantity not in _QUANTITIES:
        raise InputError(
            f"unknown quantity {quantity!r}", remedy=f"Use one of: {', '.join(_QUANTITIES)}."
        )
    scan = scan_folder(folder)
    if not any(series.modality == "PT" for series in scan):
        scan.require_whole()
    pet = choose_pet(scan, pet_series)
    ct = choose_ct(scan, pet.series, ct_series)
    scan.require_whole(pet.series, *([ct.series] if ct else []))
    notes = [*pet.notes, *(ct.notes if ct else _left_out(scan, pet.series, ct_series))]
    facts: dict[str, Fact] = {
        "pet_series_uid": pet.series.uid,
        "ct_series_uid": ct.series.uid if ct else None,
    }
    stack = stack_slices(pet.series)
    notes.extend(stack.notes)
    if quantity == "suv":
        factor = suv_factor(pet.series.headers, weight_kg=weight_kg)
        check = check_real_world_values(scan, pet.series, factor)
        factors = factor.slice_factors or (factor.factor,) * len(pet.series)
        facts.update(factor.facts())
        facts["rwv_suv_factor"] = check.factors[0][1] if check.factors else None
        facts["rwv_agrees"] = check.agrees
        notes.extend((*factor.guesses, *check.notes))
    else:
        factors = tuple(activity_factor(header) for header in pet.series.headers)
        facts["activity_factor"] = sum(factors) / len(factors)
    with stage(0.2, 0.5):
        volume = read_series(
            pet.series, quantity=_QUANTITIES[quantity], factors=factors, stack=stack
        )
    with stage(0.5, 0.9):
        ct_volume = _read_ct(ct, notes)
    if scan.repeated:
        notes.append(f"{scan.repeated} files repeat an instance and were passed over.")
    with stage(0.9, 1.0):
        return assemble_study(
            volume,
            ct_volume,
            name=name or Path(folder).resolve().name,
            tracer=tracer or find_tracer(pet.series.first),
            provenance=Provenance(
                files={
                    "pet": str(pet.series.folder),
                    **({"ct": str(ct.series.folder)} if ct else {}),
                },
                facts=facts,
                notes=tuple(notes),
                pet_files=tuple(str(path) for path in pet.series.files),
            ),
            load_native_ct=partial(read_series, ct.series) if ct else None,
        )


def _left_out(scan: Scan, pet: Series, wanted: str | None) -> tuple[str, ...]:
    """A note when there is a CT, but of another examination than the PET."""
    others = [s for s in scan if s.modality == "CT" and s.study_uid != pet.study_uid]
    if wanted is not None or not others:
        return ()
    return (f"{others[0]} is of another examination than the PET and was left out: --ct-series.",)


def _read_ct(choice: Choice | None, notes: list[str]) -> Volume | None:
    if choice is None:
        return None
    stack = stack_slices(choice.series)
    notes.extend(stack.notes)
    return read_series(choice.series, stack=stack)
