"""A segmenter from outside that fails: what was drawn stays, readers are told, and can go on."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

from lesionloop.segmenters.protocol import StepFailureError
from lesionloop.viewer.client import RefusedError
from lesionloop.viewer.outside import what_readers_are_told
from lesionloop.viewer.study_folder import StudyEntry

#: Marks SUV above 4; fails, with words about a place and a name, while a file is there and there
#: are clicks.
PROGRAM = """\
#!{python}
import sys
from pathlib import Path
from lesionloop.imaging import read_study, write_mask
from lesionloop.scribbles import ScribbleSet

source, target = map(Path, sys.argv[2:])
if Path(sys.argv[1]).exists() and len(ScribbleSet.read(source / "lesion-clicks.json")):
    sys.exit("no room for fdg_case 0 in " + str(source / "images") + "\\nbye")
study = read_study(None, source / "images" / "pet" / "case.mha")
write_mask(study.pet.values > 4, study, target / "images/tumor-lesion-segmentation/case.mha")
"""


@pytest.fixture
def outside(start: Callable[..., Any], data: Path, tmp_path: Path) -> Any:
    """A server on such a program, and the file by which it fails."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    command = f"command:{program} {tmp_path / 'fail'}"
    server = start(data, tmp_path / "state", "--segmenter", command)
    return server, tmp_path / "fail"


def state_of(server: Any, session: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(server.client().bytes("GET", f"/sessions/{session}")[0])
    return told


def test_a_stroke_that_fails_is_kept_and_the_next_tries_again(outside: Any) -> None:
    server, fail = outside
    client = server.client()
    study = next(s["id"] for s in client.studies() if s["name"] == "fdg_case 0")
    session = client.open(study, "a reader")
    first = session.mask.copy()
    assert first.any()
    fail.touch()
    with pytest.raises(RefusedError) as caught:
        session.scribble("foreground", [[12, 10, 9]])
    assert caught.value.status == 502
    said = str(caught.value)
    assert "ended with 1: no room for [name] in [path] bye" in said
    assert "next stroke tries again" in said
    assert "/" not in said
    assert "fdg_case" not in said

    # It is there, to be seen and taken back, over the mask of before; nothing is tried anew.
    state = state_of(server, session.id)
    assert [stroke["points"] for stroke in state["strokes"]] == [[[12, 10, 9]]]
    assert state["undo"] == "foreground scribble 1"
    assert (state["revision"], state["problem"]["error"]) == (0, "the segmenter failed")
    np.testing.assert_array_equal(client.resume(session.id).mask, first)
    # What leaves the viewer is never an older mask than its scribbles.
    with pytest.raises(RefusedError, match="segmenter failed"):
        session.export("mask.nii.gz")

    fail.unlink()
    session.scribble("background", [[1, 1, 1]])
    assert len(session.state["strokes"]) == 2
    assert session.state["problem"] is None
    np.testing.assert_array_equal(session.mask, client.resume(session.id).mask)
    assert session.export("mask.nii.gz")
    said = "".join(server.said)
    assert "Traceback" not in said
    assert "no room" not in said


def test_undo_leads_out_also_after_a_restart(outside: Any) -> None:
    server, fail = outside
    client = server.client()
    study = next(s["id"] for s in client.studies() if s["name"] == "fdg_case 1")
    session = client.open(study, "a reader")
    fail.touch()
    with pytest.raises(RefusedError):
        session.scribble("foreground", [[12, 10, 9]])
    server.stop()
    server.start()
    client = server.client()
    again = client.open(study, "a reader")  # the first mask, and why
    assert again.state["problem"] is not None
    assert again.state["undo"] is not None
    np.testing.assert_array_equal(again.mask, session.mask)
    again.undo()
    assert again.state["problem"] is None
    assert again.state["strokes"] == []
    np.testing.assert_array_equal(again.mask, session.mask)


def test_a_first_mask_that_fails_is_told(
    start: Callable[..., Any], data: Path, tmp_path: Path
) -> None:
    server = start(data, tmp_path / "state", "--segmenter", "command:false")
    client = server.client()
    for _ in range(2):
        with pytest.raises(RefusedError, match="the segmenter failed") as caught:
            client.open(client.studies()[0]["id"], "a reader")
        assert caught.value.status == 502
    assert "Traceback" not in "".join(server.said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("the command took longer than 600 s", "The command took longer than 600 s."),
        ("cannot read '/data/Doe Jane/pet.mha': gone.", "Cannot read '[path] [path]': gone."),
        (r"in C:\studies\x.mha (line 3)", "In [path] (line 3)."),
        ("case 7 is bad, CASE 7!", "[name] is bad, [name]!."),
        ("showcase 77 is\x1b[31m\n\nred", "Showcase 77 is [31m red."),
    ],
)
def test_what_a_program_says_is_told_without_places_and_names(said: str, told: str) -> None:
    entry = StudyEntry("id", "case 7", None, "nifti", Path("/data/pet.nii.gz"))
    error = what_readers_are_told(StepFailureError(said), entry)
    assert error.cause == told


def test_the_patient_of_a_dicom_study_is_not_named(tmp_path: Path) -> None:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName, header.PatientID = "Müller-Lüdenscheidt^Änne^^Dr", "U-17"
    header.SOPClassUID, header.SOPInstanceUID = PositronEmissionTomographyImageStorage, "1.2.3"
    header.SeriesInstanceUID = "1.2.4"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    (tmp_path / "PT").mkdir()
    header.save_as(tmp_path / "PT" / "1.dcm", enforce_file_format=True)
    entry = StudyEntry("id", "2024-01-10 ab", None, "dicom", tmp_path)
    said = "änne (u-17), MÜLLER-LÜDENSCHEIDT of 2024-01-10 ab, in Dr Channel"
    error = what_readers_are_told(StepFailureError(said), entry)
    assert error.cause == "[name] ([name]), [name] of [name], in Dr Channel."
