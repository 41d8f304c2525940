"""Asking about all records: resuming, killing, failures, and one file for one question."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import GatewayError, InputError, OutputError
from lesionloop.report_benchmark.records import read_prompts, read_results
from lesionloop.report_benchmark.runners import Sampling
from lesionloop.report_benchmark.runners.openai_chat import OpenAiChat
from lesionloop.report_benchmark.running import ask_all


def runner(model: Any, **options: Any) -> OpenAiChat:
    return OpenAiChat(model.url, "m", **{"first_wait_s": 0.01, "tries": 2} | options)


def test_all_are_asked_once(model: Any, bench: Path) -> None:
    records, out = read_prompts(bench / "records.jsonl"), bench / "out" / "m.jsonl"
    seen: list[tuple[str, int, int]] = []
    first = ask_all(records, runner(model), out, on_answer=lambda *told: seen.append(told))
    assert (first.asked, first.kept, first.failures) == (3, 0, {})
    assert seen == [("p1", 1, 3), ("p2", 2, 3), ("p3", 3, 3)]
    found = {record.patient: record for record in read_results(out)}
    assert found["p2"].output == model.text
    assert found["p2"].reference == records[1].reference
    assert found["p2"].extra["settings"]["seed"] == 1
    before = out.read_bytes()
    again = ask_all(records, runner(model), out)
    assert (again.asked, again.kept) == (0, 3)
    assert out.read_bytes() == before
    assert len(model.asked) == 3


def test_only_what_failed_is_asked_again(model: Any, bench: Path) -> None:
    records, out = read_prompts(bench / "records.jsonl"), bench / "m.jsonl"
    model.script = [
        lambda handler: handler.reply(200, b'{"choices":[{"message":{"content":"a"}}]}'),
        lambda handler: handler.reply(400, b"no"),
    ]
    first = ask_all(records, runner(model), out)
    assert list(first.failures) == ["p2"]
    assert [record.patient for record in read_results(out)] == ["p1", "p3"]
    second = ask_all(records, runner(model), out)
    assert (second.asked, second.kept, second.failures) == (1, 2, {})


def test_several_at_a_time(model: Any, bench: Path) -> None:
    def slow(handler: Any) -> None:
        time.sleep(0.2)
        handler.reply(200, b'{"choices":[{"message":{"content":"a"}}]}')

    model.script = [slow] * 3
    ask_all(read_prompts(bench / "records.jsonl"), runner(model), bench / "m.jsonl", workers=3)
    assert model.most_at_once >= 2
    assert len(read_results(bench / "m.jsonl")) == 3


def test_a_torn_line_is_cut_and_asked_again(model: Any, bench: Path) -> None:
    records, out = read_prompts(bench / "records.jsonl"), bench / "m.jsonl"
    ask_all(records, runner(model), out)
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    result = ask_all(records, runner(model), out)
    assert (result.asked, result.kept) == (1, 2)
    assert out.read_bytes().startswith(b"".join(lines[:2]))
    assert len(read_results(out)) == 3


@pytest.mark.parametrize("size", [10, 70_000, 200_000])
def test_a_file_that_is_all_torn_begins_anew(model: Any, bench: Path, size: int) -> None:
    out = bench / "m.jsonl"
    out.write_bytes(b"x" * size)
    assert ask_all(read_prompts(bench / "records.jsonl"), runner(model), out).asked == 3
    assert len(read_results(out)) == 3


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_ended_goes_on(model: Any, bench: Path, sent: int, code: int) -> None:
    release = threading.Event()

    def hang(handler: Any) -> None:
        release.wait(20)
        handler.close_connection = True

    model.script = [
        lambda handler: handler.reply(200, b'{"choices":[{"message":{"content":"a"}}]}'),
        hang,
    ]
    out = bench / "m.jsonl"
    command = [
        sys.executable, "-m", "lesionloop", "report-benchmark", "run",
        str(bench / "records.jsonl"), "--out", str(out), "--url", model.url, "--model", "m",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while len(model.asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(model.asked) == 2
    os.kill(process.pid, sent)
    process.communicate(timeout=10)  # though the server still thinks
    release.set()
    assert process.returncode == code
    assert [record.patient for record in read_results(out)] == ["p1"]
    result = ask_all(read_prompts(bench / "records.jsonl"), OpenAiChat(model.url, "m"), out)
    assert (result.asked, result.kept) == (2, 1)


@pytest.mark.parametrize("change", ["sampling", "model", "text", "image"])
def test_answers_to_other_questions_are_refused(model: Any, bench: Path, change: str) -> None:
    path, out = bench / "records.jsonl", bench / "m.jsonl"
    ask_all(read_prompts(path), runner(model), out)
    other = runner(model)
    if change == "sampling":
        other = runner(model, sampling=Sampling(seed=2))
    elif change == "model":
        other = OpenAiChat(model.url, "n")
    elif change == "text":
        path.write_text(path.read_text().replace("and report", "and tell"))
    else:
        (bench / "p1.png").write_bytes((bench / "p2.png").read_bytes())
    before = out.read_bytes()
    with pytest.raises(InputError, match="another question"):
        ask_all(read_prompts(path), other, out)
    assert out.read_bytes() == before
    assert len(model.asked) == 3


def test_results_made_elsewhere_are_not_added_to(model: Any, bench: Path) -> None:
    out = bench / "m.jsonl"
    out.write_text(json.dumps({"subject_id": "p1", "llm_output": ["x"]}) + "\n")
    with pytest.raises(InputError, match="another question"):
        ask_all(read_prompts(bench / "records.jsonl"), runner(model), out)


def test_a_server_that_is_down_ends_the_run(model: Any, bench: Path) -> None:
    path = bench / "records.jsonl"
    line = json.loads(path.read_text().splitlines()[0])
    path.write_text("".join(json.dumps(line | {"patient_id": f"q{n}"}) + "\n" for n in range(9)))
    model.script = [lambda handler: handler.reply(500, b"")] * 40
    with pytest.raises(GatewayError, match="5 requests"):
        ask_all(read_prompts(path), runner(model), bench / "m.jsonl")
    assert len(model.asked) == 10  # five records, two tries
    assert not (bench / "m.jsonl").exists()


def test_one_run_at_a_time(model: Any, bench: Path) -> None:
    out = bench / "m.jsonl"
    with out.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run"):
            ask_all(read_prompts(bench / "records.jsonl"), runner(model), out)


def test_a_full_disk_leaves_whole_lines(
    model: Any, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, out = read_prompts(bench / "records.jsonl"), bench / "m.jsonl"
    real, calls = os.write, []

    def write(file: int, data: bytes) -> int:
        calls.append(data)
        return real(file, data if len(calls) == 1 else data[:20])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        with pytest.raises(OutputError, match="No space left"):
            ask_all(records, runner(model), out)
    assert out.read_bytes().endswith(b"\n")
    assert [record.patient for record in read_results(out)] == ["p1"]
    assert ask_all(records, runner(model), out).asked == 2


def test_more_workers_than_the_runner_takes(model: Any, bench: Path) -> None:
    with pytest.raises(InputError, match="65 requests"):
        ask_all(read_prompts(bench / "records.jsonl"), runner(model), bench / "m", workers=65)


def test_an_image_of_another_kind_is_refused(model: Any, bench: Path) -> None:
    (bench / "p1.png").write_bytes(b"GIF89a")
    with pytest.raises(InputError, match="neither PNG nor JPEG"):
        ask_all(read_prompts(bench / "records.jsonl"), runner(model), bench / "m.jsonl")
    assert not model.asked
