"""Patches of tissue maps, drawn at random."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lesionloop.errors import InputError
from lesionloop.phantom.tissue_maps import StoredTissues
from lesionloop.phantom.tissues import Tissue

__all__ = ["PatchSource"]

#: Share of patches whose middle lies in a tissue that was drawn evenly among those of the body.
_IN_ONE_TISSUE = 0.6


class PatchSource:
    """Random patches of the tissue maps of a folder; all maps are kept in memory (4 MB each).

    Args:
        folder: of ``.npz`` tissue maps.
        names: which; all when not given.

    Raises:
        InputError: there is none, or a damaged one.
    """

    def __init__(self, folder: Path | str, names: Sequence[str] | None = None) -> None:
        folder = Path(folder)
        chosen = sorted(path.stem for path in folder.glob("*.npz")) if names is None else names
        if not chosen:
            raise InputError(f"no tissue maps in {folder}")
        self.maps = [StoredTissues.read(folder / f"{name}.npz") for name in chosen]

    def draw(
        self, generator: torch.Generator, batch: int, size: int = 64
    ) -> tuple[Tensor, list[str]]:
        """Tissues uint8 (batch, size, size, size) and the tracer of each.

        The middle of a patch lies in the body, in a small organ about as often as in a large one.
        Left and right are swapped half the time; turns and zooms are small.
        """
        patches, tracers = [], []
        for _ in range(batch):
            number = int(torch.rand((), generator=generator) * len(self.maps))
            stored = self.maps[number]
            patches.append(_patch(torch.from_numpy(stored.tissues), size, generator))
            tracers.append(stored.tracer)
        return torch.stack(patches), tracers


def _patch(tissues: Tensor, size: int, generator: torch.Generator) -> Tensor:
    shape = torch.tensor(tissues.shape, dtype=torch.float32)
    centre = _centre(tissues, generator)
    line = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    offsets = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1)
    turn = torch.linalg.matrix_exp(_small_rotation(generator))
    zoom = torch.exp(0.12 * torch.randn(3, generator=generator))
    if torch.rand((), generator=generator) < 0.5:
        zoom[0] = -zoom[0]
    places = (offsets * zoom) @ turn.T + centre
    unit = 2 * places / (shape - 1) - 1
    # Nearest neighbour; +1 and -1 so that outside (0) becomes AIR whatever number AIR has.
    found = functional.grid_sample(
        (tissues.float() + 1)[None, None], unit.flip(-1)[None], mode="nearest", align_corners=True
    )[0, 0]
    return torch.where(found < 0.5, float(Tissue.AIR), found - 1).round().to(torch.uint8)


def _centre(tissues: Tensor, generator: torch.Generator) -> Tensor:
    """Index of the middle of a patch: anywhere in the body, or in a tissue drawn evenly.

    A body is mostly muscle and fat. Were all middles drawn evenly, a network would see too few
    brains, kidneys and bladders to learn that they are hot in health.
    """
    shape = torch.tensor(tissues.shape, dtype=torch.float32)
    if torch.rand((), generator=generator) < _IN_ONE_TISSUE:
        present = torch.bincount(tissues.flatten().long(), minlength=len(Tissue)) > 0
        present[[Tissue.AIR, Tissue.TABLE]] = False
        kinds = present.nonzero()[:, 0]
        if len(kinds):
            kind = kinds[int(torch.rand((), generator=generator) * len(kinds))]
            places = (tissues == kind).nonzero()
            return places[int(torch.rand((), generator=generator) * len(places))].float()
    for _ in range(20):
        centre = torch.rand(3, generator=generator) * (shape - 1)
        x, y, z = centre.round().long().tolist()
        if tissues[x, y, z] not in (Tissue.AIR, Tissue.TABLE):
            break
    return centre


def _small_rotation(generator: torch.Generator) -> Tensor:
    a, b, c = (0.1 * torch.randn(3, generator=generator)).tolist()
    return torch.tensor([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])
