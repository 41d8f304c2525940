"""Files of predictions and of their references."""

from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging.names import images_by_name, strip_ending

__all__ = ["files_by_name"]


def files_by_name(prediction: Path, reference: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Predictions, and references in the order of their names, of two files or two folders.

    Two files are a pair whatever they are called; in folders the names pair them.

    Raises:
        InputError: one does not exist, one is a file and the other a folder, or there is no
            reference.
    """
    for path in (prediction, reference):
        if not path.exists():
            raise InputError(
                f"cannot read {path}", cause="There is no such file.", remedy="Check the path."
            )
    if prediction.is_dir() != reference.is_dir():
        folder, file = (prediction, reference) if prediction.is_dir() else (reference, prediction)
        raise InputError(
            f"cannot score {prediction} against {reference}",
            cause=f"{folder} is a folder and {file} is a file.",
            remedy="Give two files or two folders.",
        )
    if not reference.is_dir():
        name = strip_ending(reference)
        return {name: prediction}, {name: reference}
    masks, labels = images_by_name(prediction), images_by_name(reference)
    if not labels:
        raise InputError(f"no reference in {reference}", remedy="Give a folder of NIfTI or MHA.")
    return masks, dict(sorted(labels.items()))
