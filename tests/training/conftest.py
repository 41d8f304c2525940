"""What tests of training share; all are skipped without torch."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.phantom.tissue_maps import procedural_tissue_map  # noqa: E402
from lesionloop.training.sample import Sample  # noqa: E402


@pytest.fixture(scope="session")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two tissue maps."""
    folder = tmp_path_factory.mktemp("bodies")
    for tracer, seed in (("fdg", 1), ("psma", 2)):
        stored = procedural_tissue_map(seed, tracer)  # type: ignore[arg-type]
        stored.write(folder / f"{stored.name}.npz")
    return folder


@pytest.fixture
def cube_sample() -> Sample:
    """A bright cube under its reference, in a field of 40 x 36 x 30 voxels."""
    pet = torch.full((40, 36, 30), 0.5)
    reference = torch.zeros(pet.shape, dtype=torch.bool)
    reference[14:24, 12:22, 10:18] = True
    pet[reference] = 9.0
    ct = torch.where(reference, 60.0, -100.0)
    return Sample(pet, ct, reference, torch.ones_like(reference), "fdg")


@pytest.fixture
def uptake() -> np.ndarray:
    """A gradient along x."""
    return np.broadcast_to(np.arange(24, dtype=np.float32)[:, None, None], (24, 22, 20)).copy()
