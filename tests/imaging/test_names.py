"""Case names: dots and spaces stay, only known endings and channels go."""

from pathlib import Path

import pytest

from lesionloop.errors import InputError
from lesionloop.imaging.names import (
    case_name,
    channel_of,
    image_ending,
    images_by_name,
    strip_ending,
)


@pytest.mark.parametrize(
    ("name", "ending", "stem", "channel", "case"),
    [
        ("a.nii.gz", ".nii.gz", "a", None, "a"),
        ("a.nii", ".nii", "a", None, "a"),
        ("a.mha", ".mha", "a", None, "a"),
        ("A.NII.GZ", ".nii.gz", "A", None, "A"),
        ("A.Nii", ".nii", "A", None, "A"),
        ("fdg_1.2 b.c_0001.nii.gz", ".nii.gz", "fdg_1.2 b.c_0001", "0001", "fdg_1.2 b.c"),
        ("psma_95b833d65be26d2f_0000.mha", ".mha", "psma_95b833d65be26d2f_0000", "0000",
         "psma_95b833d65be26d2f"),
        ("psma_2020.nii.gz", ".nii.gz", "psma_2020", None, "psma_2020"),
        ("a.gz", None, "a.gz", None, "a.gz"),
        ("a.b.c", None, "a.b.c", None, "a.b.c"),
        ("a_001.nii", ".nii", "a_001", None, "a_001"),
        ("a0001.nii", ".nii", "a0001", None, "a0001"),
        ("a_0001_0000.nii", ".nii", "a_0001_0000", "0000", "a_0001"),
        ("_0001.nii", ".nii", "_0001", "0001", "_0001"),
        ("a.nii.nii.gz", ".nii.gz", "a.nii", None, "a.nii"),
    ],
)  # fmt: skip
def test_parts_of_a_name(
    name: str, ending: str | None, stem: str, channel: str | None, case: str
) -> None:
    for path in (name, Path("some.nii") / name):
        assert image_ending(path) == ending
        assert strip_ending(path) == stem
        assert channel_of(path) == channel
        assert case_name(path) == case


def test_images_of_a_folder_by_name(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a 1.x.MHA", "notes.txt", "c.gz"):
        (tmp_path / name).touch()
    found = images_by_name(tmp_path)
    assert list(found.items()) == [("a 1.x", tmp_path / "a 1.x.MHA"), ("b", tmp_path / "b.nii.gz")]
    (tmp_path / "b.mha").touch()
    with pytest.raises(InputError, match=r"b\.mha and b\.nii\.gz"):
        images_by_name(tmp_path)
    with pytest.raises(InputError, match="none"):
        images_by_name(tmp_path / "none")
