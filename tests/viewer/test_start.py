"""Going on from a mask made elsewhere, over the network."""

import signal
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.viewer.conftest import SHAPE, SPACING, ball

from lesionloop.cohort.recorded import read_session
from lesionloop.segmenters.touched import distance_mm
from lesionloop.viewer.client import Client, RefusedError, RemoteSession

Start = Callable[..., Any]
_READERS = count()

#: A lesion that the segmenter would not find, and one of those that it does.
COLD, FIRST = (20, 18, 15), (12, 10, 9)
LINE = [(x, 18, 15) for x in range(18, 23)]
AFFINE = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])


@pytest.fixture(scope="module", params=["propagate", "default"])
def client(
    request: pytest.FixtureRequest,
    start: Start,
    server: Any,
    data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Client:
    """Of a server for each segmenter."""
    if request.param == "propagate":
        found: Client = server.client()
    else:
        found = start(data, tmp_path_factory.mktemp("learned"), "-o", "threads=1").client()
    return found


@pytest.fixture
def session(client: Client) -> RemoteSession:
    return client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, NDArray[np.bool_]]:
    """A mask of two lesions that no segmenter would make of the study, as NIfTI."""
    mask = ball((30, 8, 22), 3.0) | ball((8, 26, 8), 2.0)
    path = tmp_path / "older mask.nii.gz"
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), path)
    return path, mask


def fresh(session: RemoteSession) -> NDArray[np.uint8]:
    return session.client.resume(session.id).mask


def test_what_one_reader_exports_another_goes_on_from(
    session: RemoteSession, client: Client, tmp_path: Path
) -> None:
    session.scribble("foreground", LINE)
    session.mark("lock", FIRST)
    seg = tmp_path / "seg.dcm"
    seg.write_bytes(session.export("seg.dcm"))
    other = client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")
    own = other.mask.copy()
    other.scribble("background", [FIRST])
    before = other.mask.copy()
    other.start_from(seg)
    np.testing.assert_array_equal(other.mask, session.mask)
    measured = ("number", "volume_ml", "suv_max", "suv_peak", "tlg", "at")
    assert [{k: lesion[k] for k in measured} for lesion in other.state["lesions"]] == [
        {k: lesion[k] for k in measured} for lesion in session.state["lesions"]
    ]
    assert other.state["start"] == {
        "name": "seg.dcm", "lesions": len(session.state["lesions"]), "notes": [],
    }  # fmt: skip
    assert (other.state["undo"], other.state["strokes"]) == ("start from seg.dcm", [])
    assert [point["step"] for point in other.state["curve"]] == [0]
    assert other.state["curve"][0]["mtv_ml"] == session.state["totals"]["mtv_ml"]
    first = other.mask.copy()
    # A scribble corrects there and leaves the rest alone.
    other.scribble("background", LINE)
    assert not any(other.mask[voxel] for voxel in LINE)
    far = distance_mm(tuple(np.array(LINE).T), SHAPE, SPACING) > 60  # the learned one's reach
    assert first[far].any()
    np.testing.assert_array_equal(other.mask[far] > 0, first[far] > 0)
    assert (other.mask[ball(FIRST, 2)] > 0).all()
    assert [stroke["step"] for stroke in other.state["strokes"]] == [1]
    assert [point["step"] for point in other.state["curve"]] == [0, 1]
    np.testing.assert_array_equal(other.mask, fresh(other))
    begun = client.bytes("GET", f"/sessions/{other.id}/mask?step=0")[0]
    other.undo()
    np.testing.assert_array_equal(other.mask, first)
    assert client.bytes("GET", f"/sessions/{other.id}/mask")[0] == begun
    other.undo()
    np.testing.assert_array_equal(other.mask, before)
    assert (other.state["start"], other.state["redo"]) == (None, "start from seg.dcm")
    other.undo()
    np.testing.assert_array_equal(other.mask, own)
    for _ in range(3):
        other.redo()
    assert not any(other.mask[voxel] for voxel in LINE)
    np.testing.assert_array_equal(other.mask, fresh(other))


def test_a_mask_of_another_program(
    session: RemoteSession, given: tuple[Path, NDArray[np.bool_]], tmp_path: Path
) -> None:
    """Exactly its voxels, whatever the segmenter thinks; marks and exports are of it."""
    path, mask = given
    session.start_from(path)
    np.testing.assert_array_equal(session.mask > 0, mask)
    assert session.state["start"]["name"] == "older mask.nii.gz"
    assert session.state["totals"]["count"] == 2
    session.mark("lock", (30, 8, 22))
    session.mark("reject", (8, 26, 8))
    np.testing.assert_array_equal(session.mask > 0, ball((30, 8, 22), 3.0))
    session.scribble("foreground", LINE)
    assert all(session.mask[voxel] for voxel in LINE)
    locked = ball((30, 8, 22), 3.0)
    assert (session.mask[locked] > 0).all()
    (tmp_path / "out.mha").write_bytes(session.export("mask.mha"))
    scribbles = session.export("scribbles.json").decode()
    assert scribbles.count("tumor") == len(LINE)
    with pytest.raises(RefusedError, match="made elsewhere") as refused:
        session.export("session.json")
    assert refused.value.status == 409
    # A second start takes the place of the first.
    session.start_from(tmp_path / "out.mha")
    assert session.state["strokes"] == []
    assert not session.state["lesions"][0]["locked"]
    again = session.mask.copy()
    session.undo()
    np.testing.assert_array_equal(session.mask, again)
    assert len(session.state["strokes"]) == 1
    for _ in range(4):
        session.undo()
    assert session.state["undo"] is None
    (tmp_path / "session.json").write_bytes(session.export("session.json"))
    assert len(read_session(tmp_path / "session.json").scribbles) == 0


def test_the_same_key_is_one_start(
    session: RemoteSession, given: tuple[Path, NDArray[np.bool_]]
) -> None:
    first = session.start_from(given[0], key="lost")
    session.scribble("foreground", LINE)
    again = session.start_from(given[0], key="lost")
    assert again["event"] == first["event"]
    assert len(again["state"]["strokes"]) == 1
    session.event(kind="done")
    with pytest.raises(RefusedError, match="done") as refused:
        session.start_from(given[0])
    assert refused.value.status == 409


def test_axes_in_another_order_are_the_same_voxels(
    session: RemoteSession, given: tuple[Path, NDArray[np.bool_]], tmp_path: Path
) -> None:
    image = nib.as_closest_canonical(nib.load(given[0]))
    turned = image.as_reoriented(np.array([[1, -1], [2, 1], [0, 1]]))
    nib.save(turned, tmp_path / "turned.nii")
    session.start_from(tmp_path / "turned.nii")
    np.testing.assert_array_equal(session.mask > 0, given[1])


def _cut(mask: NDArray[np.bool_]) -> nib.Nifti1Image:
    return nib.Nifti1Image(mask[:-1].astype(np.uint8), AFFINE)


def _moved(mask: NDArray[np.bool_]) -> nib.Nifti1Image:
    affine = AFFINE.copy()
    affine[0, 3] = 3.5
    return nib.Nifti1Image(mask.astype(np.uint8), affine)


def _shares(mask: NDArray[np.bool_]) -> nib.Nifti1Image:
    return nib.Nifti1Image(mask.astype(np.float32) / 3, AFFINE)


@pytest.mark.parametrize(
    ("make", "says"), [(_cut, "39 x 36 x 30"), (_moved, "-3.5"), (_shares, "whole numbers")]
)
def test_a_mask_that_is_not_of_the_study_is_refused(
    server: Any,
    given: tuple[Path, NDArray[np.bool_]],
    tmp_path: Path,
    make: Callable[[NDArray[np.bool_]], nib.Nifti1Image],
    says: str,
) -> None:
    client = server.client()
    session = client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")
    nib.save(make(given[1]), tmp_path / "wrong.nii.gz")
    with pytest.raises(RefusedError, match=r"wrong\.nii\.gz") as refused:
        session.start_from(tmp_path / "wrong.nii.gz")
    assert refused.value.status == 422
    assert says in str(refused.value.cause)
    assert client.resume(session.id).state["revision"] == 0


def test_damaged_files_are_refused(
    server: Any, given: tuple[Path, NDArray[np.bool_]], tmp_path: Path
) -> None:
    client = server.client()
    session = client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")
    whole, seg = given[0].read_bytes(), session.export("seg.dcm")
    cases = {
        "empty.dcm": b"",
        "half.nii.gz": whole[: len(whole) // 2],
        "half.dcm": seg[: len(seg) // 2],
        "text.mha": b"no image at all " * 40,
        "no seg.dcm": session.export("rtstruct.dcm"),
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RefusedError) as refused:
            session.start_from(tmp_path / name)
        assert refused.value.status == 422, name
        assert refused.value.what
        assert "/" not in str(refused.value), name
    assert client.resume(session.id).state["revision"] == 0
    with pytest.raises(RefusedError) as refused:
        client.send("POST", "/sessions/none/start?name=a&key=b", given[0])
    assert refused.value.status == 404


def test_a_killed_server_keeps_the_start(
    start: Start, data: Path, given: tuple[Path, NDArray[np.bool_]], tmp_path: Path
) -> None:
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    session = server.client().open(server.client().studies()[0]["id"], "me")
    session.start_from(given[0], key="k")
    session.scribble("foreground", LINE)
    mask = session.mask.copy()
    server.stop(signal.SIGKILL)
    server.start()
    session = server.client().resume(session.id)
    np.testing.assert_array_equal(session.mask, mask)
    assert session.state["start"]["name"] == "older mask.nii.gz"
    session.undo()
    np.testing.assert_array_equal(session.mask > 0, given[1])
    server.stop()
    # A start whose mask is gone is told, and can be taken back.
    with sqlite3.connect(tmp_path / "state" / "sessions.sqlite") as database:
        database.execute("DELETE FROM mask")
    database.close()
    server.start()
    with pytest.raises(RefusedError, match="not in the session store"):
        server.client().resume(session.id)
    path = f"/sessions/{session.id}/events"
    undone = server.client().json("POST", path, {"kind": "undo"})
    assert undone["state"]["start"] is None
    assert undone["state"]["totals"]["count"] == 2


@pytest.fixture(scope="module")
def scanner(shared: Path) -> Path:
    """Folder of a study as DICOM, with segmentations of other makers."""
    folder = shared / "data" / "petct-dicom"
    if not folder.is_dir():
        pytest.skip(f"there is no DICOM study at {folder}")
    return folder


@pytest.fixture(scope="module")
def scanner_server(start: Start, scanner: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return start(scanner, tmp_path_factory.mktemp("scanner"), "--segmenter", "propagate")


@pytest.fixture
def reading(scanner_server: Any) -> RemoteSession:
    """A new reader on the scanner's study."""
    client: Client = scanner_server.client()
    return client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")


def _pet_slices(scanner: Path) -> list[Any]:
    """Headers from the feet to the head, as the study has its slices."""
    import pydicom

    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in (scanner / "PET_AC").iterdir()]
    return sorted(headers, key=lambda header: float(header.ImagePositionPatient[2]))


def _by_highdicom(path: Path) -> dict[str, NDArray[np.bool_]]:
    """Union of all segments by the PET instance that each frame refers to, [row, column]."""
    import highdicom

    seg = highdicom.seg.segread(path)
    uids = sorted({uid for _, _, uid in seg.get_source_image_uids()})
    frames = seg.get_pixels_by_source_instance(
        uids, combine_segments=False, ignore_spatial_locations=True
    )
    return {uid: frames[n].any(axis=-1) for n, uid in enumerate(uids)}


@pytest.mark.parametrize("name", ["SEG_on_PET_grid_162308", "SEG_on_PET_grid_504365"])
def test_a_seg_on_a_scanner_s_pet(reading: RemoteSession, scanner: Path, name: str) -> None:
    """The voxels are those that an independent reader finds on each slice."""
    session = reading
    path = next((scanner / name).iterdir())
    session.start_from(path)
    headers = _pet_slices(scanner)
    assert len(headers) == session.mask.shape[2]
    marked = _by_highdicom(path)
    assert marked
    for z, header in enumerate(headers):
        there = marked.get(header.SOPInstanceUID, np.zeros((128, 128), dtype=bool))
        np.testing.assert_array_equal(session.mask[:, :, z].T > 0, there)
    assert session.state["start"]["notes"] == []
    assert session.state["start"]["lesions"] == session.state["totals"]["count"]


def test_a_seg_on_the_ct_of_a_scanner_goes_to_the_nearest_voxels(
    reading: RemoteSession, scanner: Path, server: Any
) -> None:
    import highdicom

    session = reading
    path = next((scanner / "SEG_on_CT_grid_760111").iterdir())
    session.start_from(path)
    (note,) = session.state["start"]["notes"]
    assert "resampled to the nearest voxel" in note
    assert str(path) not in note
    volume = highdicom.seg.segread(path).get_volume(combine_segments=False)
    marked = volume.array.any(axis=-1)
    assert session.mask.any()
    for z, header in enumerate(_pet_slices(scanner)):
        columns, rows = np.meshgrid(np.arange(128), np.arange(128))
        row_step, column_step = map(float, header.PixelSpacing)
        x, y, height = map(float, header.ImagePositionPatient)
        places = [x + columns * column_step, y + rows * row_step, np.full((128, 128), height)]
        index = np.rint(volume.map_reference_to_indices(np.stack(places, axis=-1).reshape(-1, 3)))
        inside = ((index >= 0) & (index < marked.shape)).all(axis=1)
        nearest = np.zeros(128 * 128, dtype=bool)
        nearest[inside] = marked[tuple(index[inside].astype(int).T)]
        # The study's slices are evenly spaced, the scanner's to 0.02 mm: ties may fall otherwise.
        found = session.mask[:, :, z].T.ravel() > 0
        assert (found != nearest).sum() <= 0.02 * nearest.sum(), z
    # To a study without a frame of reference it cannot be said to belong.
    client = server.client()
    stranger = client.open(client.studies()[0]["id"], f"starter {next(_READERS)}")
    with pytest.raises(RefusedError, match=r"is not on the grid|outside") as refused:
        stranger.start_from(path)
    assert refused.value.status == 422
