"""Training on synthetic bodies: tissue maps, another patient and other lesions every time."""

from collections.abc import Collection, Iterator
from pathlib import Path

import torch

from lesionloop.phantom.anatomy import prepare_anatomies
from lesionloop.phantom.patches import PatchSource
from lesionloop.phantom.synthesis import synthesise
from lesionloop.phantom.tissue_maps import procedural_tissue_map
from lesionloop.training.sample import Sample

__all__ = ["BodySource", "prepare_bodies"]

#: Seeds of procedural bodies for training start here times the recipe's seed; small seeds are
#: those that users give to `make_phantom`, which so stay unseen.
_FIRST_SEED = 1000


class BodySource:
    """Synthetic patches from tissue maps; all maps are kept in memory.

    Args:
        folder: of ``.npz`` tissue maps.
        names: of those to use.
        size: voxels per side of a patch.

    Raises:
        InputError: no tissue maps there, or a damaged one.
    """

    def __init__(self, folder: Path, *, names: Collection[str], size: int) -> None:
        self._patches = PatchSource(folder, names=sorted(names))
        self._size = size
        self.names = tuple(sorted(names))

    def draw(self, generator: torch.Generator) -> Sample:
        """A patch of a body drawn at random, with lesions or without."""
        tissues, tracers = self._patches.draw(generator, batch=1, size=self._size)
        made = synthesise(tissues, tracers, generator)
        return Sample(
            pet=made.pet[0],
            ct=made.ct[0],
            reference=made.reference[0],
            field=made.field[0],
            tracer=tracers[0],
        )


def prepare_bodies(
    kind: str, folder: str, out: Path, *, seed: int, count: int
) -> Iterator[tuple[str, int]]:
    """Make the tissue maps of a source, those that are not there yet.

    Args:
        kind: "anatomies" or "procedural".
        folder: of the organ maps.
        out: gets the tissue maps.
        seed: of what is invented.
        count: of procedural bodies.

    Yields:
        Name of each, and how many there will be.

    Raises:
        InputError: the folder holds no organ maps, or a damaged one.
    """
    if kind == "anatomies":
        total = len(list(Path(folder).glob("*.nii.gz")))
        for name in prepare_anatomies(Path(folder), out, seed=seed):
            yield name, total
        return
    for number in range(count):
        tracer = "fdg" if number % 2 else "psma"
        body_seed = _FIRST_SEED * seed + number
        path = out / f"body-{tracer}-{body_seed}.npz"
        if not path.exists():
            procedural_tissue_map(body_seed, "fdg" if number % 2 else "psma").write(path)
        yield path.stem, count
