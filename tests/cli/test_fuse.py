"""``lesionloop fuse`` as a user gives it: files in, labels and report out, resumed, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.imaging import Quantity, read_volume, write_volume
from lesionloop.phantom.liver import PHASES, make_liver

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole case that moved little, and one without its label of a phase."""
    folder = tmp_path_factory.mktemp("trials")
    phantom = make_liver(2, shape=(48, 42, 34), spacing=(6.0, 6.0, 6.0), lesions=4, movement=0.3)
    for name in ("whole", "lacking"):
        for phase in PHASES:
            for kind, volumes in (("images", phantom.images), ("labels", phantom.labels)):
                path = folder / f"{kind}Tr" / name / f"{name}_{phase}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_volume(volumes[phase], path)
    (folder / "labelsTr" / "lacking" / "lacking_venous.nii.gz").unlink()
    return folder


def test_fused_resumed_and_told(cli: Cli, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("fuse", dataset, "--out", out, "--working-mm", 6, "--json")
    outcome = cli(*arguments)
    assert outcome.code == 2, outcome.err  # one case lacks a label
    said = json.loads(outcome.out)
    assert "lacking lacks venous" in said["failed"]["lacking"]
    (record,) = said["cases"]
    label = read_volume(out / "labelsTr" / "whole" / "whole_combined.nii.gz", Quantity.LABEL)
    image = read_volume(dataset / "imagesTr" / "whole" / "whole_nocontrast.nii.gz", Quantity.HU)
    assert label.grid.agrees_with(image.grid)
    assert set(np.unique(label.values)) == {0, 1, 2}
    for lesion in record["lesions"]:
        assert label.values[tuple(lesion["at"])] == 2
        assert (out / "cases" / "whole" / f"lesion_{lesion['number']}.png").is_file()
    assert json.loads((out / "to_verify.json").read_text()) == said["to_verify"]
    report = (out / "report.html").read_text()
    assert "whole" in report
    assert "lacking lacks venous" in report

    before = (out / "cases" / "whole" / "fusion.json").stat().st_mtime_ns
    again = cli(*arguments)
    assert json.loads(again.out)["cases"] == said["cases"]
    assert (out / "cases" / "whole" / "fusion.json").stat().st_mtime_ns == before


def test_an_unknown_case_is_refused(cli: Cli, dataset: Path, tmp_path: Path) -> None:
    outcome = cli("fuse", dataset, "--out", tmp_path / "out", "--case", "nobody")
    assert outcome.code == 2
    assert "there is no case 'nobody'" in outcome.err
    assert not (tmp_path / "out").exists()


def test_no_data_set(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("fuse", tmp_path, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "no case in" in outcome.err
    assert not (tmp_path / "out").exists()
