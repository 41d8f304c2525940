"""A tiny data set on disk, made of boxes: quick to segment, with errors to correct."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lesionloop.datasets import write_case
from lesionloop.imaging import Grid, Quantity, Study, Volume

DatasetMaker = Callable[..., Path]


@pytest.fixture
def make_dataset(tmp_path: Path) -> DatasetMaker:
    """A function that writes cases of the given names, each with its own content."""

    def make(
        names: tuple[str, ...] = ("psma_a.1 x", "psma_b"), folder: str = "data", *, ct: bool = True
    ) -> Path:
        dataset = tmp_path / folder
        for number, name in enumerate(names):
            rng = np.random.default_rng(number)
            shape = (26, 22, 15 + number)
            grid = Grid(shape, (3.0, 3.5, 4.0), (10.0, -20.0, 30.0))
            suv = rng.gamma(2.0, 0.3, shape)
            suv[5:12, 6:12, 4:9] += 6
            suv[17:22, 12:18, 6:11] += 4
            label = np.zeros(shape, np.uint8)
            label[4:11, 5:12, 4:10] = 1
            label[3:6, 16:20, 2:5] = 1
            pet = Volume(np.asfortranarray(suv, np.float32), grid, Quantity.SUV_BW)
            hu = np.full(shape, 40, np.int16)
            study = Study(pet, Volume(hu, grid, Quantity.HU) if ct else None, name)
            write_case(study, dataset, label=Volume(label, grid, Quantity.LABEL))
        return dataset

    return make
