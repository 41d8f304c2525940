"""A data set of synthetic studies, for those who have none at hand."""

from collections.abc import Callable
from pathlib import Path

from lesionloop.datasets.nnunet import write_case
from lesionloop.errors import InputError
from lesionloop.imaging import assemble_study
from lesionloop.imaging.names import image_ending
from lesionloop.phantom import make_phantom

__all__ = ["FIRST_SEED", "write_phantoms"]

#: Seeds of these patients. Bodies for training have seeds from 1000 times the recipe's seed on, a
#: few dozen of them, so these are never trained on.
FIRST_SEED = 900


def write_phantoms(
    folder: Path,
    count: int,
    *,
    field_mm: tuple[float, float, float] | None = None,
    on_case: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> Path:
    """Write labelled synthetic PET/CT in the nnU-Net layout, FDG and PSMA in turn.

    Args:
        folder: gets the cases; those that are there stay.
        count: of cases, 1 to 100.
        field_mm: size of the field, see `make_phantom`.
        on_case: called with the name of a finished case, how many are done, and of how many.

    Returns:
        The folder.

    Raises:
        InputError: the count is out of range.
        OutputError: the folder cannot be written.
    """
    if not 1 <= count <= 100:
        raise InputError(f"the number of phantoms is 1 to 100, not {count}")
    labels = folder / "labelsTr"
    there = {path.name for path in labels.iterdir()} if labels.is_dir() else set()
    for number in range(count):
        seed = FIRST_SEED + number
        name = f"{'psma' if number % 2 else 'fdg'}_phantom_{seed}"
        if not any(file.startswith(f"{name}.") and image_ending(Path(file)) for file in there):
            phantom = make_phantom(
                seed=seed, tracer="psma" if number % 2 else "fdg", field_mm=field_mm
            )
            study = assemble_study(phantom.pet, phantom.ct, name=name, tracer=phantom.tracer)
            write_case(study, folder, label=phantom.reference)
        on_case(name, number + 1, count)
    return folder
