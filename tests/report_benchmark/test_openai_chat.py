"""Asking a model over HTTP: what is sent, and every way in which an answer can fail to come."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import GatewayError, InputError
from lesionloop.report_benchmark.records import read_prompts
from lesionloop.report_benchmark.runners import AnswerError, Request, Sampling
from lesionloop.report_benchmark.runners.openai_chat import OpenAiChat


def chat_body(text: Any, finish: str | None = "stop", **message: Any) -> bytes:
    choice = {"message": {"content": text, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice]}).encode()


def status(code: int, body: bytes = b"busy", **headers: str) -> Callable[[Any], None]:
    return lambda handler: handler.reply(code, body, **headers)


def ask(model: Any, **options: Any) -> Any:
    chat = OpenAiChat(model.url, "m", **{"first_wait_s": 0.01, "timeout_s": 5.0} | options)
    return chat.answer(Request("p", "", ("report",)))


def test_what_is_sent(model: Any, bench: Path) -> None:
    record = read_prompts(bench / "records.jsonl")[0]
    sampling = Sampling(temperature=0.7, top_p=0.9, seed=5, max_tokens=99)
    runner = OpenAiChat(model.url + "/", "vlm-1", key="secret", sampling=sampling)
    answer = runner.answer(Request.of(record))
    assert answer.text == model.text
    assert answer.extra["completion_tokens"] == 7
    asked = model.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "vlm-1"
    told = {key: asked[key] for key in ("temperature", "top_p", "seed", "max_tokens", "stream")}
    assert told == {
        "temperature": 0.7, "top_p": 0.9, "seed": 5, "max_tokens": 99, "stream": False,
    }  # fmt: skip
    assert model.headers[0]["Authorization"] == "Bearer secret"
    system, user = asked["messages"]
    assert system == {"role": "system", "content": "You report."}
    before, image, after = user["content"]
    assert (before["text"], after["text"]) == ("See ", " and report.")
    head, _, data = image["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == (bench / "p1.png").read_bytes()
    assert "secret" not in json.dumps(dict(runner.settings))


def test_without_a_key_nothing_is_sent(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    ask(model)
    assert "Authorization" not in model.headers[0]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(model: Any, code: int) -> None:
    model.script = [status(code), status(code)]
    answer = ask(model)
    assert answer.text == model.text
    assert answer.extra["tries"] == 3


def test_retry_after_in_seconds_is_honoured(model: Any) -> None:
    model.script = [status(429, Retry_After="1")]
    assert ask(model).extra["tries"] == 2
    assert model.times[1] - model.times[0] >= 1.0


def test_retry_after_as_a_date_is_honoured(model: Any) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    model.script = [status(503, Retry_After=then)]
    assert ask(model).extra["tries"] == 2
    assert model.times[1] - model.times[0] >= 0.9  # dates have whole seconds


def test_nonsense_in_retry_after_is_passed_over(model: Any) -> None:
    model.script = [status(429, Retry_After="soon")]
    assert ask(model).extra["tries"] == 2


def test_an_endless_wait_is_not_waited_for(model: Any) -> None:
    model.script = [status(429, Retry_After="86400")]
    with pytest.raises(AnswerError, match="86400"):
        ask(model)


def test_an_end_of_the_tries(model: Any) -> None:
    model.script = [status(500)] * 9
    with pytest.raises(AnswerError, match=r"500.*Tried 3 times"):
        ask(model, tries=3)
    assert len(model.asked) == 3


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 3}]}', b"[" * 50_000],
)
def test_broken_json_is_asked_again(model: Any, body: bytes) -> None:
    model.script = [status(200, body)]
    assert ask(model).extra["tries"] == 2


def test_a_reset_connection_is_asked_again(model: Any) -> None:
    model.script = [lambda handler: handler.reset()]
    assert ask(model).extra["tries"] == 2


def test_a_body_that_breaks_off_is_asked_again(model: Any) -> None:
    def short(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True

    model.script = [short]
    assert ask(model).extra["tries"] == 2


def test_a_silent_server_is_given_up(model: Any) -> None:
    model.script = [lambda _handler: time.sleep(0.6)] * 2
    began = time.monotonic()
    with pytest.raises(AnswerError, match=r"0\.2 s"):
        ask(model, timeout_s=0.2, tries=2)
    assert time.monotonic() - began < 3


def test_a_slow_server_is_waited_for(model: Any) -> None:
    def slow(handler: Any) -> None:
        time.sleep(0.3)
        handler.reply(200, chat_body("late"))

    model.script = [slow]
    answer = ask(model)
    assert (answer.text, answer.extra["tries"]) == ("late", 1)
    assert answer.extra["seconds"] >= 0.3


def test_no_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(AnswerError, match="did not come about"):
        OpenAiChat(url, "m", tries=2, first_wait_s=0.01).answer(Request("p", "", ("x",)))


def test_an_endless_body_is_refused(model: Any) -> None:
    model.script = [status(200, b" " * (17 << 20))]
    with pytest.raises(AnswerError, match="larger than 16 MiB"):
        ask(model)


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_ends_all(model: Any, code: int) -> None:
    model.script = [status(code)]
    with pytest.raises(GatewayError, match="refuses the key") as caught:
        ask(model, key="secret")
    assert "secret" not in str(caught.value)
    assert len(model.asked) == 1


@pytest.mark.parametrize("code", [400, 413, 422])
def test_what_will_not_pass_is_not_asked_again(model: Any, code: int) -> None:
    model.script = [status(code, b"too  long\n")]
    with pytest.raises(AnswerError, match=f"{code}: too long"):
        ask(model)
    assert len(model.asked) == 1


def test_a_redirect_is_not_followed(model: Any) -> None:
    there = model.url.replace("/v1", "/elsewhere")
    model.script = [status(307, b"", Location=there)]
    with pytest.raises(AnswerError, match="sends on"):
        ask(model, key="secret")
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("body", "text", "finish", "refused"),
    [
        (chat_body("cut", "length"), "cut", "length", False),
        (chat_body(None, refusal="I must not."), "I must not.", "stop", True),
        (chat_body("", "content_filter"), "", "content_filter", True),
        (chat_body(None), "", "stop", False),
        (chat_body([{"type": "text", "text": "a"}, {"text": "b"}, 3]), "ab", "stop", False),
        (chat_body("a\ud800b"), "a\ufffdb", "stop", False),
        (chat_body("\U0001f600"), "\U0001f600", "stop", False),
        (chat_body("x" * 100_001), "x" * 100_000, "length", False),
        (chat_body("x", None), "x", None, False),
    ],
)
def test_kinds_of_answers(
    model: Any, body: bytes, text: str, finish: str | None, refused: bool
) -> None:
    model.script = [status(200, body)]
    answer = ask(model)
    assert (answer.text, answer.finish, answer.refused) == (text, finish, refused)


def test_a_rate_is_kept_by_all_threads(model: Any) -> None:
    runner = OpenAiChat(model.url, "m", per_minute=600)  # a request every 0.1 s
    threads = [
        threading.Thread(target=runner.answer, args=(Request("p", "", ("x",)),)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The times are those of arrival, whose jitter is not that of the sending.
    assert model.times[-1] - model.times[0] >= 0.25


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://x/v1",
        "http://user:pass@x/v1",
        "http://x/v1?key=1",
        "http://x:0",
    ],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(InputError, match="address"):
        OpenAiChat(url, "m")


@pytest.mark.parametrize("key", ["", "a\nb", "schlüssel"])
def test_bad_keys(key: str) -> None:
    with pytest.raises(InputError, match="key") as caught:
        OpenAiChat("http://localhost/v1", "m", key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"top_p": 0}, {"seed": -1}, {"max_tokens": 0}]
)
def test_bad_sampling(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="sampling"):
        Sampling(**options)


def test_private_ways() -> None:
    assert OpenAiChat("http://localhost:1/v1", "m").is_private
    assert OpenAiChat("https://example.org/v1", "m").is_private
    assert not OpenAiChat("http://example.org/v1", "m").is_private
