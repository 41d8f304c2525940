"""The network at work on windows of one study: each is encoded once."""

from collections import OrderedDict
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from lesionloop.networks.seganypet import Embedding, SegAnyPET
from lesionloop.networks.seganypet.crop import AIR_HU, normalise_crop
from lesionloop.segmenters.seganypet.growth import Logits
from lesionloop.segmenters.seganypet.lattice import Lattice
from lesionloop.segmenters.seganypet.prompts import Prompts

__all__ = ["Engine"]

#: Embeddings of a study are kept up to so many bytes, the logits of decodings up to so many.
_MOST_EMBEDDINGS = 512 << 20
_MOST_LOGITS = 64 << 20

_Triple = tuple[int, int, int]
_Kept = TypeVar("_Kept")


class Engine:
    """Encodes windows when first asked for, and decodes prompts.

    Args:
        network: in evaluation mode, on its device.
        lattice: of the study.
        pet: [x, y, z].
        ct: HU on the same grid; None when the network sees PET alone.
        precision: number type of the computation, "float32" or "bfloat16".
    """

    def __init__(
        self,
        network: SegAnyPET,
        lattice: Lattice,
        pet: NDArray[Any],
        ct: NDArray[Any] | None,
        precision: str,
    ) -> None:
        self.network, self._lattice = network, lattice
        self._pet, self._ct = pet, ct
        self._device = next(network.parameters()).device
        self._half = precision != "float32"
        self._embeddings: _LeastRecent[Embedding] = _LeastRecent(_MOST_EMBEDDINGS)
        self._logits: _LeastRecent[Logits] = _LeastRecent(_MOST_LOGITS)
        #: How often the encoder and the decoder ran.
        self.encoded = self.decoded = 0

    def decode(self, start: _Triple, prompts: Prompts, previous: Logits | None) -> Logits:
        """Logits (low_side, low_side, low_side) of a window.

        Args:
            start: its first voxel of the lattice.
            prompts: all so far.
            previous: logits found before; None when nothing was.
        """
        key = prompts.digest(start, previous)
        known = self._logits.get(key)
        if known is not None:
            return known
        self.decoded += 1
        with torch.inference_mode(), self._precision():
            low = self.network.decode(
                self._embedding(start),
                self._tensor(prompts.places),
                self._tensor(prompts.positive.astype(np.int64)),
                None if previous is None else self._tensor(previous[None]),
                None if prompts.drawn is None else self._tensor(prompts.drawn.astype(np.float32)),
            )
        result: Logits = low[0, 0].float().cpu().numpy()
        self._logits.put(key, result, result.nbytes)
        return result

    def _embedding(self, start: _Triple) -> Embedding:
        known = self._embeddings.get(start)
        if known is not None:
            return known
        self.encoded += 1
        side = self.network.config.image_size
        pet = self._lattice.crop(self._pet, start, side, 0.0)
        ct = None if self._ct is None else self._lattice.crop(self._ct, start, side, AIR_HU)
        embedding = self.network.encode(self._tensor(normalise_crop(pet, ct)))
        parts = [part for part in embedding if part is not None]
        self._embeddings.put(
            start, embedding, sum(part.element_size() * part.numel() for part in parts)
        )
        return embedding

    def _tensor(self, values: NDArray[Any]) -> torch.Tensor:
        """A batch of one, on the device."""
        return torch.from_numpy(np.ascontiguousarray(values))[None].to(self._device)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half)


class _LeastRecent(Generic[_Kept]):
    """What was used last, up to a number of bytes, and one entry at least."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._entries: OrderedDict[object, tuple[_Kept, int]] = OrderedDict()

    def get(self, key: object) -> _Kept | None:
        """The entry, if it is still there."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: object, kept: _Kept, size: int) -> None:
        """Keep an entry; the oldest go."""
        self._entries[key] = (kept, size)
        self._held += size
        while self._held > self._most and len(self._entries) > 1:
            _, (_, gone) = self._entries.popitem(last=False)
            self._held -= gone
