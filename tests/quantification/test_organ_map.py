"""Organ maps: names, grids and the parts that make one organ."""

import json
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Volume, write_volume
from lesionloop.quantification.organ_map import OrganMap, read_organ_map, read_organ_names
from lesionloop.quantification.organ_names import MERGED, TOTALSEGMENTATOR, organ_name

GRID = Grid((6, 5, 4), (2.0, 3.0, 5.0), (10.0, -4.0, 7.0))


def _write(path: Path, values: object, grid: Grid = GRID) -> Path:
    write_volume(Volume(np.asarray(values, dtype=np.uint8), grid, Quantity.LABEL), path)
    return path


def test_the_classes_of_totalsegmentator() -> None:
    """The ends of its runs of names, as its class map of version 2 has them."""
    assert len(TOTALSEGMENTATOR) == len(set(TOTALSEGMENTATOR.values())) == 117
    known = {
        1: "spleen", 2: "kidney_right", 5: "liver", 10: "lung_upper_lobe_left",
        14: "lung_lower_lobe_right", 21: "urinary_bladder", 25: "sacrum", 26: "vertebrae_S1",
        27: "vertebrae_L5", 32: "vertebrae_T12", 44: "vertebrae_C7", 50: "vertebrae_C1",
        51: "heart", 52: "aorta", 63: "inferior_vena_cava", 69: "humerus_left", 78: "hip_right",
        79: "spinal_cord", 90: "brain", 92: "rib_left_1", 103: "rib_left_12",
        104: "rib_right_1", 115: "rib_right_12", 117: "costal_cartilages",
    }  # fmt: skip
    assert {number: TOTALSEGMENTATOR[number] for number in known} == known
    for parts in MERGED.values():
        assert set(parts) <= set(TOTALSEGMENTATOR.values())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Head glands", "head_glands"), ("kidneys", "kidney"), ("bladder", "urinary_bladder"),
        ("vertebrae_L1", "vertebrae_L1"), ("Vertebrae l1", "vertebrae_L1"),
        ("lung-upper-lobe-left", "lung_upper_lobe_left"), ("left kidney", "kidney_left"),
    ],
)  # fmt: skip
def test_one_spelling(text: str, name: str) -> None:
    assert organ_name(text) == name
    assert organ_name(name) == name


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels.json", {"1": "spleen", "2": "Kidneys"}),
        ("labels.json", {"spleen": 1, "kidneys": 2}),
        ("dataset.json", {"labels": {"background": 0, "spleen": 1, "kidneys": 2}, "name": "x"}),
    ],
)
def test_names_beside_the_map(tmp_path: Path, file: str, content: object) -> None:
    values = np.zeros(GRID.shape)
    values[1, 1, 1], values[4, 3, 2] = 1, 2
    path = _write(tmp_path / "map.nii.gz", values)
    (tmp_path / file).write_text(json.dumps(content))
    found = read_organ_map(path, GRID)
    assert found.organs == {"spleen": (1,), "kidney": (2,)}
    box, mask = found.cut("kidney")
    assert box == (slice(3, 6), slice(2, 5), slice(1, 4))
    assert np.argwhere(mask).tolist() == [[1, 1, 1]]


def test_a_map_without_names_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "map.nii.gz", np.ones(GRID.shape))
    with pytest.raises(InputError, match="no names"):
        read_organ_map(path, GRID)
    assert read_organ_map(path, GRID, names="totalsegmentator").organs == {"spleen": (1,)}
    assert read_organ_map(path, GRID, names={1: "Liver"}).organs == {"liver": (1,)}


@pytest.mark.parametrize("content", ["[]", "{}", '{"a": "b"}', '{"1": 2.5}', "not json"])
def test_bad_tables_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InputError, match="organ names"):
        read_organ_names(tmp_path / "labels.json")


def test_another_grid_by_the_nearest_label(tmp_path: Path) -> None:
    """A map in voxels of half the size: each voxel of the PET takes the label at its centre."""
    fine = Grid((12, 10, 8), (1.0, 1.5, 2.5), (10.0, -4.0, 7.0))
    values = np.random.default_rng(0).integers(0, 3, fine.shape)
    path = _write(tmp_path / "map.nii.gz", values, fine)
    found = read_organ_map(path, GRID, names={1: "spleen", 2: "liver"})
    np.testing.assert_array_equal(found.labels, values[::2, ::2, ::2])


def test_a_map_of_another_place_is_refused(tmp_path: Path) -> None:
    away = Grid(GRID.shape, GRID.spacing, (1000.0, 0.0, 0.0))
    path = _write(tmp_path / "map.nii.gz", np.ones(GRID.shape), away)
    with pytest.raises(InputError, match="no organ where the PET is"):
        read_organ_map(path, GRID, names={1: "spleen"})


@pytest.mark.parametrize("order", ["C", "F"])
def test_parts_make_the_whole(order: str) -> None:
    labels = np.zeros((5, 4, 3), dtype=np.uint8, order=order)  # type: ignore[call-overload]
    labels[0, 0, 0], labels[3, 2, 1], labels[4, 3, 2] = 2, 3, 9
    found = OrganMap(labels, {2: "kidney_right", 3: "kidney_left"})
    assert found.organs == {
        "kidney_right": (2,), "kidney_left": (3,), "label_9": (9,), "kidney": (2, 3),
    }  # fmt: skip
    box, mask = found.cut("kidney", pad=0)
    assert box == (slice(0, 4), slice(0, 3), slice(0, 2))
    assert mask.sum() == 2


def test_maps_of_the_development_data(shared: Path) -> None:
    """Their own table names all ten organs; bladder and kidneys get the one spelling."""
    path = sorted((shared / "data" / "anatomy").glob("psma_*.nii.gz"))[0]
    from lesionloop.imaging import read_label

    grid = read_label(path).grid
    found = read_organ_map(path, grid)
    assert {"liver", "spleen", "kidney", "urinary_bladder"} <= set(found.organs)
