"""A study from the command line: files or a DICOM folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from lesionloop.cli.console import note
from lesionloop.errors import InputError

if TYPE_CHECKING:
    from lesionloop.imaging import Study

__all__ = ["read_input", "tell"]


def read_input(
    *,
    ct: Path | None,
    pet: Path | None,
    dicom: Path | None,
    pet_series: str | None = None,
    ct_series: str | None = None,
    weight_kg: float | None = None,
    tracer: str | None = None,
) -> "Study":
    """Read the study that the options name.

    Raises:
        InputError: neither or both of files and folder are given, or the study is refused.
    """
    if (pet is None) == (dicom is None):
        raise InputError(
            "give either --pet (with --ct) or --dicom",
            remedy="See `lesionloop segment --help` for examples.",
        )
    if dicom is not None:
        if ct is not None:
            raise InputError(
                "--ct does not go with --dicom", remedy="Choose the CT series with --ct-series."
            )
        from lesionloop.imaging.dicom import read_dicom_study

        return read_dicom_study(
            dicom, pet_series=pet_series, ct_series=ct_series, weight_kg=weight_kg, tracer=tracer
        )
    from lesionloop.imaging import read_study

    if pet_series or ct_series or weight_kg is not None:
        raise InputError(
            "--pet-series, --ct-series and --weight-kg go with --dicom only",
            remedy="Leave them out; a PET file holds SUV already.",
        )
    assert pet is not None  # noqa: S101  (checked above; for the type checker)
    return read_study(ct, pet, tracer=tracer)


def tell(study: "Study", *, prefix: str = "") -> None:
    """Print how the SUV came about, and every guess and oddity, on stderr."""
    facts = study.provenance.facts
    factor = facts.get("suv_factor")
    if isinstance(factor, float):
        note(
            f"{prefix}SUV = {factor:.5g} x PET values in {facts.get('pet_units')}"
            f" ({facts.get('suv_method')})"
        )
    for line in study.provenance.notes:
        note(f"{prefix}note: {line}")
