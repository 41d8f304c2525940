"""The table of a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.imaging.dicom import describe

Writer = Callable[..., Any]


def test_rows(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "1")
    write_series(tmp_path / "2", tags={"SeriesDescription": "NAC"})
    write_series(tmp_path / "3", modality="CT")
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_series(tmp_path / "4", modality="CT", count=1, tags={"ImageType": scout})
    rows = describe(tmp_path)
    assert [(r.modality, r.slices, r.chosen) for r in rows] == [
        ("PT", 5, True),
        ("PT", 5, False),
        ("CT", 5, True),
        ("CT", 1, False),
    ]
    assert rows[0].spacing == (3.0, 2.0, 4.0)
    assert rows[0].matrix == (7, 6)
    assert "not attenuation corrected" in rows[1].why
    assert rows[2].why == "the only one"
    assert rows[3].why == "scout view"


def test_trouble_is_told_in_its_row(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path / "1")
    written.paths[2].unlink()
    write_series(tmp_path / "2")
    rows = describe(tmp_path)
    assert not any(row.chosen for row in rows)
    assert "equally good" in rows[0].why
    assert "slices are missing" in rows[0].why
    assert rows[0].spacing == (3.0, 2.0, None)
    assert describe(tmp_path, pet_series=rows[1].uid)[1].chosen


def test_a_ct_of_another_examination_is_called_an_image(
    tmp_path: Path, write_series: Writer
) -> None:
    write_series(tmp_path / "1")
    write_series(tmp_path / "2", modality="CT", tags={"StudyInstanceUID": "1.2.3"})
    rows = describe(tmp_path, pet_series="1")
    assert [(row.modality, row.chosen) for row in rows] == [("PT", True), ("CT", False)]
    assert rows[1].why == "CT Image Storage: not chosen"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        describe(tmp_path / "no")
