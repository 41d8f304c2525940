"""What came of a case, and the record by which an interrupted run goes on."""

import json
import os
from hashlib import blake2b
from pathlib import Path

import pytest

from lesionloop.cohort.case_records import CaseOutcome, kept_record, made_from
from lesionloop.errors import InputError


def test_the_hash_is_of_settings_then_contents_then_files(tmp_path: Path) -> None:
    """Records of earlier versions hold it: another one would do all their work again."""
    file = tmp_path / "pet.nii.gz"
    file.write_bytes(b"12345")
    os.utime(file, ns=(7, 1_700_000_000_123_456_789))
    by_hand = blake2b(b'{"a": [1, 2], "b": null}', digest_size=12)
    by_hand.update(b"rules")
    by_hand.update(b"pet.nii.gz 5 1700000000123456789")
    assert made_from({"b": None, "a": (1, 2)}, b"rules", files=[file]) == by_hand.hexdigest()


@pytest.mark.parametrize("change", ["settings", "content", "size", "time", "name"])
def test_any_change_makes_another_hash(tmp_path: Path, change: str) -> None:
    file = tmp_path / "pet.nii.gz"
    file.write_bytes(b"12345")
    before = made_from([1], b"x", files=[file])
    assert made_from([1], b"x", files=[file]) == before
    if change == "size":
        file.write_bytes(b"123456")
    elif change == "time":
        os.utime(file, ns=(7, 7))
    elif change == "name":
        file = file.rename(tmp_path / "other.nii.gz")
    settings, content = [2 if change == "settings" else 1], b"y" if change == "content" else b"x"
    assert made_from(settings, content, files=[file]) != before


def test_a_record_is_kept_when_it_was_made_from_the_same(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert kept_record(path, "abc") is None
    path.write_text(json.dumps({"made_from": "abc", "lesions": 3}))
    assert kept_record(path, "abc") == {"made_from": "abc", "lesions": 3}
    assert kept_record(path, "abd") is None
    for damaged in ("", '{"made_from": "abc"', '["made_from", "abc"]'):
        path.write_text(damaged)
        assert kept_record(path, "abc") is None


def test_an_error_of_the_input_is_told_and_one_of_ours_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = CaseOutcome.failed("a", InputError("it is empty", remedy="Fill it."))
    assert (wrong.record, wrong.problem, wrong.is_fault) == (None, "it is empty\n  Fill it.", False)
    assert not caplog.records
    ours = CaseOutcome.failed("b", ZeroDivisionError("by 0"))
    assert (ours.problem, ours.is_fault) == ("ZeroDivisionError: by 0", True)
    assert "b: a fault of the program" in caplog.text
