"""Places of lesions in a body of blocks."""

import numpy as np
import pytest

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.quantification import measure_lesions
from lesionloop.quantification.location import LesionPlace, place_lesions
from lesionloop.quantification.organ_map import OrganMap

SHAPE, SPACING = (24, 20, 80), (4.0, 5.0, 10.0)
NAMES = {
    1: "urinary_bladder", 2: "liver", 3: "lung_upper_lobe_left", 4: "lung_lower_lobe_right",
    5: "brain",
}  # fmt: skip


@pytest.fixture(scope="module")
def places() -> dict[int, LesionPlace]:
    organs = np.zeros(SHAPE, dtype=np.uint8)
    organs[8:12, 8:12, 20:25] = 1
    organs[2:10, 4:16, 40:46] = 2
    organs[12:20, 4:16, 48:60] = 3
    organs[2:10, 4:16, 48:60] = 4
    organs[6:16, 4:16, 70:78] = 5
    lesions = np.zeros(SHAPE, dtype=np.uint8)
    lesions[4:6, 6:8, 42:44] = 1  # in the liver
    lesions[9:13, 6:8, 42:44] = 2  # a quarter of it in the liver
    lesions[13, 6, 43] = 3  # 16 mm from it
    lesions[22, 18, 54] = 4  # 12 mm and 15 mm from the left lung
    lesions[1, 18, 65] = 5  # no organ near
    lesions[22, 2, 47] = 6
    lesions[22, 2, 38] = 7
    lesions[22, 2, 22] = 8
    lesions[22, 2, 5] = 9
    pet = np.ones(SHAPE, dtype=np.float32)
    pet[0, 0, 0] = 2
    study = Study(Volume(pet, Grid(SHAPE, SPACING), Quantity.SUV_BW), None, "case")
    found = place_lesions(
        measure_lesions(lesions, study), lesions, OrganMap(organs, NAMES), study.grid
    )
    return {place.lesion: place for place in found}


@pytest.mark.parametrize(
    ("number", "location", "share", "distance", "region"),
    [
        (1, "liver", 1.0, 0.0, "abdomen"),
        (2, "near liver", 0.25, 0.0, "abdomen"),
        (3, "near liver", 0.0, 16.0, "abdomen"),
        (4, "near lung_upper_lobe_left", 0.0, np.hypot(12, 15), "thorax"),
        (5, "neck", 0.0, np.nan, "neck"),
        (6, "near lung_upper_lobe_left", 0.0, np.sqrt(12**2 + 10**2 + 10**2), "abdomen"),
        (7, "abdomen", 0.0, np.nan, "abdomen"),
        (8, "pelvis", 0.0, np.nan, "pelvis"),
        (9, "legs", 0.0, np.nan, "legs"),
    ],
)
def test_where(
    places: dict[int, LesionPlace],
    *,
    number: int,
    location: str,
    share: float,
    distance: float,
    region: str,
) -> None:
    place = places[number]
    assert place.location == location
    assert place.share == pytest.approx(share)
    np.testing.assert_allclose(place.distance_mm, distance)
    assert place.region == region


def test_without_landmarks_there_is_no_region() -> None:
    organs = np.zeros(SHAPE, dtype=np.uint8)
    organs[0, 0, 0] = 2
    lesions = np.zeros(SHAPE, dtype=np.uint8)
    lesions[20, 15, 70] = 1
    pet = np.ones(SHAPE, dtype=np.float32)
    study = Study(Volume(pet, Grid(SHAPE, SPACING), Quantity.SUV_BW), None, "case")
    (place,) = place_lesions(
        measure_lesions(lesions, study), lesions, OrganMap(organs, NAMES), study.grid
    )
    assert (place.location, place.region, place.organ) == ("", "", "")
