import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lesionloop.datasets import convert_cases, find_cases
from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import Grid, files, nifti

NAMES = ("fdg_train_0001", "fdg_train_0002", "psma_train_0001", "psma_train_0002")


@pytest.fixture
def src(make: Any, tmp_path: Path) -> Path:
    folder: Path = make.deep_psma(tmp_path / "src", "train_0001", "train_0002")
    return folder


def states(src: Path, dst: Path) -> dict[str, str]:
    return {case.name: case.state for case in convert_cases(src, dst, "deep-psma")}


def times(dst: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in dst.rglob("*.nii.gz")}


def test_a_second_run_keeps_what_is_whole(src: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    assert set(states(src, dst).values()) == {"written"}
    before, record = times(dst), (dst / "cases.json").read_text()
    assert set(states(src, dst).values()) == {"kept"}
    assert times(dst) == before
    assert (dst / "cases.json").read_text() == record


@pytest.mark.parametrize("damage", ["cut", "swap", "remove", "source", "record", "no record"])
def test_what_is_not_whole_is_written_again(
    src: Path, tmp_path: Path, make: Any, cut: Any, damage: str
) -> None:
    dst = tmp_path / "dst"
    states(src, dst)
    pet = dst / "imagesTr" / "fdg_train_0002_0001.nii.gz"
    good = pet.read_bytes()
    if damage == "cut":
        cut(pet)
    elif damage == "swap":  # the same size, other bytes
        pet.write_bytes(good[:-20] + bytes(20))
    elif damage == "remove":
        pet.unlink()
    elif damage == "source":
        make.write(src / "train_0002" / "FDG" / "CT.nii.gz", make.ct(99), ct=True)
    elif damage == "record":
        content = json.loads((dst / "cases.json").read_text())
        content["cases"]["fdg_train_0002"] = "nonsense"
        (dst / "cases.json").write_text(json.dumps(content))
    else:
        (dst / "cases.json").unlink()
    again = states(src, dst)
    written = set(NAMES) if damage == "no record" else {"fdg_train_0002"}
    assert {name for name, state in again.items() if state == "written"} == written
    assert set(states(src, dst).values()) == {"kept"}
    if damage != "source":
        assert pet.read_bytes()[10:] == good[10:]


def test_an_interrupted_run_continues(src: Path, tmp_path: Path) -> None:
    jobs = convert_cases(src, tmp_path / "dst", "deep-psma")
    assert [next(jobs).name, next(jobs).name] == list(NAMES[:2])
    jobs.close()  # type: ignore[attr-defined]
    assert list(states(src, tmp_path / "dst").values()) == ["kept", "kept", "written", "written"]


def test_corrupt_cases_are_recorded_and_the_rest_goes_on(
    src: Path, tmp_path: Path, cut: Any, make: Any
) -> None:
    cut(src / "train_0001" / "FDG" / "CT.nii.gz")
    make.write(src / "train_0001" / "PSMA" / "TTB.nii.gz", make.label()[1:])
    dst = tmp_path / "dst"
    done = {case.name: case for case in convert_cases(src, dst, "deep-psma")}
    assert [done[name].state for name in NAMES] == ["failed", "written", "failed", "written"]
    assert str(src / "train_0001" / "FDG" / "CT.nii.gz") in str(done[NAMES[0]].error)
    assert "TTB.nii.gz" in str(done[NAMES[2]].error)
    assert "not on the same grid" in str(done[NAMES[2]].error)
    failed = json.loads((dst / "cases.json").read_text())["failed"]
    assert set(failed) == {NAMES[0], NAMES[2]}
    assert [case.name for case in find_cases(dst)] == [NAMES[1], NAMES[3]]
    assert not list(dst.rglob(".lesionloop*"))
    make.deep_psma(src, "train_0001")  # repaired
    assert list(states(src, dst).values()) == ["written", "kept", "written", "kept"]
    assert json.loads((dst / "cases.json").read_text())["failed"] == {}


def test_when_nothing_can_be_converted_nothing_is_left(src: Path, tmp_path: Path, cut: Any) -> None:
    for path in src.rglob("PET.nii.gz"):
        cut(path)
    with pytest.raises(InputError, match="not one of 4 cases") as caught:
        states(src, tmp_path / "dst")
    assert "fdg_train_0001" in str(caught.value)
    assert not (tmp_path / "dst").exists()


def test_a_link_out_of_the_data_set_is_refused(src: Path, tmp_path: Path, make: Any) -> None:
    elsewhere = make.write(tmp_path / "elsewhere" / "PET.nii.gz", make.pet(5))
    inside = src / "train_0001" / "PSMA" / "PET.nii.gz"
    inside.unlink()
    inside.symlink_to(elsewhere)
    within = src / "train_0002" / "PSMA" / "PET.nii.gz"
    within.rename(src / "object")
    within.symlink_to(src / "object")
    done = {case.name: case for case in convert_cases(src, tmp_path / "dst", "deep-psma")}
    assert "leads out of" in str(done["psma_train_0001"].error)
    assert done["psma_train_0002"].state == "written"


def test_a_loop_of_links_does_not_hang(src: Path, tmp_path: Path) -> None:
    (src / "loop").symlink_to(src, target_is_directory=True)
    pet = src / "train_0001" / "FDG" / "PET.nii.gz"
    pet.unlink()
    pet.symlink_to(pet)
    assert states(src, tmp_path / "dst")["fdg_train_0001"] == "failed"


def test_a_full_disk_ends_the_run_and_keeps_what_was_done(
    src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nifti.write_nifti

    def filling(values: Any, grid: Grid, path: Path) -> None:
        if path.name.startswith("psma"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(values, grid, path)

    monkeypatch.setattr(files, "write_nifti", filling)
    with pytest.raises(OutputError, match="psma_train_0001"):
        states(src, tmp_path / "dst")
    assert set(json.loads((tmp_path / "dst" / "cases.json").read_text())["cases"]) == set(NAMES[:2])
    monkeypatch.undo()
    assert list(states(src, tmp_path / "dst").values()) == ["kept", "kept", "written", "written"]


def test_foreign_records_are_not_overwritten(src: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    dst.mkdir()
    for text in ("[1, 2]", "{", '{"version": 1, "cases": [], "failed": {}}'):
        (dst / "cases.json").write_text(text)
        with pytest.raises(InputError, match=r"cases\.json"):
            states(src, dst)
        assert (dst / "cases.json").read_text() == text


def test_two_data_sets_in_one_folder(src: Path, tmp_path: Path, make: Any) -> None:
    dst = tmp_path / "dst"
    states(src, dst)
    other = make.fdg_lesions(tmp_path / "other", "PETCT_01140d52d8/08-13-2005-NA-x-56839")
    list(convert_cases(other, dst, "fdg-pet-ct-lesions"))
    assert len(find_cases(dst)) == 5
    assert json.loads((dst / "dataset.json").read_text())["numTraining"] == 5
    assert set(states(src, dst).values()) == {"kept"}


def test_onto_itself_is_refused(src: Path) -> None:
    with pytest.raises(InputError, match="onto itself"):
        states(src, src / "train_0001" / "..")
