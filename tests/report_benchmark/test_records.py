"""Records: both spellings, and what is refused, with file and line."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import (
    PromptRecord,
    ResultRecord,
    parse_result,
    read_prompts,
    read_results,
    write_prompts,
)

GOOD: dict[str, Any] = {
    "patient_id": "a", "task": "PET2Rep", "prompt_system": "role",
    "prompt_image_fuse": ["a.png"], "prompt_user_text": "look <image> here", "answer": "肝脏正常",
}  # fmt: skip


def write(folder: Path, *contents: Any) -> Path:
    Image.new("L", (2, 2)).save(folder / "a.png")
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(content) + "\n" for content in contents), encoding="utf-8")
    return path


def test_a_prompt_is_read(tmp_path: Path) -> None:
    record = read_prompts(write(tmp_path, GOOD))[0]
    assert record.patient == "a"
    assert record.images == ((tmp_path / "a.png").resolve(),)
    assert record.reference == "肝脏正常"


def test_both_spellings_are_read_in_both_records(tmp_path: Path) -> None:
    other = {"subject_id": "b", "ground_truth": "x"}
    plain = {key: value for key, value in GOOD.items() if key not in ("patient_id", "answer")}
    assert read_prompts(write(tmp_path, plain | other))[0].reference == "x"
    result = parse_result("f, line 1", {"patient_id": 7, "llm_output": ["t"], "answer": "x"})
    assert (result.patient, result.output, result.reference) == ("7", "t", "x")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"patient_id": ""}, "no usable id"),
        ({"patient_id": "a\nb"}, "no usable id"),
        ({"patient_id": True}, "no usable id"),
        ({"answer": "  "}, "no text"),
        ({"answer": ["x"]}, "no text"),
        ({"answer": "x" * 100_001}, "more than"),
        ({"answer": "\ud800"}, "surrogate"),
        ({"prompt_user_text": "no mark"}, "0 marks"),
        ({"prompt_user_text": "<image><image>"}, "2 marks"),
        ({"prompt_image_fuse": []}, "list of 1"),
        ({"prompt_image_fuse": "a.png"}, "list of 1"),
        ({"prompt_image_fuse": ["b.png"]}, "There is no image"),
        ({"prompt_image_fuse": ["../a.png"]}, "outside the data folder"),
        ({"prompt_image_fuse": ["/etc/passwd"]}, "outside the data folder"),
        ({"prompt_image_fuse": ["a\0.png"]}, "not a usable text"),
        ({"prompt_image_fuse": ["link.png"]}, "outside the data folder"),
        ({"prompt_image": ["a.png"]}, "2 of the image lists"),
    ],
)
def test_a_bad_prompt_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    path = write(tmp_path, GOOD, GOOD | {"patient_id": "b"} | change)
    with pytest.raises(InputError, match=r"records\.jsonl, line 2") as caught:
        read_prompts(path)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"' + b"x" * (5 << 20) + b'"', "longer than"),
    ],
)
def test_hostile_lines_are_refused(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\n" + raw + b"\n")
    with pytest.raises(InputError, match=r"r\.jsonl, line 2") as caught:
        read_results(path)
    assert says in str(caught.value)


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2"):
        read_prompts(write(tmp_path, GOOD, GOOD))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl"):
        read_results(tmp_path / "none.jsonl")


def test_prompts_survive_writing_and_reading(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "a b.png")
    image = (tmp_path / "a b.png").resolve()
    record = PromptRecord("p", "s", "<image> 报告", (image,), "肝脏\n正常")
    for fused in (True, False):
        write_prompts(tmp_path / "r.jsonl", [record], fused=fused)
        assert read_prompts(tmp_path / "r.jsonl") == [record]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(output=texts, reference=texts.filter(str.strip), refused=st.booleans())
def test_a_result_survives_its_line(output: str, reference: str, refused: bool) -> None:
    record = ResultRecord("p", output, reference, "stop", refused, "d", {"seconds": 1.5})
    line = record.line()
    assert line.count("\n") == 1
    assert parse_result("here", json.loads(line)) == record


@given(
    content=st.dictionaries(
        st.sampled_from(["subject_id", "llm_output", "ground_truth", "finish_reason", "refused"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.none()),
    )
)
def test_any_object_is_a_record_or_refused(content: dict[str, Any]) -> None:
    with suppress(InputError):
        record = parse_result("here", content)
        assert record.patient
        assert isinstance(record.output, str)
