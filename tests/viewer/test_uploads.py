"""Studies that come through the page: what is taken, what is refused, and what stays of it."""

import gzip
import os
import shutil
import signal
import socket
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import nibabel as nib
import numpy as np
import pytest

from lesionloop.viewer.client import Client, RefusedError

resource = pytest.importorskip("resource")  # not on Windows

Start = Callable[..., Any]
TOKEN = "a-token-that-nobody-guesses"  # noqa: S105  (only here)


@pytest.fixture(scope="module")
def hall(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server without any study of its own."""
    return start(
        tmp_path_factory.mktemp("empty"),
        tmp_path_factory.mktemp("hall"),
        "--segmenter",
        "propagate",
    )


def pair(folder: Path, number: int = 0) -> Path:
    """A folder with a PET and a CT."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(number)
    values = (0.5 + rng.random((20, 18, 16))).astype(np.float32)
    values[5:9, 5:9, 5:9] = 12.0
    affine = np.diag([-4.0, -4.0, 4.0, 1.0])
    nib.save(nib.Nifti1Image(values, affine), folder / "pet.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(values.shape, np.int16), affine), folder / "ct.nii.gz")
    return folder


def dicom(folder: Path, **changes: object) -> Path:
    """A PET of a few slices; ``changes`` are made to every slice."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir(parents=True)
    stored = np.random.default_rng(1).integers(100, 3000, (6, 12, 14)).astype(np.int16)
    for index, plane in enumerate(stored):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.128", "PT"
        ds.SOPInstanceUID, ds.InstanceNumber = f"1.2.3.4.{index + 1}", index + 1
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (
            "1.2.3",
            "1.2.3.4",
            "1.9",
        )
        ds.PatientName, ds.PatientID = "Secret^Name", "P1"
        ds.SeriesDescription, ds.Units, ds.DecayCorrection = "PET WB AC", "BQML", "START"
        ds.CorrectedImage = ["DECY", "ATTN"]
        ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [4, 4]
        ds.ImagePositionPatient, ds.SliceThickness = [0, 0, 4 * index], 4
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = plane.shape
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept = "10", "0"
        ds.PixelData = plane.tobytes()
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
        ds.save_as(folder / f"IM{index:03d}", enforce_file_format=True)
    return folder


def zipped(folder: Path, archive: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in folder.rglob("*"):
            opened.write(file, f"{inside}{file.relative_to(folder.parent).as_posix()}")
    return archive


def left_of(server: Any) -> list[str]:
    """What lies in the folder of the uploads."""
    uploads = server.state / "uploads"
    return sorted(p.relative_to(uploads).as_posix() for p in uploads.rglob("*") if p.is_file())


def put(server: Any, upload: str, name: str, data: bytes) -> None:
    server.client()._ask("PUT", f"/uploads/{upload}/files?path={quote(name)}", data, {})


def begun(server: Any) -> str:
    return str(server.client().json("POST", "/uploads")["id"])


def test_a_pair_is_opened_and_corrected(hall: Any, tmp_path: Path) -> None:
    client = hall.client()
    (study,) = client.upload([pair(tmp_path / "psma_one")])
    assert (study["name"], study["kind"], study["source"]) == ("psma_one", "nifti", "upload")
    assert study["tracer"] == "psma"
    assert len(study["upload"]) == 32
    session = client.open(study["id"], "me")
    assert session.state["study"]["has_ct"]
    assert session.mask[6, 6, 6]
    assert session.scribble("background", [[6, 6, 6]])["revision"] == 1
    assert study["id"] in {row["id"] for row in client.studies()}


def test_files_of_the_layout_without_its_folder(hall: Any, data: Path) -> None:
    files = sorted((data / "imagesTr").iterdir())
    studies = hall.client().upload(files)
    assert {study["name"] for study in studies} == {f"fdg_case {n}" for n in range(3)}


def test_dicom_as_a_folder_as_files_and_in_an_archive(hall: Any, tmp_path: Path) -> None:
    client = hall.client()
    folder = dicom(tmp_path / "exam")
    (study,) = client.upload([folder])
    assert (study["name"], study["kind"]) == ("exam", "dicom")
    (study,) = client.upload(sorted(folder.iterdir()))
    assert study["name"] == f"upload {study['upload'][:6]}"
    # As a disc has it: folders around folders.
    archive = zipped(folder, tmp_path / "disc.zip", "DICOM/PATIENT/STUDY/SERIES/")
    (study,) = client.upload([archive])
    assert study["kind"] == "dicom"
    state = client.open(study["id"], "me").state
    assert not state["study"]["suv"]  # its header lacks the dose
    assert state["study"]["shape"] == [14, 12, 6]
    assert not any("Secret" in line for line in hall.said)


def test_real_studies(hall: Any, shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "petct-dicom"
    (study,) = hall.client().upload([zipped(source, tmp_path / "a.zip")])
    assert hall.client().open(study["id"], "me").state["study"]["suv"]


def nifti_header(shape: tuple[int, int, int]) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock) + bytes(4)


def mha(shape: str, body: bytes, packed: bool) -> bytes:
    return (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = {packed}\n"
        f"DimSize = {shape}\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    ).encode() + body


def too_many_rows(folder: Path) -> None:
    dicom(folder / "x", Rows=60000, Columns=60000)


def too_many_frames(folder: Path) -> None:
    dicom(folder / "x", NumberOfFrames=2_000_000_000)


def run_lengths(folder: Path) -> None:
    """Compressed with so little that the decoder has only the header to believe."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import RLELossless

    dicom(folder / "x", Rows=65535, Columns=65535)
    from pydicom import dcmread

    for file in (folder / "x").iterdir():
        ds = dcmread(file)
        ds.file_meta.TransferSyntaxUID = RLELossless
        ds.PixelData = encapsulate([bytes(64) + b"\x81\0" * 20])
        ds["PixelData"].VR = "OB"
        ds.save_as(file)


def deflated(folder: Path) -> None:
    """A header of 256 MiB in a fraction of one."""
    import struct

    dicom(folder / "x")
    file = sorted((folder / "x").iterdir())[0]
    from pydicom import dcmread
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    ds = dcmread(file)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(file)
    data = file.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(zlib.decompress(data[start:], -15)[:200])
    body += packer.compress(struct.pack("<HH2sHI", 0x0029, 0x1010, b"OB", 0, 1 << 28))
    body += b"".join(packer.compress(bytes(1 << 26)) for _ in range(4)) + packer.flush()
    file.write_bytes(data[:start] + body)
    for bare in sorted((folder / "x").iterdir())[1:]:
        bare.write_bytes((data[:start] + body)[132:])


def huge_nifti(folder: Path) -> None:
    (folder / "pet.nii").write_bytes(nifti_header((30000, 30000, 30000)) + bytes(1000))


def gzip_bomb(folder: Path) -> None:
    """8 GiB of zeros in 8 MB, as declared."""
    member = gzip.compress(bytes(64 << 20))
    head = gzip.compress(nifti_header((2048, 2048, 2048)))
    (folder / "pet.nii.gz").write_bytes(head + member * 128)


def cut_mha(folder: Path) -> None:
    (folder / "pet.mha").write_bytes(mha("40 40 40", bytes(1000), False))


def mha_bomb(folder: Path) -> None:
    packer = zlib.compressobj(1)
    body = packer.compress(b"\1" * (1 << 20)) + packer.flush()
    (folder / "pet.mha").write_bytes(mha("2048 2048 2048", body + bytes(8 << 20), True))


def zip_bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pet.nii", bytes(100 << 20))


def zip_slip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("../../../../pet.nii", b"x")


def nested(folder: Path) -> None:
    pair(folder / "x")
    zipped(folder / "x", folder / "inner.zip")
    shutil.rmtree(folder / "x")
    with zipfile.ZipFile(folder / "outer.zip", "w") as archive:
        archive.write(folder / "inner.zip", "inner.zip")
    (folder / "inner.zip").unlink()


def no_study(folder: Path) -> None:
    (folder / "letter.txt").write_text("hello")


def not_dicom(folder: Path) -> None:
    (folder / "x").mkdir()
    (folder / "x" / "IM1").write_bytes(bytes(128) + b"DICM" + os.urandom(2000))


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (too_many_rows, "decode the pixels|memory"), (too_many_frames, "multi-frame"),
    (run_lengths, "decode the pixels|cannot be opened"),
    (deflated, "not taken"),
    (huge_nifti, "truncated|too large"), (gzip_bomb, "memory"), (cut_mha, "truncated"),
    (mha_bomb, "memory"), (zip_bomb, "too large"), (zip_slip, "not taken"),
    (nested, "no study"), (no_study, "no study"), (not_dicom, "no study"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "says"), HOSTILE, ids=[make.__name__ for make, _ in HOSTILE])
def test_what_is_not_what_it_says(
    hall: Any, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    client = hall.client()
    before = client.studies(), left_of(hall)
    make(tmp_path)
    with pytest.raises(RefusedError, match=says) as refused:
        client.upload(sorted(tmp_path.iterdir()))
    assert refused.value.status == 422
    assert str(hall.state) not in str(refused.value)
    assert (client.studies(), left_of(hall)) == before


def test_a_server_keeps_little_of_it_in_memory(hall: Any) -> None:
    """After all that was refused above, and hundreds of megabytes that were sent."""
    upload = begun(hall)
    for number in range(2):
        put(hall, upload, f"big {number}", bytes(150 << 20))
    hall.client().bytes("DELETE", f"/uploads/{upload}")
    status = Path(f"/proc/{hall.pid}/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 1_000_000  # kB


def test_the_good_is_kept_and_the_bad_told(hall: Any, tmp_path: Path) -> None:
    pair(tmp_path / "in" / "good")
    (tmp_path / "in" / "bad").mkdir()
    cut_mha(tmp_path / "in" / "bad")
    (tmp_path / "in" / "letter.txt").write_text("hello")
    zip_slip(tmp_path / "in")
    upload = begun(hall)
    for file in (tmp_path / "in").rglob("*"):
        if file.is_file():
            put(hall, upload, file.relative_to(tmp_path).as_posix(), file.read_bytes())
    told = hall.client().json("POST", f"/uploads/{upload}/finish")
    assert [study["name"] for study in told["studies"]] == ["good"]
    assert len(told["notes"]) == 2
    assert "pet.mha is truncated" in " ".join(told["notes"])
    assert "'../../../../pet.nii'" in " ".join(told["notes"])
    mine = [name for name in left_of(hall) if name.startswith(upload)]
    assert mine == [f"{upload}/in/good/ct.nii.gz", f"{upload}/in/good/pet.nii.gz"]
    assert hall.client().json("POST", f"/uploads/{upload}/finish") == told
    with pytest.raises(RefusedError) as refused:
        put(hall, upload, "late", b"x")
    assert refused.value.status == 409


def test_a_refused_upload_is_refused_again(hall: Any) -> None:
    upload = begun(hall)
    put(hall, upload, "letter.txt", b"hello")
    told = []
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            hall.client().json("POST", f"/uploads/{upload}/finish")
        told.append((refused.value.status, str(refused.value)))
    assert told[0] == told[1]
    hall.client().bytes("DELETE", f"/uploads/{upload}")
    for method, path in (("POST", "/finish"), ("DELETE", "")):
        with pytest.raises(RefusedError) as refused:
            hall.client().bytes(method, f"/uploads/{upload}{path}")
        assert refused.value.status == 404


@pytest.mark.parametrize("name", ["..", "../x", "/x", "a/../x", "a\\b", "c:x", "a\0b", "a//b"])
def test_names_that_lead_elsewhere(hall: Any, name: str) -> None:
    upload = begun(hall)
    with pytest.raises(RefusedError) as refused:
        put(hall, upload, name, b"x")
    assert refused.value.status == 422
    hall.client().bytes("DELETE", f"/uploads/{upload}")
    for other in ("..", "x", "0" * 32, "%2e%2e"):
        with pytest.raises(RefusedError) as refused:
            put(hall, other, "x", b"x")
        assert refused.value.status == 404


def test_a_file_and_a_folder_of_one_name(hall: Any) -> None:
    upload = begun(hall)
    put(hall, upload, "a", b"x")
    for name in ("a/b", "c/d", "c"):
        if name == "c/d":
            put(hall, upload, name, b"x")
            continue
        with pytest.raises(RefusedError, match="not taken") as refused:
            put(hall, upload, name, b"x")
        assert refused.value.status == 422
    put(hall, upload, "a", b"sent again")
    assert (hall.state / "uploads/.incoming" / upload / "files/a").read_bytes() == b"sent again"
    hall.client().bytes("DELETE", f"/uploads/{upload}")


def test_two_uploads_with_the_same_names(hall: Any, tmp_path: Path) -> None:
    client = hall.client()
    one = client.upload([pair(tmp_path / "1" / "same", 1)])[0]
    two = client.upload([pair(tmp_path / "2" / "same", 2)])[0]
    assert one["name"] == two["name"] == "same"
    assert one["id"] != two["id"]
    pets = [client.bytes("GET", f"/studies/{s['id']}/pet.nii.gz")[0] for s in (one, two)]
    assert pets[0] != pets[1]


def sent_raw(server: Any, path: str, head: str, body: bytes = b"") -> socket.socket:
    place = urlsplit(server.address)
    raw = socket.create_connection((place.hostname, place.port), timeout=20)
    raw.sendall(f"PUT {path} HTTP/1.1\r\nHost: {place.netloc}\r\n{head}\r\n\r\n".encode() + body)
    return raw


def parts_of(server: Any, upload: str) -> list[Path]:
    return sorted((server.state / "uploads/.incoming" / upload / "parts").iterdir())


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_client_that_goes_away(hall: Any) -> None:
    upload = begun(hall)
    path = f"/api/uploads/{upload}/files?path=x"
    raw = sent_raw(hall, path, "Content-Length: 9000000", bytes(3 << 20))
    until(lambda: parts_of(hall, upload))
    # It cannot be finished while something comes.
    with pytest.raises(RefusedError, match="still being sent") as refused:
        hall.client().json("POST", f"/uploads/{upload}/finish")
    assert refused.value.status == 409
    raw.close()
    until(lambda: not parts_of(hall, upload))
    assert not list((hall.state / "uploads/.incoming" / upload / "files").iterdir())
    assert not any("fault" in line for line in hall.said)
    hall.client().bytes("DELETE", f"/uploads/{upload}")


def test_too_large(hall: Any) -> None:
    upload = begun(hall)
    path = f"/api/uploads/{upload}/files?path=x"
    raw = sent_raw(hall, path, f"Content-Length: {(4 << 30) + 1}")
    assert raw.recv(100).split(b" ")[1] == b"413"
    raw.close()
    assert not parts_of(hall, upload)
    hall.client().bytes("DELETE", f"/uploads/{upload}")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit (Linux)")
def test_a_full_disk(hall: Any, tmp_path: Path) -> None:
    """Files of the server may not grow: first while a file comes, then while it is unpacked."""
    upload = begun(hall)
    before = resource.prlimit(hall.pid, resource.RLIMIT_FSIZE)
    try:
        resource.prlimit(hall.pid, resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(RefusedError, match="nothing of this file was kept") as refused:
            put(hall, upload, "x", bytes(5000))
        assert refused.value.status == 507
        assert "space" in str(refused.value.remedy)
        assert not parts_of(hall, upload)
        resource.prlimit(hall.pid, resource.RLIMIT_FSIZE, before)
        archive = zipped(pair(tmp_path / "study"), tmp_path / "a.zip")
        put(hall, upload, "a.zip", archive.read_bytes())
        resource.prlimit(hall.pid, resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(RefusedError, match="cannot unpack") as refused:
            hall.client().json("POST", f"/uploads/{upload}/finish")
        assert refused.value.status == 507
    finally:
        resource.prlimit(hall.pid, resource.RLIMIT_FSIZE, before)
    assert len(hall.client().json("POST", f"/uploads/{upload}/finish")["studies"]) == 1


def test_finished_by_two_at_once(hall: Any, tmp_path: Path) -> None:
    upload = begun(hall)
    for file in pair(tmp_path / "x").iterdir():
        put(hall, upload, f"x/{file.name}", file.read_bytes())
    answers: list[Any] = []

    def finish() -> None:
        try:
            answers.append(hall.client().json("POST", f"/uploads/{upload}/finish"))
        except RefusedError as error:
            answers.append(error)

    threads = [threading.Thread(target=finish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]["studies"]) == 1


def test_what_stays_when_the_server_is_killed(start: Start, data: Path, tmp_path: Path) -> None:
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    assert len(server.client().studies()) == 3
    (study,) = server.client().upload([pair(tmp_path / "one")])
    upload = begun(server)
    put(server, upload, "two/pet.nii.gz", (tmp_path / "one" / "pet.nii.gz").read_bytes())
    raw = sent_raw(server, f"/api/uploads/{upload}/files?path=x", "Content-Length: 900", b"x")
    until(lambda: parts_of(server, upload))
    old = begun(server)
    mask = server.client().open(study["id"], "me").mask
    server.stop(signal.SIGKILL)
    raw.close()
    for path in (server.state / "uploads/.incoming" / old).glob("*"):
        os.utime(path, (0, 0))
    os.utime(server.state / "uploads/.incoming" / old, (0, 0))
    server.start()
    client = server.client()
    assert {row["source"] for row in client.studies()} == {"folder", "upload"}
    np.testing.assert_array_equal(client.open(study["id"], "me").mask, mask)
    # What was whole of the unfinished one is there, and it goes on.
    put(server, upload, "two/ct.nii.gz", (tmp_path / "one" / "ct.nii.gz").read_bytes())
    assert not parts_of(server, upload)
    assert [s["name"] for s in client.json("POST", f"/uploads/{upload}/finish")["studies"]] == [
        "two"
    ]
    with pytest.raises(RefusedError) as refused:
        put(server, old, "x", b"x")
    assert refused.value.status == 404


def test_removing(hall: Any, tmp_path: Path) -> None:
    client = hall.client()
    used, unused = (client.upload([pair(tmp_path / name)])[0] for name in ("used", "unused"))
    client.open(used["id"], "me")
    client.bytes("GET", f"/studies/{unused['id']}/pet.nii.gz")
    assert list((hall.state / "volumes").glob(f"{unused['id']}*"))
    with pytest.raises(RefusedError, match="a session uses") as refused:
        client.bytes("DELETE", f"/uploads/{used['upload']}")
    assert refused.value.status == 409
    client.bytes("DELETE", f"/uploads/{unused['upload']}")
    names = {row["name"] for row in client.studies()}
    assert "used" in names
    assert "unused" not in names
    assert not any(unused["upload"] in name for name in left_of(hall))
    assert not list((hall.state / "volumes").glob(f"{unused['id']}*"))
    for ask in (
        ("POST", f"/studies/{unused['id']}/sessions", {"reader": "me"}),
        ("DELETE", f"/uploads/{unused['upload']}", None),
    ):
        with pytest.raises(RefusedError) as refused:
            client.bytes(*ask)
        assert refused.value.status == 404


def test_other_sites_and_those_without_the_token(
    hall: Any, start: Start, data: Path, tmp_path: Path
) -> None:
    upload = begun(hall)
    path = f"/api/uploads/{upload}/files?path=x"
    for header in ("Origin: http://evil.example", "Sec-Fetch-Site: cross-site"):
        raw = sent_raw(hall, path, f"Content-Length: 1\r\n{header}", b"x")
        assert raw.recv(100).split(b" ")[1] == b"403"
        raw.close()
    assert not parts_of(hall, upload)
    guarded = start(data, tmp_path / "state", "--segmenter", "propagate", LESIONLOOP_TOKEN=TOKEN)
    with pytest.raises(RefusedError) as refused:
        begun(guarded)
    assert refused.value.status == 401
    raw = sent_raw(guarded, path, "Content-Length: 1", b"x")
    assert raw.recv(100).split(b" ")[1] == b"401"
    raw.close()
    assert Client(guarded.address, token=TOKEN).upload([pair(tmp_path / "x")])


def test_bounds_of_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lesionloop.errors import OutputError
    from lesionloop.viewer import incoming
    from lesionloop.viewer.refusals import TooLargeError

    for name, most in (("MOST_BYTES", 1000), ("MOST_FILE_BYTES", 600), ("MOST_FILES", 3)):
        monkeypatch.setattr(incoming, name, most)
    upload = incoming.Incoming(tmp_path / "u")

    def send(name: str, size: int) -> None:
        with upload.add(name) as file:
            file.write(bytes(size))
            file.keep()

    send("a", 500)
    with pytest.raises(TooLargeError, match="file is too large"):
        send("b", 601)
    with pytest.raises(TooLargeError, match="upload is too large"):
        send("b", 501)
    send("b", 500)  # what was refused does not count
    with pytest.raises(TooLargeError, match="upload is too large"):
        send("a", 1)  # until it is there, it is beside the one that it replaces
    send("c", 0)
    with pytest.raises(TooLargeError, match="too many files"):
        send("d", 0)
    again = incoming.Incoming(tmp_path / "u")  # as after a restart
    with pytest.raises(TooLargeError, match="too many files"):
        again.add("d")
    monkeypatch.setattr(incoming, "_RESERVE", 1 << 62)
    monkeypatch.setattr(incoming, "MOST_BYTES", 10_000)
    with pytest.raises(OutputError, match="nothing of this file"):
        send("c", 10)
    assert not list((tmp_path / "u" / "parts").iterdir())
