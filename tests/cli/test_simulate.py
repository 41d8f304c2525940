"""``lesionloop simulate``: scribbles that a simulated reader would draw."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

Cli = Callable[..., Any]
STRATEGIES = ("centerline", "random", "boundary")


def _points(path: Path) -> dict[str, list[tuple[int, ...]]]:
    """Points of a file in the challenge's form, by name."""
    content = json.loads(path.read_text())
    assert content["type"] == "Multiple points"
    assert content["version"] == {"major": 1, "minor": 0}
    names: dict[str, list[tuple[int, ...]]] = {"tumor": [], "background": []}
    for entry in content["points"]:
        names[entry["name"]].append(tuple(entry["point"]))
    return names


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_next_scribble_lies_in_one_kind_of_error(
    cli: Cli, files: Any, small: Any, tmp_path: Path, strategy: str
) -> None:
    out = tmp_path / "new" / "clicks a.b.json"
    outcome = cli("simulate", "--reference", files.label, "--prediction", files.mask,
                  "--strategy", strategy, "--out", out)  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    points = _points(out)
    missed = (small.label() == 1) & (small.mask() == 0)
    too_much = (small.label() == 0) & (small.mask() == 1)
    assert bool(points["tumor"]) != bool(points["background"])
    assert all(missed[point] for point in points["tumor"])
    assert all(too_much[point] for point in points["background"])
    counts = f"{len(points['tumor'])} foreground, {len(points['background'])} background points"
    assert outcome.out == f"{out}: {counts}\n"


def test_the_only_kind_of_error_is_scribbled(
    cli: Cli, files: Any, small: Any, tmp_path: Path
) -> None:
    out = tmp_path / "clicks.json"
    everything, nothing = np.ones(small.shape, np.uint8), np.zeros(small.shape, np.uint8)
    for values, name in ((nothing, "tumor"), (everything, "background")):
        mask = small.write(tmp_path / "mask.nii.gz", values)
        arguments = ("simulate", "--reference", files.label, "--prediction", mask)
        assert cli(*arguments, "--strategy", "random", "--out", out).code == 0
        assert [key for key, points in _points(out).items() if points] == [name]
    arguments = ("simulate", "--reference", files.label, "--prediction", files.label)
    assert cli(*arguments, "--strategy", "random", "--out", out).code == 0
    assert _points(out) == {"tumor": [], "background": []}


def test_what_simulate_writes_segment_honours(cli: Cli, files: Any, tmp_path: Path) -> None:
    clicks, out = tmp_path / "clicks.json", tmp_path / "mask.nii.gz"
    arguments = ("simulate", "--reference", files.label, "--prediction", files.mask)
    assert cli(*arguments, "--strategy", "centerline", "--out", clicks).code == 0
    assert cli("segment", "--pet", files.pet, "--scribbles", clicks, "--out", out).code == 0
    mask = np.asarray(nib.load(out).dataobj)
    points = _points(clicks)
    assert all(mask[point] == 1 for point in points["tumor"])
    assert all(mask[point] == 0 for point in points["background"])


def test_training_scribbles_of_one_label(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    out = tmp_path / "clicks.json"
    arguments = ("simulate", "--reference", files.label, "--strategy", "boundary")
    outcome = cli(*arguments, "--out", out, "--json")
    assert outcome.code == 0
    points = _points(out)
    assert json.loads(outcome.out) == [
        {
            "out": str(out),
            "foreground": len(points["tumor"]),
            "background": len(points["background"]),
        }
    ]
    label = small.label()
    assert points["tumor"]
    assert all(label[point] == 1 for point in points["tumor"])
    assert points["background"]
    assert all(label[point] == 0 for point in points["background"])


def test_a_folder_as_target_of_one_label(cli: Cli, files: Any, tmp_path: Path) -> None:
    arguments = ("simulate", "--reference", files.label, "--strategy", "random")
    assert cli(*arguments, "--heat-maps", "--out", tmp_path).code == 0
    assert (tmp_path / "fdg_a.b c_lesion-clicks.json").is_file()
    assert (tmp_path / "fdg_a.b c_0003.nii.gz").is_file()


def test_a_folder_of_labels_by_processes(cli: Cli, small: Any, tmp_path: Path) -> None:
    """Two processes write what one writes; the maps are 1 at the points and 0 elsewhere."""
    labels = tmp_path / "labels"
    names = ("a.b c", "d", "e_0001")
    for shift, name in enumerate(names):
        small.write(labels / f"{name}.nii.gz", np.roll(small.label(), shift, axis=1))
    (labels / "readme.md").write_text("not a label")
    arguments = ("simulate", "--reference", labels, "--strategy", "random", "--heat-maps")
    alone, together = tmp_path / "alone", tmp_path / "together"
    one = cli(*arguments, "--out", alone, "--json")
    two = cli(*arguments, "--out", together, "--workers", 2, "--json")
    assert (one.code, two.code) == (0, 0)
    assert len(json.loads(two.out)) == 3
    assert two.err == ""
    written = {path.name: path.read_bytes() for path in alone.iterdir()}
    assert len(written) == 9
    for path in together.iterdir():
        if path.suffix == ".json":
            assert path.read_bytes() == written[path.name]
    for name in names:
        points = _points(together / f"{name}_lesion-clicks.json")
        for kind, channel in (("tumor", "0002"), ("background", "0003")):
            heat = nib.load(together / f"{name}_{channel}.nii.gz")
            np.testing.assert_allclose(heat.affine, small.affine)
            expected = np.zeros(small.shape)
            expected[tuple(np.array(points[kind]).T)] = 1
            np.testing.assert_array_equal(np.asarray(heat.dataobj), expected)


def test_an_empty_label_has_no_scribbles(cli: Cli, small: Any, tmp_path: Path) -> None:
    label = small.write(tmp_path / "empty.nii.gz", np.zeros(small.shape, np.uint8))
    out = tmp_path / "clicks.json"
    arguments = ("simulate", "--reference", label, "--strategy", "centerline", "--out", out)
    assert cli(*arguments).code == 0
    assert _points(out) == {"tumor": [], "background": []}


def test_the_seed_decides(cli: Cli, files: Any, tmp_path: Path) -> None:
    contents: list[str] = []
    for seed in (42, 42, 7):
        out = tmp_path / f"{len(contents)}.json"
        arguments = ("simulate", "--reference", files.label, "--strategy", "random")
        assert cli(*arguments, "--seed", seed, "--out", out).code == 0
        contents.append(out.read_text())
    assert contents[0] == contents[1]
