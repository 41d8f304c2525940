"""Models behind an OpenAI-compatible chat interface: vLLM, llama.cpp, Ollama, hosted services.

Images travel inside the request as base64. The key is sent as a bearer token and stands in no file.
"""

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult

import requests

from lesionloop.errors import GatewayError, InputError
from lesionloop.imaging.dicomweb.answer import Answer as Body
from lesionloop.imaging.dicomweb.answer import BrokenError, TooLargeError
from lesionloop.imaging.dicomweb.session import (
    BearerToken,
    StraightSession,
    address_parts,
    is_private,
)
from lesionloop.report_benchmark.records import MAX_TEXT
from lesionloop.report_benchmark.runners.pace import Pace
from lesionloop.report_benchmark.runners.protocol import (
    Answer,
    AnswerError,
    Request,
    Sampling,
    image_bytes,
)

__all__ = ["OpenAiChat"]

#: Worth another try: too many requests, or a server that is busy or restarting.
_BUSY: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_CONNECT_S: Final = 10.0
_FIRST_WAIT_S: Final = 1.0
#: A server that asks for a longer wait is not waited for.
_LONGEST_WAIT_S: Final = 300.0
_MAX_BODY: Final = 16 << 20


class OpenAiChat:
    """A model of a server. Several threads may ask at a time.

    Args:
        url: root of the interface, such as http://localhost:8000/v1.
        model: name that the server knows it by.
        key: sent as a bearer token; None: none.
        sampling: how words are drawn.
        timeout_s: silence that is taken for an end, s; answers come whole, so it spans the
            computation.
        tries: requests at most for one answer.
        per_minute: requests a minute at most; 0: no limit.
        first_wait_s: before the second try; twice as long before each one after, s.

    Raises:
        InputError: the address or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        sampling: Sampling | None = None,
        timeout_s: float = 300.0,
        tries: int = 5,
        per_minute: float = 0.0,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        parts = _checked(url)
        self._address = f"{url.rstrip('/')}/chat/completions"
        self._host = parts.netloc
        self.is_private = is_private(parts)
        if not model.strip():
            raise InputError("the model has no name", remedy="Give the name that the server has.")
        if not (timeout_s > 0 and tries >= 1 and per_minute >= 0):
            raise InputError("timeout and tries are above 0, and requests a minute 0 or more")
        if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
            raise InputError(
                "the key of the model's server cannot be sent",
                cause="It is empty, or holds other than printable ASCII characters.",
                remedy="Check the variable that it is in.",
            )
        self._model, self._key = model, key
        self._sampling = sampling or Sampling()
        self._timeout_s, self._tries, self._first_wait_s = timeout_s, tries, first_wait_s
        self._pace = Pace(per_minute)
        self._threads = threading.local()

    @property
    def name(self) -> str:
        """Of the model."""
        return self._model

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its answers depend on but the request."""
        return {"runner": "openai-chat", "model": self._model, **asdict(self._sampling)}

    @property
    def most_workers(self) -> int:
        """Requests that it can be asked at a time."""
        return 64

    def answer(self, request: Request) -> Answer:
        """Ask, and again when the server is busy or the connection breaks.

        Raises:
            AnswerError: no answer after all tries, or a refusal of this request.
            GatewayError: the server refuses the key.
        """
        body = json.dumps(self._content(request)).encode()
        began, wait, cause = time.monotonic(), self._first_wait_s, ""
        for number in range(1, self._tries + 1):
            if not self._pace.wait():
                raise AnswerError("It was cancelled.")
            told = None
            try:
                status, headers, content = self._post(body)
                if status == 200:
                    answer = self._read(content)
                    seconds = round(time.monotonic() - began, 3)
                    extra = {"tries": number, "seconds": seconds, **answer.extra}
                    return Answer(answer.text, answer.finish, answer.refused, extra)
                cause = self._refusal(status, content)
                told = _retry_after(headers)
            except BrokenError as error:
                cause = str(error)
            if told is not None and told > _LONGEST_WAIT_S:
                raise AnswerError(f"{cause} It asks to wait for {told:.0f} s.")
            if number < self._tries:
                if told is not None:
                    self._pace.hold(told)
                else:
                    self._pace.pause(min(wait, _LONGEST_WAIT_S))
                wait *= 2
        raise AnswerError(f"{cause} Tried {self._tries} times.")

    def stop(self) -> None:
        """End all waiting between tries, and for one's turn."""
        self._pace.stop()

    def _content(self, request: Request) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for part in request.parts:
            if isinstance(part, Path):
                content, kind = image_bytes(part)
                url = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
                parts.append({"type": "image_url", "image_url": {"url": url}})
            else:
                parts.append({"type": "text", "text": part})
        messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
        if request.system.strip():
            messages.insert(0, {"role": "system", "content": request.system})
        return {
            "model": self._model, "messages": messages, "stream": False, **asdict(self._sampling),
        }  # fmt: skip

    def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer, whatever they are.

        Raises:
            BrokenError: the connection broke, or nothing came in time.
            AnswerError: the answer is larger than any honest one.
        """
        headers = {
            "Content-Type": "application/json", "Accept": "application/json",
            "Accept-Encoding": "identity", "User-Agent": "lesionloop",
        }  # fmt: skip
        try:
            with self._session().post(
                self._address,
                data=body,
                headers=headers,
                stream=True,
                timeout=(min(_CONNECT_S, self._timeout_s), self._timeout_s),
            ) as response:
                content = Body(response, self._timeout_s, lambda: False).body(_MAX_BODY)
                return response.status_code, response.headers, content
        except TooLargeError as error:
            raise AnswerError(f"The answer is larger than {_MAX_BODY >> 20} MiB.") from error
        except requests.Timeout as error:
            raise BrokenError(f"Nothing came in {self._timeout_s:g} s.") from error
        except requests.RequestException as error:
            # Not its own text: that holds the address, and may hold more.
            raise BrokenError(f"The connection to {self._host} broke or did not come about.") from (
                error
            )

    def _session(self) -> requests.Session:
        """One per thread: `requests` does not promise more."""
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = StraightSession()
            session.auth = BearerToken(self._key)
        return session

    def _refusal(self, status: int, content: bytes) -> str:
        """What to say of a status that may pass; raises for one that will not."""
        if status in _BUSY:
            return f"The server answers {status}."
        if status in (401, 403):
            raise GatewayError(
                f"the model's server {self._host} refuses the key",
                cause=f"It answers {status}.",
                remedy="Set LESIONLOOP_API_KEY.",
            )
        if 300 <= status < 400:
            raise AnswerError(f"The server answers {status}: it sends on, give that address.")
        said = content[:300].decode("utf-8", "replace").strip()
        raise AnswerError(f"The server answers {status}: {' '.join(said.split())}")

    def _read(self, content: bytes) -> Answer:
        """The answer of a body.

        Raises:
            BrokenError: it is no answer of a chat interface, which may pass.
        """
        try:
            found = json.loads(content)
            choice = found["choices"][0]
            message = choice["message"]
            refusal, text = message.get("refusal"), message.get("content")
            finish = choice.get("finish_reason")
            usage = found.get("usage")
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise BrokenError("The answer is not what a chat interface gives.") from error
        if isinstance(text, list):  # some servers answer in parts
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
        refused = bool(refusal) or finish == "content_filter"
        plain = text if isinstance(text, str) else str(refusal or "")
        extra: dict[str, Any] = {}
        if isinstance(usage, dict) and isinstance(usage.get("completion_tokens"), int):
            extra["completion_tokens"] = usage["completion_tokens"]
        # A lone surrogate is legal in JSON, and in no UTF-8 file.
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if len(plain) > MAX_TEXT:
            plain, finish = plain[:MAX_TEXT], "length"
        return Answer(plain, finish if isinstance(finish, str) else None, refused, extra)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the header Retry-After (RFC 9110, 10.2.3); None without a usable one."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    then = then if then.tzinfo is not None else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _checked(url: str) -> SplitResult:
    """The parts of an address that holds nothing but where the server is."""
    parts = address_parts(
        url,
        whose="the model's server",
        remedy="Give the root of its interface: http://localhost:8000/v1.",
    )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InputError(
            "the address of the model's server cannot be used",
            cause="It holds credentials, a query or a fragment.",
            remedy="Give the root alone, and the key in LESIONLOOP_API_KEY.",
        )
    return parts
