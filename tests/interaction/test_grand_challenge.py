"""The container's entry point, driven through the folder layout that the platform gives."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lesionloop import ScribbleSet, load_segmenter, read_study, simulate_scribble
from lesionloop.cli import main
from lesionloop.phantom import Phantom, make_phantom

SPACING = (6.1, 6.4375, 7.3)
ORIGIN = (-213.1234567890123, 187.7, -500.0625)
DIRECTION = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
OBLIQUE = tuple(Rotation.from_euler("xyz", [4, -7, 11], degrees=True).as_matrix().ravel())
NAME = "case_lung a.b 2.5_0000"
GEOMETRY = (ORIGIN, SPACING, DIRECTION)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(shape=(70, 60, 72), spacing=SPACING, lesions=4, seed=2, direction=DIRECTION)


@pytest.fixture
def box(tmp_path: Path, phantom: Phantom) -> Path:
    """A folder with ``in`` and the empty ``out``, as at the first step."""
    write_image(tmp_path / f"in/images/ct/{NAME}.mha", phantom.ct.values)
    write_image(tmp_path / f"in/images/pet/{NAME}.mha", phantom.pet.values)
    (tmp_path / "out").mkdir()
    write_clicks(tmp_path / "in")
    return tmp_path


def write_image(path: Path, values: NDArray[Any], geometry: Any = GEOMETRY) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetOrigin(geometry[0])
    image.SetSpacing(geometry[1])
    image.SetDirection(geometry[2])
    sitk.WriteImage(image, str(path), useCompression=True)


def write_clicks(folder: Path, tumor: Any = (), background: Any = ()) -> None:
    """As section 1 of the specification says, by hand."""
    named = [("tumor", p) for p in tumor] + [("background", p) for p in background]
    points = [{"point": [int(v) for v in p], "name": name} for name, p in named]
    content = {"version": {"major": 1, "minor": 0}, "type": "Multiple points", "points": points}
    (folder / "lesion-clicks.json").write_text(json.dumps(content), encoding="utf-8")


def command(*arguments: str | Path) -> int:
    """Run ``lesionloop`` in this process; its exit code."""
    before, sys.argv = sys.argv, ["lesionloop", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def step(box: Path, *more: str) -> int:
    return command("grand-challenge", "--input", box / "in", "--output", box / "out", *more)


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def read_mask(box: Path, name: str = NAME) -> NDArray[np.uint8]:
    image = sitk.ReadImage(str(box / f"out/images/tumor-lesion-segmentation/{name}.mha"))
    values: NDArray[np.uint8] = sitk.GetArrayFromImage(image).T
    return values


@pytest.mark.parametrize("direction", [DIRECTION, OBLIQUE])
def test_the_mask_has_the_name_of_the_ct_and_its_exact_geometry(
    box: Path, phantom: Phantom, direction: tuple[float, ...]
) -> None:
    for folder, volume in (("ct", phantom.ct), ("pet", phantom.pet)):
        path = box / f"in/images/{folder}/{NAME}.mha"
        write_image(path, volume.values, (ORIGIN, SPACING, direction))
    assert step(box) == 0
    out = box / f"out/images/tumor-lesion-segmentation/{NAME}.mha"
    assert files_in(box / "out") == [str(out.relative_to(box / "out"))]
    mask, ct = sitk.ReadImage(str(out)), sitk.ReadImage(str(box / f"in/images/ct/{NAME}.mha"))
    assert mask.GetSize() == ct.GetSize() == (70, 60, 72)
    assert mask.GetOrigin() == ct.GetOrigin()
    assert mask.GetSpacing() == ct.GetSpacing()
    assert mask.GetDirection() == ct.GetDirection()
    assert mask.GetPixelID() == sitk.sitkUInt8
    assert set(np.unique(sitk.GetArrayFromImage(mask))) == {0, 1}
    assert b"CompressedData = True" in out.read_bytes()[:1024]


def test_the_ct_names_the_mask_when_the_names_differ(box: Path) -> None:
    pet = box / f"in/images/pet/{NAME}.mha"
    pet.rename(pet.with_name("another name.mha"))
    assert step(box) == 0
    assert files_in(box / "out") == [f"images/tumor-lesion-segmentation/{NAME}.mha"]


def test_the_input_is_only_read(box: Path) -> None:
    def state() -> dict[str, tuple[int, int, bytes]]:
        paths = [p for p in (box / "in").rglob("*") if p.is_file()]
        return {str(p): (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes()) for p in paths}

    locked = [*sorted((box / "in").rglob("*"), reverse=True), box / "in"]
    for path in locked:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    before = state()
    assert step(box) == 0
    assert state() == before
    assert len(files_in(box / "in")) == 3
    for path in locked:  # so that pytest can tidy up
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_it_runs_on_a_read_only_mount_without_network_and_home(box: Path) -> None:
    """The container's walls, as far as a test can build them."""
    wall = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-ec"]
    mount = 'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; '
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    probe = [*wall, mount + 'test ! -w "$0"', str(box / "in")]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("namespaces or bind mounts are not permitted here")
    run = 'exec "$1" -m lesionloop grand-challenge --input "$0" --output "$2"'
    done = subprocess.run(
        [*wall, mount + run, str(box / "in"), sys.executable, str(box / "out")],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1][:17]) == (0, "0 scribble points"), done
    assert files_in(box / "out") == [f"images/tumor-lesion-segmentation/{NAME}.mha"]


def test_without_points_or_without_the_file_it_is_a_first_mask(
    box: Path, phantom: Phantom, capsys: pytest.CaptureFixture[str]
) -> None:
    assert step(box) == 0
    with_empty_list = read_mask(box)
    (box / "in/lesion-clicks.json").unlink()
    assert step(box) == 0
    assert "first mask" in capsys.readouterr().err
    np.testing.assert_array_equal(read_mask(box), with_empty_list)
    assert with_empty_list.any()


def test_points_of_both_classes_are_honoured(box: Path) -> None:
    assert step(box) == 0
    first = read_mask(box)
    rng = np.random.default_rng(3)
    inside, outside = np.argwhere(first), np.argwhere(first == 0)
    background = rng.permutation(inside)[:20]
    tumor = rng.permutation(outside)[:20]
    both = outside[len(outside) // 2]
    write_clicks(box / "in", [*tumor, both, both], [*background, both])
    assert step(box) == 0
    mask = read_mask(box)
    assert mask[tuple(tumor.T)].all()
    assert not mask[tuple(background.T)].any()
    assert mask[tuple(both)] == 1  # a voxel of both classes is lesion


@pytest.mark.parametrize("folder_stays", [True, False])
def test_a_study_without_ct(
    box: Path, capsys: pytest.CaptureFixture[str], folder_stays: bool
) -> None:
    (box / f"in/images/ct/{NAME}.mha").unlink()
    if not folder_stays:
        (box / "in/images/ct").rmdir()
    (box / f"in/images/pet/{NAME}.mha").rename(box / "in/images/pet/pet only.mha")
    assert step(box) == 0
    assert "no CT" in capsys.readouterr().err
    assert files_in(box / "out") == ["images/tumor-lesion-segmentation/pet only.mha"]


def test_other_number_types_give_the_same_mask(box: Path, phantom: Phantom) -> None:
    assert step(box) == 0
    expected = read_mask(box)
    pet, ct = phantom.pet.values, phantom.ct.values
    write_image(box / f"in/images/pet/{NAME}.mha", pet.astype(np.float64))
    write_image(box / f"in/images/ct/{NAME}.mha", np.rint(ct).astype(np.int16))
    assert step(box) == 0
    np.testing.assert_array_equal(read_mask(box), expected)


def test_a_ct_on_another_grid_is_resampled(box: Path, phantom: Phantom) -> None:
    """The same as a CT that ITK has resampled beforehand, of another size, spacing and place."""
    grid = ((-190.0, 170.0, -480.0), (3.0, 3.5, 5.0), DIRECTION)
    fine = sitk.Resample(
        sitk.ReadImage(str(box / f"in/images/ct/{NAME}.mha")),
        (120, 90, 96), sitk.Transform(), sitk.sitkLinear, *(grid[i] for i in (0, 1, 2)), -1024.0,
    )  # fmt: skip
    pet = sitk.ReadImage(str(box / f"in/images/pet/{NAME}.mha"))
    back = sitk.Resample(fine, pet, sitk.Transform(), sitk.sitkLinear, -1024.0)
    masks = []
    for ct in (back, fine):
        sitk.WriteImage(ct, str(box / f"in/images/ct/{NAME}.mha"))
        assert step(box) == 0
        masks.append(read_mask(box))
    assert masks[1].shape == phantom.pet.values.shape
    np.testing.assert_array_equal(masks[0], masks[1])
    (box / f"in/images/ct/{NAME}.mha").unlink()
    assert step(box) == 0
    assert not np.array_equal(read_mask(box), masks[0])  # the CT does decide something here


BAD_CLICKS = {
    "not JSON": "{",
    "empty file": "",
    "floats": '{"points": [{"point": [1.5, 2, 3], "name": "tumor"}]}',
    "outside": '{"points": [{"point": [70, 0, 0], "name": "tumor"}]}',
    "negative": '{"points": [{"point": [0, -1, 0], "name": "tumor"}]}',
    "unknown name": '{"points": [{"point": [1, 2, 3], "name": "tumour"}]}',
    "two numbers": '{"points": [{"point": [1, 2], "name": "tumor"}]}',
    "a list": "[]",
}


@pytest.mark.parametrize("text", BAD_CLICKS.values(), ids=BAD_CLICKS)
def test_bad_clicks_are_refused(box: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (box / "in/lesion-clicks.json").write_text(text, encoding="utf-8")
    assert step(box) == 2
    assert list((box / "out").iterdir()) == []
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("lesionloop: ")
    assert "lesion-clicks.json" in said.err.splitlines()[0]
    assert "Traceback" not in said.err


def _second_pet(images: Path) -> None:
    shutil.copy(images / f"pet/{NAME}.mha", images / "pet/other.mha")


def _second_ct(images: Path) -> None:
    shutil.copy(images / f"ct/{NAME}.mha", images / "ct/other.mha")


def _no_pet(images: Path) -> None:
    (images / f"pet/{NAME}.mha").unlink()


def _no_images(images: Path) -> None:
    shutil.rmtree(images)


def _ct_is_nifti(images: Path) -> None:
    (images / f"ct/{NAME}.mha").rename(images / "ct/x.nii.gz")


def _pet_cut_short(images: Path) -> None:
    path = images / f"pet/{NAME}.mha"
    path.write_bytes(path.read_bytes()[:-1000])


def _ct_elsewhere(images: Path) -> None:
    image = sitk.ReadImage(str(images / f"ct/{NAME}.mha"))
    image.SetOrigin((5000.0, 0.0, 0.0))
    sitk.WriteImage(image, str(images / f"ct/{NAME}.mha"))


def _images_is_a_file(images: Path) -> None:
    shutil.rmtree(images)
    images.write_text("not a folder")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_second_pet, "exactly one .mha file"),
        (_second_ct, "exactly one .mha file"),
        (_no_pet, "there is no PET in"),
        (_no_images, "there is no PET in"),
        (_ct_is_nifti, "the first is x.nii.gz"),
        (_pet_cut_short, "truncated"),
        (_ct_elsewhere, "do not overlap"),
        (_images_is_a_file, "cannot list"),
    ],
)
def test_a_wrong_layout_is_refused(
    box: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    spoil(box / "in/images")
    assert step(box) == 2
    assert list((box / "out").iterdir()) == []
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message


def test_stray_files_beside_the_image_are_passed_over(box: Path) -> None:
    (box / f"in/images/ct/._{NAME}.mha").write_text("what a Mac leaves")
    (box / "in/images/pet/readme.txt").write_text("hello")
    assert step(box) == 0


@pytest.mark.parametrize("segmenter", ["propagate", "threshold"])
def test_cold_steps_equal_a_warm_session(box: Path, phantom: Phantom, segmenter: str) -> None:
    """Every step starts from nothing but the two lists, in a cleared output folder."""
    images = box / "in/images"
    study = read_study(images / f"ct/{NAME}.mha", images / f"pet/{NAME}.mha")
    session = load_segmenter(segmenter).open(study)
    reference = phantom.reference.mask()
    scribbles = ScribbleSet()
    for number in range(4):
        warm = session.segment(scribbles)
        write_clicks(box / "in", scribbles.foreground, scribbles.background)
        assert step(box, "--segmenter", segmenter) == 0
        np.testing.assert_array_equal(read_mask(box), warm)
        shutil.rmtree(box / "out")
        (box / "out").mkdir()
        is_foreground = number % 2 == 0
        error = (reference & ~warm) if is_foreground else (warm & ~reference)
        points = simulate_scribble(error, "boundary")
        assert len(points)
        scribbles = scribbles.add(points, "foreground" if is_foreground else "background")


def test_the_entry_point_speaks_of_its_folders(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("grand-challenge", "--help") == 0
    said = capsys.readouterr().out
    assert "/input" in said
    assert "/output" in said
