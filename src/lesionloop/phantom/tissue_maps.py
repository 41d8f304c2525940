"""Tissue maps on disk, and those of the procedural body."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.output import atomic_path
from lesionloop.phantom.study import procedural_tissues
from lesionloop.phantom.tissues import Tissue

__all__ = ["MAP_SPACING_MM", "StoredTissues", "procedural_tissue_map"]

#: Side of the voxels of tissue maps, mm: the working grid of the networks.
MAP_SPACING_MM = 4.0


@dataclass(frozen=True, eq=False)
class StoredTissues:
    """A body as tissues.

    Args:
        tissues: uint8 [x, y, z] of `Tissue`, x to the left, y to the back, z to the head.
        tracer: "fdg" or "psma": what the patient was, or is to be, scanned with.
        name: of the map.
    """

    tissues: NDArray[np.uint8]
    tracer: str
    name: str

    def write(self, path: Path) -> None:
        """Write as ``.npz``, whole or not at all."""
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary, tissues=np.ascontiguousarray(self.tissues), tracer=self.tracer
            )

    @classmethod
    def read(cls, path: Path) -> "StoredTissues":
        """Read what `write` wrote.

        Raises:
            InputError: it cannot be read, or is no tissue map.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                tissues, tracer = file["tissues"], str(file["tracer"])
        except OSError as error:
            raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
        except (KeyError, ValueError, BadZipFile, EOFError) as error:
            raise InputError(f"{path} is not a tissue map", cause=f"{error}.") from error
        if tissues.dtype != np.uint8 or tissues.ndim != 3 or tissues.max(initial=0) >= len(Tissue):
            raise InputError(f"{path} is not a tissue map", cause="Its labels are no tissues.")
        return cls(tissues, tracer, path.stem)


def procedural_tissue_map(seed: int, tracer: Literal["fdg", "psma"]) -> StoredTissues:
    """The tissues of the procedural body of `make_phantom`, head to thighs, at 4 mm."""
    return StoredTissues(
        procedural_tissues(seed=seed, tracer=tracer, spacing_mm=MAP_SPACING_MM),
        tracer,
        f"body-{tracer}-{seed}",
    )
