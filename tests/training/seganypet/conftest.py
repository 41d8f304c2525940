"""A stand-in for the network, small enough to train in a test, and scans of balls."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.training.seganypet.objects import Scan, scan_of  # noqa: E402
from lesionloop.training.seganypet.recipe import PointData, PointRecipe  # noqa: E402

SIZE = 16


class TinyNetwork(torch.nn.Module):  # type: ignore[name-defined,misc,unused-ignore]
    """Two convolutions with points drawn into a volume; one layer is never used."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.image_encoder = torch.nn.Conv3d(1, 8, 4, stride=4)
        self.prompt_encoder = torch.nn.Conv3d(3, 8, 3, padding=1)
        self.mask_decoder = torch.nn.Conv3d(16, 1, 3, padding=1)
        self.unused_decoder = torch.nn.Linear(2, 2)
        self.shown: list[int] = []
        self.drawn: list[int] = []

    def encode(self, image: Any) -> Any:
        return self.image_encoder(image)

    def decode(
        self, embedding: Any, points: Any, labels: Any, mask: Any = None, scribbles: Any = None
    ) -> Any:
        self.shown.append(points.shape[1])
        self.drawn.append(0 if scribbles is None else int(scribbles.sum()))
        drawn = torch.zeros((len(embedding), 2, SIZE, SIZE, SIZE))
        if scribbles is not None:
            drawn += 2 * scribbles.flip(1)
        for number in range(len(points)):
            for point, label in zip(points[number].long(), labels[number], strict=True):
                if label >= 0:
                    drawn[number, int(label), *point.tolist()] = 4.0
        mask = torch.zeros((len(embedding), 1, SIZE, SIZE, SIZE)) if mask is None else mask
        prompts = self.prompt_encoder(torch.cat([drawn, mask], dim=1))
        image = torch.nn.functional.interpolate(embedding, size=(SIZE,) * 3, mode="trilinear")
        return self.mask_decoder(torch.cat([image, prompts], dim=1).relu())

    def upsample(self, low: Any) -> Any:
        return low


class Balls:
    """Scans with two hot balls in noise."""

    def __init__(self, *, wrong: bool = False) -> None:
        self.wrong = wrong
        self.drawn = 0

    def draw(self, generator: Any) -> Scan:
        self.drawn += 1
        rng = np.random.default_rng(int(torch.randint(1 << 30, (), generator=generator)))
        pet = 1 + 0.2 * rng.random((24, 22, 20)).astype(np.float32)
        reference = np.zeros(pet.shape, bool)
        places = np.stack(np.meshgrid(*map(np.arange, pet.shape), indexing="ij"), axis=-1)
        for centre in ((7, 7, 7), (17, 15, 13)):
            moved = np.array(centre) + rng.integers(-1, 2, 3)
            reference |= np.linalg.norm(places - moved, axis=-1) < rng.uniform(2.5, 4)
        pet[reference] += 6
        if self.wrong:
            reference = np.roll(reference, 2, axis=0)
        return scan_of(pet, reference)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors are tiny: threads would cost more than they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> TinyNetwork:
    return TinyNetwork()


@pytest.fixture
def balls() -> Balls:
    return Balls()


@pytest.fixture
def tiny_recipe() -> PointRecipe:
    """Four steps of two objects, four clicks at most, on voxels of 4 mm."""
    return PointRecipe(
        data=(PointData("studies", "anywhere"),),
        steps=4,
        batch=2,
        micro_batch=1,
        spacing_mm=4.0,
        smallest_ml=0.5,
        clicks=(1, 4),
        encoder_rate=0.01,
        prompt_rate=0.01,
        decoder_rate=0.01,
    )


@pytest.fixture
def make_network() -> type[TinyNetwork]:
    return TinyNetwork


@pytest.fixture
def make_balls() -> type[Balls]:
    return Balls
