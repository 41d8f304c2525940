"""The challenge's own loop as the caller: a stand-in that follows section 3 of the specification.

It shares nothing with our loop but the simulated scribbles, which have tests of their own. Its
scores must be those of ``lesionloop evaluate --mode reference``.
"""

import csv
import json
import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop import simulate_scribble
from lesionloop.cli import main
from lesionloop.phantom import make_phantom

Points = dict[str, list[list[int]]]
Container = Callable[[Path, Path, Sequence[str]], None]

ITERATIONS = 5  # the released script's default
#: Its first mask here errs in both ways. One that errs in one way alone ends the loop (3.2).
PROPAGATE = ("--segmenter", "propagate")
START_SCRIPT = """#!/usr/bin/env bash
"{python}" -m lesionloop grand-challenge --input "{input}" --output "{output}" {more}
echo "Wrote results to {output}"
"""


def by_shell_script(box_in: Path, box_out: Path, more: Sequence[str]) -> None:
    """As the challenge calls an algorithm: ``bash run.sh``, whose last line hides a failure."""
    script = box_in.parent / "run.sh"
    text = START_SCRIPT.format(
        python=sys.executable, input=box_in, output=box_out, more=shlex.join(more)
    )
    script.write_text(text, encoding="utf-8")
    subprocess.run(["bash", str(script)], timeout=600, check=True, capture_output=True)


def in_process(box_in: Path, box_out: Path, more: Sequence[str]) -> None:
    """The same without starting Python for every step."""
    command("grand-challenge", "--input", str(box_in), "--output", str(box_out), *more)


def command(*arguments: str) -> int:
    before, sys.argv = sys.argv, ["lesionloop", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def challenge_loop(
    data: Path, result: Path, strategy: str, container: Container, more: Sequence[str] = ()
) -> None:
    """Section 3: all cases, scores and curves as the released script writes them."""
    work = Path("work").absolute()
    work.mkdir()
    box_in, box_out = work / "input", work / "output"
    scores: dict[str, list[dict[str, float]]] = {}
    for ct, pet, label in zip(
        sorted(data.glob("images/*_0000.nii.gz")),
        sorted(data.glob("images/*_0001.nii.gz")),
        sorted(data.glob("labels/*.nii.gz")),
        strict=True,
    ):
        if "fdg" in str(ct) or "198" in str(ct):
            continue
        tag = ct.name.removesuffix(".nii.gz")
        folder = result / tag
        folder.mkdir(parents=True)
        mask_file = box_out / f"images/tumor-lesion-segmentation/case_{tag}.mha"
        for old in (box_in / "images/ct", box_in / "images/pet", mask_file.parent):
            shutil.rmtree(old, ignore_errors=True)
            old.mkdir(parents=True)
        for source, kind in ((ct, "ct"), (pet, "pet")):
            image = sitk.ReadImage(str(source))
            sitk.WriteImage(image, str(box_in / f"images/{kind}/case_{tag}.mha"))
        truth = sitk.GetArrayFromImage(sitk.ReadImage(str(label))).T
        points: Points = {"tumor": [], "background": []}
        scores[tag] = []
        for k in range(ITERATIONS):
            try:
                if k > 0 and truth.any():
                    add_scribble(as_nifti(mask_file, work), truth, points, strategy)
                write_clicks(box_in / "lesion-clicks.json", points)
                (folder / f"iter_{k}_scribbles.json").write_text(json.dumps(points))
                container(box_in, box_out, more)
                if not mask_file.is_file():
                    raise FileNotFoundError("missing segmentation")
                mask = as_nifti(mask_file, work)
                entry = {"iteration": k, "dice": dice(mask, truth), "dmm": dmm(mask, truth)}
                shutil.copy(work / "mask.nii.gz", folder / f"iter_{k}.nii.gz")
            except Exception:
                entry = {"iteration": k, "dice": 0.0, "dmm": 0.0}
            scores[tag].append(entry)
    (result / "metric_scores.json").write_text(json.dumps(scores))
    areas = {
        tag: {
            f"auc_{key}": float(np.trapezoid([e[key] for e in entries], range(len(entries))))
            for key in ("dice", "dmm")
        }
        for tag, entries in scores.items()
    }
    (result / "metric_scores_AUC.json").write_text(json.dumps(areas))


def as_nifti(mask_file: Path, work: Path) -> NDArray[Any]:
    sitk.WriteImage(sitk.ReadImage(str(mask_file)), str(work / "mask.nii.gz"))
    values: NDArray[Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(work / "mask.nii.gz"))).T
    return values


def add_scribble(mask: NDArray[Any], truth: NDArray[Any], points: Points, strategy: str) -> None:
    """Section 3, k > 0: the class whose scribble has more points, foreground when equal."""
    over, _, fp = scribble((mask == 1) & (truth == 0), strategy)
    under, _, fn = scribble((mask == 0) & (truth == 1), strategy)
    if fp <= fn:
        points["tumor"].extend(under)
    else:
        points["background"].extend(over)


def scribble(error: NDArray[np.bool_], strategy: str) -> Any:
    """Three values, but two for an empty mask, which the caller cannot unpack (3.2)."""
    drawn = simulate_scribble(error, strategy).tolist()
    return (drawn, True, len(drawn)) if drawn else (drawn, False)


def write_clicks(path: Path, points: Points) -> None:
    entries = [{"point": p, "name": name} for name in points for p in points[name]]
    version = {"major": 1, "minor": 0}
    content = {"version": version, "type": "Multiple points", "points": entries}
    path.write_text(json.dumps(content), encoding="utf-8")


def dice(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    a, b = mask > 0, truth > 0
    return 2 * int((a & b).sum()) / int(a.sum() + b.sum()) if a.any() or b.any() else 1.0


def dmm(mask: NDArray[Any], truth: NDArray[Any]) -> float:
    """Section 4 by brute force over all pairs of lesions."""
    if not truth.any():
        return math.nan
    by_edges = ndimage.generate_binary_structure(3, 2)
    (found, n), (lesions, m) = (ndimage.label(x > 0, by_edges) for x in (mask, truth))
    match = np.zeros((m, n), dtype=bool)
    for i in range(m):
        for j in range(n):
            one, two = lesions == i + 1, found == j + 1
            match[i, j] = 10 * int((one & two).sum()) >= int((one | two).sum())
    tp, fp = int(match.any(axis=1).sum()), int((~match.any(axis=0)).sum())
    return 2 * tp / (2 * tp + fp + (m - tp)) if tp else 0.0


def write_case(data: Path, name: str, seed: int, lesions: int, coarse: bool) -> None:
    """A phantom in the raw layout, written by ITK."""
    spacing, shape = ((8.1, 8.5, 10.3), (60, 50, 50)) if coarse else ((6.1, 6.5, 7.3), (70, 60, 72))
    study = make_phantom(
        spacing=spacing, shape=shape, lesions=lesions, seed=seed,
        direction=(1, 0, 0, 0, -1, 0, 0, 0, 1),
    )  # fmt: skip
    files = (
        (f"images/{name}_0000.nii.gz", study.ct),
        (f"images/{name}_0001.nii.gz", study.pet),
        (f"labels/{name}.nii.gz", study.reference),
    )
    for file, volume in files:
        image = sitk.GetImageFromArray(np.ascontiguousarray(volume.values.T))
        image.SetSpacing(volume.grid.spacing)
        image.SetOrigin(volume.grid.origin)
        image.SetDirection(volume.grid.direction)
        path = data / file
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path))


def compare(
    strategy: str, container: Container, more: Sequence[str] = ()
) -> dict[str, list[dict[str, float]]]:
    """Run both loops on ``data`` in the working folder; the scores of the stand-in.

    The paths are relative: the released script skips every path that holds "198" or "fdg".
    """
    challenge_loop(Path("data"), Path("result"), strategy, container, more)
    ours_too = ["evaluate", "data", "--out", "ours", "--mode", "reference", "--strategy", strategy]
    assert command(*ours_too, *more) == 0
    with Path("ours/scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    theirs: dict[str, list[dict[str, float]]]
    theirs = json.loads(Path("result/metric_scores.json").read_text(encoding="utf-8"))
    assert len(rows) == sum(map(len, theirs.values()))
    for tag, entries in theirs.items():
        ours = [row for row in rows if f"{row['case']}_0000" == tag]
        assert [int(row["step"]) for row in ours] == [e["iteration"] for e in entries]
        for key in ("dice", "dmm"):
            np.testing.assert_array_equal([float(r[key]) for r in ours], [e[key] for e in entries])
        for entry in entries:
            check_scribbles(tag, int(entry["iteration"]))
    compare_areas()
    return theirs


def check_scribbles(tag: str, k: int) -> None:
    """The points written by both; the stand-in writes none once the rules have failed."""
    theirs = Path(f"result/{tag}/iter_{k}_scribbles.json")
    case = tag.removesuffix("_0000")
    (ours,) = Path("ours/traces").glob(f"*/*/{case}/step_{k}_scribbles.json")
    if theirs.is_file():
        assert json.loads(ours.read_text()) == json.loads(theirs.read_text())


def compare_areas() -> None:
    areas = json.loads(Path("result/metric_scores_AUC.json").read_text(encoding="utf-8"))
    summary = json.loads(Path("ours/summary.json").read_text(encoding="utf-8"))
    (ours,) = summary["results"]
    for key in ("auc_dice", "auc_dmm"):
        values = [area[key] for area in areas.values() if not math.isnan(area[key])]
        assert ours[key] == pytest.approx(float(np.mean(values)), abs=1e-12)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("dataset")
    write_case(data, "a lung. one", seed=2, lesions=4, coarse=False)
    write_case(data, "b few voxels", seed=1, lesions=4, coarse=True)
    write_case(data, "c none", seed=3, lesions=0, coarse=True)
    write_case(data, "d fdg is skipped", seed=0, lesions=1, coarse=True)
    return data


@pytest.fixture
def here(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the data set under the relative path ``data``."""
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(dataset, target_is_directory=True)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("strategy", ["centerline", "random", "boundary"])
def test_the_challenge_loop_scores_what_evaluate_scores(strategy: str) -> None:
    scores = compare(strategy, in_process, PROPAGATE)
    assert list(scores) == ["a lung. one_0000", "b few voxels_0000", "c none_0000"]
    assert len({e["dice"] for e in scores["a lung. one_0000"]}) > 2  # the scribbles do act
    # A lesion-free study: never a scribble, and a bare NaN in the file.
    points = json.loads(Path("result/c none_0000/iter_4_scribbles.json").read_text())
    assert points == {"tumor": [], "background": []}
    assert all(math.isnan(e["dmm"]) for e in scores["c none_0000"])
    assert "NaN" in Path("result/metric_scores.json").read_text(encoding="utf-8")


@pytest.mark.usefixtures("here")
def test_an_empty_first_mask_ends_the_loop_with_zeros() -> None:
    """Section 3.2: without a false voxel there is no second scribble to unpack."""
    scores = compare("random", in_process, ["--segmenter", "threshold", "-o", "level_suv=900"])
    for tag in ("a lung. one_0000", "b few voxels_0000"):
        assert [e["dice"] for e in scores[tag]] == [0.0] * 5
        assert len(list(Path(f"result/{tag}").glob("iter_*.nii.gz"))) == 1  # the container ran once
    assert [e["dice"] for e in scores["c none_0000"]] == [1.0] * 5


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_challenge_loop_drives_a_start_script(dataset: Path) -> None:
    Path("data").unlink()
    for file in dataset.glob("*/a lung. one*"):
        Path("data", file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, Path("data", file.parent.name))
    scores = compare("centerline", by_shell_script, PROPAGATE)
    assert scores["a lung. one_0000"][0]["dice"] > 0
    assert Path("result/a lung. one_0000/iter_1.nii.gz").is_file()


@pytest.mark.usefixtures("here")
def test_a_crash_behind_the_echo_leaves_the_old_mask() -> None:
    """Section 3.2: exit status 0, and the mask of the step before is read and scored again."""
    calls = []

    def spoiled(box_in: Path, box_out: Path, more: Sequence[str]) -> None:
        calls.append(box_in)
        if len(calls) > 1:
            (box_in / "lesion-clicks.json").write_text("{", encoding="utf-8")
        in_process(box_in, box_out, more)

    challenge_loop(Path("data"), Path("result"), "random", spoiled, PROPAGATE)
    scores = json.loads(Path("result/metric_scores.json").read_text())["a lung. one_0000"]
    assert scores[0]["dice"] > 0
    assert {e["dice"] for e in scores} == {scores[0]["dice"]}
