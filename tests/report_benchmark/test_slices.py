"""Slices: which ones, which way up, and the records that are made of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Study, Volume
from lesionloop.imaging.volume import Quantity
from lesionloop.report_benchmark.slices import SliceRule, render_slices


def study(*, flip: bool = False) -> Study:
    """A body in planes 4 to 24 of 40, from the front; its left half is hot, its head very hot.

    With ``flip`` the array runs from back to front.
    """
    shape, spacing = (20, 40, 30), (4.0, 3.0, 5.0)
    origin, direction = (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    pet = np.full(shape, 0.05, dtype=np.float32)
    ct = np.full(shape, -1000, dtype=np.int16)
    pet[5:15, 4:25, 2:28] = 1.0
    pet[10:15, 4:25, 2:28] = 4.0
    pet[5:15, 4:25, 22:28] = 8.0
    ct[5:15, 4:25, 2:28] = 40
    ct[:, 30, :] = 300  # a table behind, in CT alone
    if flip:
        pet, ct = pet[:, ::-1], ct[:, ::-1]
        origin, direction = (0.0, 3.0 * 39, 0.0), (1.0, 0, 0, 0, -1, 0, 0, 0, 1)
    grid = Grid(shape, spacing, origin, direction)
    return Study(
        Volume(np.ascontiguousarray(pet), grid, Quantity.SUV_BW, "pet"),
        Volume(np.ascontiguousarray(ct), grid, Quantity.HU, "ct"),
        "case",
    )


def test_quarters_of_the_body_and_not_of_the_table() -> None:
    _, numbers = render_slices(study(), SliceRule())
    assert numbers == [9, 14, 19]


def test_the_front_comes_first_whichever_way_the_array_runs() -> None:
    pictures, _ = render_slices(study(), SliceRule())
    flipped, numbers = render_slices(study(flip=True), SliceRule())
    assert numbers == [30, 25, 20]
    for one, other in zip(pictures, flipped, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_way_up_and_proportions() -> None:
    rule = SliceRule(depths=(0.5,), fused=False, height_px=300)
    (pet, ct), _ = render_slices(study(), rule)
    assert pet.size == ct.size == (160, 300)  # 80 mm wide, 150 mm high
    dark = 255 - np.asarray(pet).astype(int)
    assert dark[40, 80] > dark[250, 80]  # the hot head is at the top
    assert dark[250, 100] > dark[250, 60]  # the patient's left is on the right
    assert dark[250, 100] == pytest.approx(255 * 0.4, abs=1)
    assert dark[250, 60] == pytest.approx(255 * 0.1, abs=1)


def test_ct_is_z_scored() -> None:
    made = study()
    assert made.ct is not None
    (_, ct), _ = render_slices(made, SliceRule(depths=(0.5,), fused=False))
    score = (40 - made.ct.values.mean()) / made.ct.values.std()
    middle = np.asarray(ct)[ct.height // 2, ct.width // 2]
    assert middle == pytest.approx(255 * (score + 1) / 4, abs=1)


def test_fused_is_colour_where_there_is_uptake() -> None:
    (picture,), _ = render_slices(study(), SliceRule(depths=(0.5,), height_px=300))
    values = np.asarray(picture).astype(int)
    assert picture.mode == "RGB"
    assert np.ptp(values[150, 4]) <= 3  # air: as good as grey
    red, green, blue = values[250, 100]
    assert red > green >= blue


def test_separate_gives_pet_then_ct() -> None:
    pictures, _ = render_slices(study(), SliceRule(fused=False))
    assert len(pictures) == 6
    assert all(picture.mode == "L" for picture in pictures)


def test_numbers_in_place_of_depths() -> None:
    _, numbers = render_slices(study(), SliceRule(indices=(3, 1)))
    assert numbers == [3, 1]
    with pytest.raises(InputError, match="no coronal slice 90"):
        render_slices(study(), SliceRule(indices=(90, 100, 110)))


def test_what_cannot_be_drawn() -> None:
    made = study()
    with pytest.raises(InputError, match="no CT"):
        render_slices(replace(made, ct=None), SliceRule())
    with pytest.raises(InputError, match="not SUV"):
        render_slices(replace(made, pet=replace(made.pet, quantity=Quantity.BQ_ML)), SliceRule())
    dim = replace(made.pet, values=made.pet.values * np.float32(0.01))
    with pytest.raises(InputError, match="no body"):
        render_slices(replace(made, pet=dim), SliceRule())


@pytest.mark.parametrize(
    "options",
    [{"depths": ()}, {"depths": (1.1,)}, {"indices": ()}, {"suv_max": 0}, {"height_px": 9},
     {"suv_max": float("nan")}],
)  # fmt: skip
def test_bad_rules(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SliceRule(**options)


def test_files_of_prepare(small: Any, tmp_path: Path) -> None:
    from lesionloop.report_benchmark.prepare import prepare
    from lesionloop.report_benchmark.records import read_prompts

    dataset = small.dataset(tmp_path / "data", "fdg_a", "fdg_b", "fdg_c")
    reports = tmp_path / "reports"
    reports.mkdir()
    for name in ("fdg_a", "fdg_b"):
        (reports / f"{name}.txt").write_text("肝脏未见异常摄取。", encoding="utf-8")
    out = tmp_path / "bench"
    rule = SliceRule(fused=False, height_px=64)
    made = prepare(dataset, reports, out, rule=rule, language="zh")
    found = read_prompts(out / "records.jsonl")
    assert [record.patient for record in found] == ["fdg_a", "fdg_b"]  # c has no report
    assert [record.images for record in found] == [
        tuple(path.resolve() for path in record.images) for record in made
    ]
    assert len(found[0].images) == 6
    times = [image.stat().st_mtime_ns for image in found[0].images]
    prepare(dataset, reports, out, rule=rule, language="zh")
    assert [image.stat().st_mtime_ns for image in found[0].images] == times  # kept
    prepare(dataset, reports, out, rule=replace(rule, suv_max=5.0), language="zh")
    assert [image.stat().st_mtime_ns for image in found[0].images] != times


@pytest.mark.parametrize("raw", [b"", b" \n", b"\xff\xfe\x00", b"x" * 400_001])
def test_bad_reports(small: Any, tmp_path: Path, raw: bytes) -> None:
    from lesionloop.report_benchmark.prepare import read_report

    path = tmp_path / "case.txt"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"case\.txt"):
        read_report(path)
