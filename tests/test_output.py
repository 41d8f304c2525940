"""Outputs are whole or absent, whatever happens while they are written."""

import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError, OutputError
from lesionloop.output import (
    all_or_none,
    atomic_path,
    make_folder,
    output_file,
    output_folder,
    strict,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_with_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "a.b c.nii.gz"
    with atomic_path(target) as temporary:
        assert temporary.name == target.name  # writers choose the format by the ending
        assert temporary != target
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert names(target.parent) == [target.name]


def test_the_temporary_file_is_on_the_same_disk(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a") as temporary:
        assert temporary.parent.parent == tmp_path  # so that the rename cannot become a copy
        temporary.touch()


def test_an_existing_file_is_replaced_in_one_go(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    reader = (tmp_path / "a").open("rb")
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "a").read_bytes() == b"new"
    with reader:
        assert reader.read() == b"old"  # whoever had it open goes on with the old one


@pytest.mark.parametrize("error", [RuntimeError, InputError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [b"old", None])
def test_nothing_is_left_when_the_block_fails(
    error: type[BaseException], old: bytes | None, tmp_path: Path
) -> None:
    target = tmp_path / "new folder" / "a"
    if old is not None:
        target.parent.mkdir()
        target.write_bytes(old)

    def write() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            (temporary.parent / "more").write_bytes(b"left over by a writer")
            raise error("stopped")

    with pytest.raises(error):
        write()
    if old is None:
        assert names(tmp_path) == []  # not even the folder
    else:
        assert names(target.parent) == ["a"]
        assert target.read_bytes() == old


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_while_writing(code: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def write() -> None:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(OutputError) as caught:
        write()
    assert str(tmp_path / "a") in caught.value.what
    assert os.strerror(code) in str(caught.value.cause)
    assert caught.value.remedy
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_that_only_the_flush_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_text(tmp_path / "a", "text")
    assert names(tmp_path) == []


def test_a_device_that_is_full(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OutputError, match="No space left"), atomic_path(tmp_path / "a"):
        full.write_text("text")
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a"), atomic_path(tmp_path / "a"):
        pass
    assert names(tmp_path) == []


def test_two_writers_at_once_end_with_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert target.read_bytes() == b"first"  # who ended last
    assert names(tmp_path) == ["a"]


def test_many_writers_and_a_reader_who_never_sees_half(tmp_path: Path) -> None:
    target = tmp_path / "a"
    texts = {letter * 100_000 for letter in "abcdef"}
    seen: set[str] = set()
    start = threading.Barrier(7)

    def write(text: str) -> None:
        start.wait()
        for _ in range(5):
            write_text(target, text)

    def read() -> None:
        start.wait()
        while any(writer.is_alive() for writer in writers):
            if target.exists():
                seen.add(target.read_text(encoding="utf-8"))

    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in (*writers, reader):
        thread.join()
    assert seen <= texts
    assert target.read_text(encoding="utf-8") in texts
    assert names(tmp_path) == ["a"]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a"):
        write_text(tmp_path / "a", "text")
    assert names(tmp_path) == ["a"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    for act in (
        lambda: make_folder(tmp_path / "file" / "deep"),
        lambda: make_folder(tmp_path / "file"),
        lambda: write_text(tmp_path / "file" / "a", "text"),
        lambda: output_file(tmp_path / "file" / "a").__enter__(),
        lambda: output_folder(tmp_path / "file").__enter__(),
    ):
        with pytest.raises(OutputError, match="file"):
            act()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a" / "b").is_dir()


def test_output_file_is_tried_before_the_work_and_leaves_nothing_after_a_failure(
    tmp_path: Path,
) -> None:
    target = tmp_path / "new" / "folder" / "a.nii.gz"

    def work() -> None:
        with output_file(target):
            assert target.parent.is_dir()
            raise InputError("refused")

    with pytest.raises(InputError):
        work()
    assert names(tmp_path) == []
    with output_file(target) as path:
        write_text(path, "text")
    assert names(target.parent) == ["a.nii.gz"]
    with pytest.raises(OutputError, match="folder of this name"):
        output_file(target.parent).__enter__()


def test_all_or_none_removes_what_was_new(tmp_path: Path) -> None:
    old, new, never = (tmp_path / name for name in ("old", "new", "never"))
    write_text(old, "before")

    def work() -> None:
        with all_or_none([old, new, never]):
            write_text(new, "half of the results")
            raise InputError("refused")

    with pytest.raises(InputError):
        work()
    assert names(tmp_path) == ["old"]
    with all_or_none([old, new]):
        write_text(new, "whole")
    assert names(tmp_path) == ["new", "old"]


def test_output_folder_goes_when_the_block_fails_and_nothing_was_in_it(tmp_path: Path) -> None:
    def work() -> None:
        with output_folder(tmp_path / "a" / "b") as folder:
            make_folder(folder / "traces" / "case")
            raise InputError("refused")

    with pytest.raises(InputError):
        work()
    assert names(tmp_path) == []


def test_output_folder_keeps_what_was_written_and_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out" / "empty before").mkdir(parents=True)

    def work() -> None:
        with output_folder(tmp_path / "out") as folder:
            write_text(folder / "done" / "a.txt", "text")
            make_folder(folder / "empty now")
            raise InputError("refused")

    with pytest.raises(InputError):
        work()
    assert names(tmp_path / "out") == ["done", "empty before"]
    with output_folder(tmp_path / "out" / "kept") as folder:
        pass
    assert folder.is_dir()
    assert names(folder) == []


def test_json_is_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"größe": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "größe": [1, 2.5, None]
    }
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "a.json", {"a": bad})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "größe": [1, 2.5, None]
    }


def test_what_strict_json_has_no_word_for_is_null() -> None:
    nan, inf = float("nan"), float("inf")
    held = {1: (nan, 2.5, True), "b": [{"c": -inf, "d": None}, np.float64("nan"), "nan"]}
    assert strict(held) == {
        "1": [None, 2.5, True],
        "b": [{"c": None, "d": None}, None, "nan"],
    }
    assert strict(inf) is None


def test_text_is_utf8_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Größe\n")
    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()
