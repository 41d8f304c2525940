"""A reader at work, over the network."""

import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.cohort.recorded import read_session
from lesionloop.datasets.nnunet import find_cases
from lesionloop.imaging import read_study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.viewer.client import Client, RefusedError, RemoteSession

Start = Callable[..., Any]
_READERS = count()

#: A cold voxel between the two lesions of study 0, and a hot one of each.
COLD, FIRST, SECOND = (20, 18, 15), (12, 10, 9), (28, 24, 20)
LINE = [(x, 18, 15) for x in range(18, 23)]


@pytest.fixture
def client(server: Any) -> Client:
    found: Client = server.client()
    return found


@pytest.fixture
def session(client: Client) -> RemoteSession:
    """A new reader on study 0."""
    return client.open(client.studies()[0]["id"], f"reader {next(_READERS)}")


def fresh(session: RemoteSession) -> NDArray[np.uint8]:
    """The whole mask as the server has it."""
    return session.client.resume(session.id).mask


def lesion_at(session: RemoteSession, at: tuple[int, int, int]) -> dict[str, Any]:
    found: dict[str, Any] = session.state["lesions"][session.mask[at] - 1]
    return found


def test_info_and_studies(client: Client) -> None:
    info = client.info()
    assert (info["segmenter"], info["reader_required"]) == ("propagate", True)
    studies = client.studies()
    assert [study["name"] for study in studies] == [f"fdg_case {n}" for n in range(3)]
    assert {study["tracer"] for study in studies} == {"fdg"}
    assert not any("case" in study["id"] for study in studies)


def test_a_reader_has_one_session_of_a_study(client: Client) -> None:
    study = client.studies()[0]["id"]
    one = client.open(study, "Dr. Ünïcode 患者")
    assert client.open(study, " Dr. Ünïcode 患者 ").id == one.id
    assert client.open(study, "somebody else").id != one.id
    listed = {s["id"]: s for s in client.studies()[0]["sessions"]}
    assert listed[one.id] == {"id": one.id, "reader": "Dr. Ünïcode 患者", "done": False}


def test_the_mask_is_the_segmenter_s(session: RemoteSession, data: Path) -> None:
    """A cold segmenter that is handed the scribbles gives the mask that the page shows."""
    case = find_cases(data, labelled=False)[0]
    cold = load_segmenter("propagate").open(read_study(case.ct, case.pet, tracer="fdg"))
    scribbles = ScribbleSet()
    np.testing.assert_array_equal(session.mask > 0, cold.segment(scribbles))
    for label, points in (("foreground", LINE), ("background", [FIRST, (12, 10, 10)])):
        session.scribble(label, points)
        scribbles = scribbles.add(points, "foreground" if label == "foreground" else "background")
        np.testing.assert_array_equal(session.mask > 0, cold.segment(scribbles))
        np.testing.assert_array_equal(session.mask, fresh(session))


def test_lesions_and_totals(session: RemoteSession) -> None:
    state = session.state
    numbers = [lesion["number"] for lesion in state["lesions"]]
    volumes = [lesion["volume_ml"] for lesion in state["lesions"]]
    assert numbers == [1, 2]
    assert volumes == sorted(volumes, reverse=True)
    for lesion, volume in zip(state["lesions"], volumes, strict=True):
        voxels = (session.mask == lesion["number"]).sum()
        assert volume == pytest.approx(voxels * 4 * 5 * 6 / 1000)
        assert session.mask[tuple(lesion["at"])] == lesion["number"]
    assert state["totals"]["count"] == 2
    assert state["totals"]["mtv_ml"] == pytest.approx(sum(volumes))
    assert state["study"]["shape"] == list(session.mask.shape)
    assert state["study"]["suv"]
    assert state["study"]["has_ct"]


def test_undo_and_redo_without_end(session: RemoteSession) -> None:
    masks = [session.mask.copy()]
    for x in range(15, 25, 3):
        session.scribble("foreground", [(x, 18, 15), (x, 18, 16)])
        masks.append(session.mask.copy())
    assert session.state["undo"] == "foreground scribble 4"
    assert [point["step"] for point in session.state["curve"]] == [0, 1, 2, 3, 4]
    for mask in masks[-2::-1]:
        session.undo()
        np.testing.assert_array_equal(session.mask, mask)
    assert (session.state["undo"], session.state["redo"]) == (None, "foreground scribble 1")
    with pytest.raises(RefusedError, match="nothing to undo") as refused:
        session.undo()
    assert refused.value.status == 409
    for mask in masks[1:]:
        session.redo()
        np.testing.assert_array_equal(session.mask, mask)
    np.testing.assert_array_equal(session.mask, fresh(session))


def test_a_locked_lesion_stays(session: RemoteSession) -> None:
    before = session.mask.copy()
    session.mark("lock", FIRST)
    assert lesion_at(session, FIRST)["locked"]
    assert not lesion_at(session, SECOND)["locked"]
    session.scribble("background", [FIRST, (12, 10, 10), (12, 11, 9)])
    session.scribble("foreground", [(x, 14, 9) for x in range(10, 17)])
    lesion = before == before[FIRST]
    assert (session.mask[lesion] == session.mask[FIRST]).all()
    assert (session.mask == session.mask[FIRST]).sum() == lesion.sum()
    session.mark("unlock", FIRST)
    assert session.mask[FIRST] == 0
    with pytest.raises(RefusedError, match="no lesion"):
        session.mark("lock", FIRST)
    with pytest.raises(RefusedError, match="not locked"):
        session.mark("unlock", SECOND)
    for _ in range(4):
        session.undo()
    np.testing.assert_array_equal(session.mask, before)


def test_a_rejected_lesion_goes_until_it_is_drawn_again(session: RemoteSession) -> None:
    before = session.mask.copy()
    session.mark("accept", FIRST)
    assert lesion_at(session, FIRST)["accepted"]
    session.mark("reject", FIRST)
    assert not session.mask[before == before[FIRST]].any()
    assert session.state["totals"]["count"] == 1
    session.scribble("background", LINE)
    assert session.mask[FIRST] == 0
    session.scribble("foreground", [FIRST])
    assert session.mask[FIRST] > 0
    assert not lesion_at(session, FIRST)["accepted"]
    for _ in range(3):
        session.undo()
    np.testing.assert_array_equal(session.mask, before)
    assert lesion_at(session, FIRST)["accepted"]


def test_the_first_mask_stays_to_be_compared(session: RemoteSession) -> None:
    first = session.client.bytes("GET", f"/sessions/{session.id}/mask")[0]
    session.scribble("foreground", LINE)
    data, headers = session.client.bytes("GET", f"/sessions/{session.id}/mask?step=0")
    assert (data, headers["X-Revision"]) == (first, "0")


def test_done_closes_a_session_until_it_is_reopened(session: RemoteSession) -> None:
    session.event(kind="done")
    assert session.state["done"]
    with pytest.raises(RefusedError, match="done") as refused:
        session.scribble("foreground", LINE)
    assert refused.value.status == 409
    session.event(kind="reopen")
    session.scribble("foreground", LINE)
    assert session.state["revision"] == 1


def test_two_windows_on_one_session(session: RemoteSession) -> None:
    other = session.client.resume(session.id)
    session.scribble("foreground", LINE)
    other.scribble("background", [FIRST])  # its answer holds both changes
    np.testing.assert_array_equal(other.mask, fresh(session))
    assert session.follow()
    np.testing.assert_array_equal(session.mask, other.mask)
    assert not session.follow()
    session.undo()
    other.undo()
    assert (other.state["undo"], other.mask[COLD]) == (None, 0)


def test_the_same_key_is_one_event(session: RemoteSession) -> None:
    first = session.scribble("foreground", LINE, key="lost")
    again = session.scribble("foreground", LINE, key="lost")
    assert (again["event"], again["revision"]) == (first["event"], first["revision"])
    assert len(again["state"]["strokes"]) == 1
    later = session.scribble("background", [FIRST])
    third = session.scribble("foreground", LINE, key="lost")
    assert (third["event"], third["revision"]) == (first["event"], later["revision"])


def test_points_outside_and_malformed_bodies_are_refused(session: RemoteSession) -> None:
    bodies: list[dict[str, Any]] = [
        {"kind": "scribble", "label": "foreground", "points": [[40, 0, 0]], "key": "a"},
        {"kind": "scribble", "label": "foreground", "points": [], "key": "a"},
        {"kind": "scribble", "label": "foreground", "points": [[1.5, 0, 0]], "key": "a"},
        {"kind": "scribble", "label": "foreground", "key": "a"},
        {"kind": "scribble", "label": "lesion", "points": [[1, 1, 1]], "key": "a"},
        {"kind": "scribble", "label": "foreground", "points_mm": [[1e4, 0, 0]], "key": "a"},
        {"kind": "lock", "at": [-1, 0, 0], "key": "a"},
        {"kind": "lock", "at": [99, 0, 0], "key": "a"},
        {"kind": "nonesuch"},
        {"kind": "undo", "what": 1},
        {},
    ]
    for body in bodies:
        with pytest.raises(RefusedError) as refused:
            session.client.json("POST", f"/sessions/{session.id}/events", body)
        assert refused.value.status == 422, body
        assert refused.value.what
        assert refused.value.cause or refused.value.remedy
    assert session.client.resume(session.id).state["revision"] == 0


def test_volumes_are_the_study_s(client: Client, data: Path) -> None:
    study = client.studies()[0]["id"]
    for role, name, kind in (("pet", "0001", np.float32), ("ct", "0000", np.int16)):
        packed, headers = client.bytes("GET", f"/studies/{study}/{role}.nii.gz")
        import gzip

        image = nib.Nifti1Image.from_bytes(gzip.decompress(packed))
        given = nib.load(data / "imagesTr" / f"fdg_case 0_{name}.nii.gz")
        assert image.get_data_dtype() == kind
        np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(given.dataobj))
        np.testing.assert_allclose(image.affine, given.affine, atol=1e-5)
        assert headers["ETag"]


def test_exports(session: RemoteSession, tmp_path: Path) -> None:
    session.scribble("foreground", LINE)
    session.scribble("background", [FIRST])
    session.undo()
    session.scribble("background", [SECOND])
    for name in ("mask.nii.gz", "mask.mha"):
        (tmp_path / name).write_bytes(session.export(name))
    image = np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj)
    np.testing.assert_array_equal(image, session.mask > 0)
    (tmp_path / "session.json").write_bytes(session.export("session.json"))
    recorded = read_session(tmp_path / "session.json")
    assert [stroke.label for stroke in recorded.scribbles] == ["foreground", "background"]
    assert recorded.scribbles.scribbles[0].points.tolist() == [list(p) for p in LINE]
    assert recorded.total_seconds >= 0
    points = json.loads(session.export("scribbles.json"))["points"]
    assert len(points) == len(LINE) + 1
    table = session.export("lesions.csv").decode().splitlines()
    assert len(table) == 1 + len(session.state["lesions"])
    for name in ("seg.dcm", "rtstruct.dcm", "sr.dcm"):
        assert session.export(name)[128:132] == b"DICM"
    with pytest.raises(RefusedError) as refused:
        session.export("nonesuch")
    assert refused.value.status == 404


def test_a_pick_in_the_projection_finds_the_lesion(session: RemoteSession) -> None:
    """The brightest pixel of the projection is the hot ball, from every side."""
    import io

    from PIL import Image

    path = f"/sessions/{session.id}/mip"
    for degrees in (0, 50, 90, 180, 350):
        png = session.client.bytes("GET", f"{path}/{degrees}.png?theme=dark")[0]
        picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
        hot = np.argwhere(picture >= 205)  # SUV 8 and more: the first ball alone
        v, u = (hot.mean(axis=0) + 0.5) / picture.shape
        at = session.client.json("GET", f"{path}/{degrees}/pick?u={u}&v={v}")["at"]
        assert np.linalg.norm(np.subtract(at, FIRST)) < 3.2
    assert session.client.json("GET", f"{path}/0/pick?u=0&v=0") == {"at": None}


def test_timings_count_activity(session: RemoteSession) -> None:
    session.event(kind="view", what="axial")
    rows = {row["session"]: row for row in session.client.json("GET", "/timings")}
    row = rows[session.id]
    assert (row["events"], row["name"]) == (2, "fdg_case 0")
    assert 0 <= row["seconds"] < 60


def test_an_oblique_and_flipped_study(start: Start, tmp_path: Path) -> None:
    """A place in mm that ITK gives for a voxel arrives at that voxel."""
    import SimpleITK as sitk  # noqa: N813

    values = np.zeros((30, 28, 26), dtype=np.float32, order="F")
    values[3:27, 3:25, 3:23] = 0.7
    values[8:12, 15:19, 6:10] = 8.0
    image = sitk.GetImageFromArray(values.T.copy())
    image.SetSpacing((4.0, 5.0, 6.0))
    image.SetOrigin((17.0, -33.0, 250.0))
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([-1.0, 1.0, -1.0])
    image.SetDirection(turn.ravel().tolist())
    folder = tmp_path / "data" / "odd"
    folder.mkdir(parents=True)
    sitk.WriteImage(image, str(folder / "pet.mha"))
    server = start(tmp_path / "data", tmp_path / "state", "--segmenter", "propagate")
    session = server.client().open(server.client().studies()[0]["id"], "me")
    assert not session.state["study"]["has_ct"]
    voxels = [(20, 8, 17), (21, 8, 17), (22, 9, 18)]
    places = [image.TransformIndexToPhysicalPoint(voxel) for voxel in voxels]
    session.scribble_mm("foreground", places)
    strokes = session.client.resume(session.id).state["strokes"]
    assert strokes[0]["points"] == [list(voxel) for voxel in voxels]
    assert all(session.mask[voxel] > 0 for voxel in voxels)
    session.client.bytes("GET", f"/sessions/{session.id}/mip/40.png")


def test_the_learned_segmenter(start: Start, data: Path, tmp_path: Path) -> None:
    server = start(data, tmp_path / "state", "-o", "threads=1")
    session = server.client().open(server.client().studies()[0]["id"], "me")
    assert server.client().info()["segmenter"] == "default"
    for place in session.state["places"]:
        assert place["kind"] in ("missed", "false")
    session.scribble("foreground", LINE)
    assert all(session.mask[voxel] > 0 for voxel in LINE)
    np.testing.assert_array_equal(session.mask, fresh(session))
    # Where to look next comes after the mask.
    deadline = time.monotonic() + 20
    while session.state["places_revision"] < session.state["revision"]:
        assert time.monotonic() < deadline
        session.follow()
