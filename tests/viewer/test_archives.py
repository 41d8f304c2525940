"""Archives and names from elsewhere: what is taken stays where it belongs, the rest is refused."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.viewer.archives import unpack
from lesionloop.viewer.refusals import TooLargeError
from lesionloop.viewer.relative_names import safe_parts

PLENTY = {"most_bytes": 1 << 30, "most_files": 100}


def packed(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            archive.writestr(entry, data)
    return path


def below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    files = {"a/b/1.dcm": b"one" * 1000, "a/é 2": b"", "__MACOSX/._a": b"notes"}
    archive = packed(tmp_path / "a.zip", files)
    assert unpack(archive, tmp_path / "out", **PLENTY) == (3000, 2)
    assert below(tmp_path / "out") == ["a/b/1.dcm", "a/é 2"]
    assert (tmp_path / "out/a/b/1.dcm").read_bytes() == files["a/b/1.dcm"]


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "C:up", "a\\..\\up", "a//b", "a/./b", "a\nb",
             "./a", "a\x1b[0m", "x" * 300, "/".join("x" * 30)],
)  # fmt: skip
def test_names_that_are_not_taken(name: str, tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"good": b"1", name: b"2"})
    with pytest.raises(InputError, match="not taken"):
        unpack(archive, tmp_path / "in" / "out", **PLENTY)
    assert below(tmp_path) == ["a.zip"]


def test_a_name_with_a_zero(tmp_path: Path) -> None:
    """`zipfile` cuts it off there; what comes after must not be lost sight of."""
    archive = packed(tmp_path / "a.zip", {"goodXbad": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"goodXbad", b"good\0bad"))
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "out", **PLENTY)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_what_is_no_plain_file(kind: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="not unpacked") as refused:
        unpack(tmp_path / "a.zip", tmp_path / "out", **PLENTY)
    assert "link" in str(refused.value.cause)


def test_encrypted_twice_and_other_methods(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"a": b"1"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(InputError) as refused:
        unpack(tmp_path / "b.zip", tmp_path / "out", **PLENTY)
    assert refused.value.cause == "It is encrypted."
    archive = packed(tmp_path / "c.zip", {"a": b"1"}, zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="not unpacked"):
        unpack(archive, tmp_path / "out", **PLENTY)
    twice = packed(tmp_path / "d.zip", {"a": b"1", "b": b"2"})
    twice.write_bytes(twice.read_bytes().replace(b"b", b"a"))
    with pytest.raises(InputError) as refused:
        unpack(tmp_path / "d.zip", tmp_path / "out", **PLENTY)
    assert refused.value.cause == "It holds a twice."
    archive = packed(tmp_path / "e.zip", {"a": b"1", "a/b": b"2"})
    with pytest.raises(InputError) as refused:
        unpack(archive, tmp_path / "out", **PLENTY)
    assert "a file and a folder" in str(refused.value.cause)
    assert not (tmp_path / "out").exists()


def test_bombs(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"zeros": bytes(100 << 20)})
    assert archive.stat().st_size < 1 << 20
    for limits in (PLENTY, {"most_bytes": 1000, "most_files": 10}):
        with pytest.raises(TooLargeError, match="too large"):
            unpack(archive, tmp_path / "out", **limits)
    many = packed(tmp_path / "b.zip", {str(n): b"" for n in range(11)})
    with pytest.raises(TooLargeError, match="too large"):
        unpack(many, tmp_path / "out", most_bytes=1000, most_files=10)
    # It says that little comes out of it.
    data = bytearray(archive.read_bytes())
    for start, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(start) + place
        data[at : at + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "c.zip").write_bytes(data)
    with pytest.raises(InputError, match="cannot unpack"):
        unpack(tmp_path / "c.zip", tmp_path / "out", **PLENTY)
    assert below(tmp_path) == ["a.zip", "b.zip", "c.zip"]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6), st.data())
def test_damaged_archives(changes: list[tuple[int, int]], draw: st.DataObject) -> None:
    """Any bytes are unpacked or refused, and a refused archive leaves nothing."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/one", b"1" * 500)
        archive.writestr("two", bytes(range(256)))
    data = bytearray(stream.getvalue())
    for place, value in changes:
        data[place % len(data)] = value
    data = data[: draw.draw(st.integers(0, len(data)))] if draw.draw(st.booleans()) else data
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.zip").write_bytes(data)
        try:
            unpack(folder / "a.zip", folder / "deep" / "out", **PLENTY)
        except InputError:
            assert below(folder) == ["a.zip"]
        assert {path.name for path in folder.iterdir()} <= {"a.zip", "deep"}
        assert {path.name for path in (folder / "deep").iterdir()} <= {"out"}


@given(st.text() | st.lists(st.sampled_from(["..", ".", "", "a", "/", "é"])).map("/".join))
def test_names_stay_below_their_folder(name: str) -> None:
    try:
        parts = safe_parts(name)
    except InputError:
        return
    import os.path

    root = "/root/upload"
    joined = os.path.normpath(os.path.join(root, *parts))  # noqa: PTH118  (as text)
    assert joined == "/".join((root, *parts))
