"""The TriALS layout: found, checked, and not taken for PET/CT."""

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lesionloop.cli.main import app
from lesionloop.datasets import Severity, recognise_layout
from lesionloop.datasets.check_trials import check_trials
from lesionloop.datasets.trials import PHASES, find_trials, is_trials
from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Volume, write_volume

GRID = Grid((6, 5, 4), (1.0, 1.0, 2.0))


def write(folder: Path, case: str, kind: str, *, label: bool, values: int = 2) -> Path:
    """A small CT or label."""
    array = np.zeros(GRID.shape, dtype=np.int16)
    if label:
        array[1:4, 1:4, 1:3] = 1
        array[2, 2, 2] = values
    place = folder / ("labelsTr" if label else "imagesTr") / case
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{case}_{kind}.nii.gz"
    quantity = Quantity.LABEL if label else Quantity.HU
    write_volume(Volume(array.astype(np.uint8) if label else array, GRID, quantity), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two whole cases and where they come from."""
    for case in ("case.1", "case 2"):
        for phase in PHASES:
            write(tmp_path, case, phase, label=False)
            write(tmp_path, case, phase, label=True)
        write(tmp_path, case, "combined", label=True)
    rows = [("case", "centre", "split"), ("case.1", "Egypt", "train"), ("case 2", "China", "test")]
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


def test_cases_with_their_centres(folder: Path) -> None:
    assert is_trials(folder)
    assert recognise_layout(folder) == "trials"
    second, first = find_trials(folder)
    assert (first.name, first.centre, first.split) == ("case.1", "Egypt", "train")
    assert (second.name, second.centre, second.split) == ("case 2", "China", "test")
    assert set(first.images) == set(PHASES)
    assert set(first.labels) == {*PHASES, "combined"}


def test_a_whole_data_set_has_no_findings(folder: Path) -> None:
    check = check_trials(folder)
    assert check.cases == 2
    assert check.findings == ()


def test_what_is_wrong_is_found(folder: Path) -> None:
    (folder / "imagesTr/case.1/case.1_venous.nii.gz").unlink()
    (folder / "labelsTr/case.1/case.1_combined.nii.gz").unlink()
    write(folder, "case 2", "arterial", label=True, values=7)
    broken = folder / "imagesTr/case 2/case 2_delayed.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-40])
    (folder / "cases.csv").unlink()
    found = {(f.severity, f.kind, f.case) for f in check_trials(folder).findings}
    assert (Severity.ERROR, "phase is missing", "case.1") in found
    assert (Severity.WARNING, "label is missing", "case.1") in found
    assert (Severity.ERROR, "label holds other values", "case 2") in found
    assert (Severity.ERROR, "file cannot be read", "case 2") in found
    assert (Severity.NOTE, "centre is not known", None) in found


def test_a_label_of_another_grid(folder: Path) -> None:
    grid = Grid((6, 5, 5), (1.0, 1.0, 2.0))
    path = folder / "labelsTr/case.1/case.1_venous.nii.gz"
    write_volume(Volume(np.ones(grid.shape, dtype=np.uint8), grid, Quantity.LABEL), path)
    kinds = {f.kind for f in check_trials(folder).findings}
    assert "label and CT are on different grids" in kinds


def test_the_command(folder: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(app, ["dataset", "check", str(folder)])
    assert good.exit_code == 0, good.output
    (folder / "imagesTr/case.1/case.1_venous.nii.gz").unlink()
    bad = runner.invoke(app, ["dataset", "check", str(folder)])
    assert bad.exit_code == 2
    assert "phase is missing" in bad.output


def test_it_is_not_converted_to_pet_ct(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="CT without PET"):
        app(["convert", str(folder), str(tmp_path / "out")], standalone_mode=False)


def test_a_link_that_leads_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.nii.gz"
    path = folder / "imagesTr/case.1/case.1_venous.nii.gz"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(InputError, match="leads out"):
        find_trials(folder)


def test_a_folder_without_cases(tmp_path: Path) -> None:
    assert not is_trials(tmp_path)
    with pytest.raises(InputError, match="no case"):
        find_trials(tmp_path)


def test_a_table_without_cases(folder: Path) -> None:
    (folder / "cases.csv").write_text("name,centre\nx,y\n")
    with pytest.raises(InputError, match="no column case"):
        find_trials(folder)
