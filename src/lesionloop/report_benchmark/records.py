"""The records of the benchmark: what is asked (prompt record) and what came back (result record).

Both are JSON lines in UTF-8. A prompt record has ``patient_id``, ``task``, ``prompt_system``,
``prompt_image_fuse`` (image paths), ``prompt_user_text`` (with one ``<image>`` for each image) and
``answer``, the reference. A result record has ``subject_id``, ``llm_output`` (a list with one text)
and ``ground_truth``. The name of the id, of the reference and of the image list differ between the
two in the published material, so each spelling is read in both; separate PET and CT pictures, whose
key is not published, are written as ``prompt_image``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lesionloop.errors import InputError
from lesionloop.output import write_text

__all__ = [
    "IMAGE_MARK", "MAX_TEXT", "TASK", "PromptRecord", "ResultRecord", "parse_result",
    "read_prompts", "read_results", "write_prompts",
]  # fmt: skip

TASK: Final = "PET2Rep"
#: Stands in the user's text where an image goes.
IMAGE_MARK: Final = "<image>"

#: Far above any report: the longest of the clinical routine have some thousand characters.
MAX_TEXT: Final = 100_000
_MAX_LINE: Final = 4 << 20
_MAX_RECORDS: Final = 100_000
_MAX_IMAGES: Final = 64
_MAX_ID: Final = 200

_IDS: Final = ("patient_id", "subject_id")
_REFERENCES: Final = ("answer", "ground_truth")
_IMAGES: Final = ("prompt_image_fuse", "prompt_image")


@dataclass(frozen=True)
class PromptRecord:
    """What is asked about one patient.

    Args:
        patient: id, the same in the result.
        system: role text; may be empty.
        text: instruction with one `IMAGE_MARK` for each image.
        images: existing files inside the data folder, in the order of the marks.
        reference: the reference report.
    """

    patient: str
    system: str
    text: str
    images: tuple[Path, ...]
    reference: str


@dataclass(frozen=True)
class ResultRecord:
    """What a model answered.

    Args:
        patient: id of the prompt.
        output: the report; empty when none came.
        reference: the reference as the result holds it; None when it does not.
        finish: why the model stopped ("stop", "length", ...); None when it is not known.
        refused: the service said that the model refused.
        asked: digest of what was asked and how; None in results made elsewhere.
        extra: further keys, such as seconds and tokens.
    """

    patient: str
    output: str
    reference: str | None = None
    finish: str | None = None
    refused: bool = False
    asked: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The record as one line of JSON, with its end."""
        content: dict[str, Any] = {
            "subject_id": self.patient,
            "llm_output": [self.output],
            "ground_truth": self.reference,
            "finish_reason": self.finish,
            "refused": self.refused,
            "asked": self.asked,
            **self.extra,
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


_RESULT_KEYS: Final = frozenset(
    {*_IDS, *_REFERENCES, "llm_output", "finish_reason", "refused", "asked"}
)


def read_prompts(path: Path | str, data: Path | str | None = None) -> list[PromptRecord]:
    """Read prompt records.

    Args:
        path: JSON lines.
        data: folder that the image paths start from and must stay in; None: that of ``path``.

    Raises:
        InputError: names the file and the line that is wrong.
    """
    path = Path(path)
    folder = (path.parent if data is None else Path(data)).resolve()
    found: dict[str, PromptRecord] = {}
    for where, content in _lines(path):
        record = _prompt(where, content, folder)
        _add(where, found, record.patient, record)
    if not found:
        raise InputError(f"there is no record in {path}", remedy="A record is one line of JSON.")
    return list(found.values())


def read_results(path: Path | str) -> list[ResultRecord]:
    """Read result records.

    Raises:
        InputError: names the file and the line that is wrong.
    """
    found: dict[str, ResultRecord] = {}
    for where, content in _lines(Path(path)):
        record = parse_result(where, content)
        _add(where, found, record.patient, record)
    return list(found.values())


def write_prompts(path: Path, records: Sequence[PromptRecord], *, fused: bool) -> None:
    """Write prompt records, whole or not at all; image paths start from the file's folder.

    Raises:
        OutputError: the file cannot be written.
    """
    folder = path.parent.resolve()
    lines = []
    for record in records:
        images = [image.resolve().relative_to(folder).as_posix() for image in record.images]
        content = {
            "patient_id": record.patient,
            "task": TASK,
            "prompt_system": record.system,
            _IMAGES[0 if fused else 1]: images,
            "prompt_user_text": record.text,
            "answer": record.reference,
        }
        lines.append(json.dumps(content, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))


def parse_result(where: str, content: Mapping[str, Any]) -> ResultRecord:
    """A result record from its JSON object.

    Args:
        where: file and line, for messages.
        content: the object.

    Raises:
        InputError: it is no result record.
    """
    outputs = content.get("llm_output")
    if isinstance(outputs, str):
        outputs = [outputs]
    if not isinstance(outputs, list) or len(outputs) != 1:
        raise _refusal(where, '"llm_output" is not a list with one text.')
    finish, asked = content.get("finish_reason"), content.get("asked")
    for name, value in (("finish_reason", finish), ("asked", asked)):
        if value is not None and not isinstance(value, str):
            raise _refusal(where, f'"{name}" is not a text.')
    refused = content.get("refused", False)
    if not isinstance(refused, bool):
        raise _refusal(where, '"refused" is neither true nor false.')
    has_reference = any(content.get(key) is not None for key in _REFERENCES)
    return ResultRecord(
        patient=_patient(where, content),
        output=_text(where, "llm_output", outputs[0], empty=True),
        reference=_reference(where, content) if has_reference else None,
        finish=finish,
        refused=refused,
        asked=asked,
        extra={key: value for key, value in content.items() if key not in _RESULT_KEYS},
    )


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and line number with the object of each line that is not blank."""
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(_MAX_LINE + 1):
                number += 1
                where = f"{path}, line {number}"
                if len(raw) > _MAX_LINE:
                    raise _refusal(where, f"It is longer than {_MAX_LINE >> 20} MiB.")
                if number > _MAX_RECORDS:
                    raise _refusal(where, f"There are more than {_MAX_RECORDS} lines.")
                if raw.strip():
                    yield where, _object(where, raw)
    except OSError as error:
        raise InputError(
            f"cannot read the records {path}",
            cause=f"{error.strerror or error}.",
            remedy="Give a file of JSON lines.",
        ) from error


def _object(where: str, raw: bytes) -> dict[str, Any]:
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refusal(where, "It is not UTF-8.") from error
    except RecursionError as error:
        raise _refusal(where, "Its lists or objects are nested too deeply.") from error
    except ValueError as error:
        raise _refusal(where, f"It is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise _refusal(where, "It is not a JSON object.")
    return content


def _prompt(where: str, content: Mapping[str, Any], folder: Path) -> PromptRecord:
    text = _text(where, "prompt_user_text", content.get("prompt_user_text"))
    listed = [key for key in _IMAGES if key in content]
    if len(listed) != 1:
        raise _refusal(where, f'It has {len(listed)} of the image lists "{", ".join(_IMAGES)}".')
    names = content[listed[0]]
    if not isinstance(names, list) or not 1 <= len(names) <= _MAX_IMAGES:
        raise _refusal(where, f'"{listed[0]}" is not a list of 1 to {_MAX_IMAGES} paths.')
    marks = text.count(IMAGE_MARK)
    if marks != len(names):
        raise _refusal(where, f"The text has {marks} marks {IMAGE_MARK} for {len(names)} images.")
    return PromptRecord(
        patient=_patient(where, content),
        system=_text(where, "prompt_system", content.get("prompt_system", ""), empty=True),
        text=text,
        images=tuple(_image(where, name, folder) for name in names),
        reference=_reference(where, content),
    )


def _image(where: str, name: Any, folder: Path) -> Path:
    """An existing file in the folder, links followed."""
    if not isinstance(name, str) or not name or "\0" in name or len(name) > 1000:
        raise _refusal(where, "An image path is not a usable text.")
    try:
        path = (folder / name).resolve()
        inside, there = path.is_relative_to(folder), path.is_file()
    except (OSError, RuntimeError, UnicodeError) as error:
        raise _refusal(where, f"The image {name[:80]!r} cannot be reached.") from error
    if not inside:
        raise _refusal(where, f"The image {name[:80]!r} is outside the data folder {folder}.")
    if not there:
        raise _refusal(where, f"There is no image {name[:80]!r} in {folder}.")
    return path


def _patient(where: str, content: Mapping[str, Any]) -> str:
    values = [content[key] for key in _IDS if content.get(key) is not None]
    value = values[0] if values else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID or not value.isprintable():
        raise _refusal(where, f"It has no usable id in {' or '.join(_IDS)}.")
    return value


def _reference(where: str, content: Mapping[str, Any]) -> str:
    values = [content[key] for key in _REFERENCES if content.get(key) is not None]
    return _text(where, " or ".join(_REFERENCES), values[0] if values else None)


def _text(where: str, name: str, value: Any, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (empty or value.strip()):
        raise _refusal(where, f'It has no text in "{name}".')
    if len(value) > MAX_TEXT:
        raise _refusal(where, f'"{name}" has more than {MAX_TEXT} characters.')
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _refusal(where, f'"{name}" holds half of a character (a lone surrogate).')
    return value


def _add(where: str, found: dict[str, Any], patient: str, record: Any) -> None:
    if patient in found:
        raise _refusal(where, f"The id {patient!r} was there before.")
    found[patient] = record


def _refusal(where: str, cause: str) -> InputError:
    return InputError(
        f"cannot use the record in {where}",
        cause=cause,
        remedy="See docs/report-benchmark.md for the form of a record.",
    )
