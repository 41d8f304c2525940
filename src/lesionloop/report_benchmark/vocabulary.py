"""The words of the extractor, as data: organs, cues of uptake, negation."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from re import Pattern
from typing import Any, Final

from lesionloop.errors import InputError

__all__ = ["STATES", "Vocabulary", "read_vocabulary"]

#: Uptake states of an organ; the first three are the abnormal ones.
STATES: Final = ("increased", "decreased", "absent", "normal")

_MAX_BYTES: Final = 1 << 20
_GROUPS: Final = (
    "ignore", "uptake", "physiological", "negation", "negation_after", "scope_end", "comparison",
    "list_words", "elsewhere", "doubt", "impression", "refusal",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Patterns, English and Chinese in one.

    Args:
        name: of the list of organs, for the result.
        organs: id to pattern, in the order of the result.
        severity: states, the one that wins first.
        cues: state to pattern of words that need a word of uptake in their clause.
        whole_cues: state to pattern of words that need none.
        groups: name of another group (see the file) to pattern.
    """

    name: str
    organs: Mapping[str, Pattern[str]]
    severity: tuple[str, ...]
    cues: Mapping[str, Pattern[str]]
    whole_cues: Mapping[str, Pattern[str]]
    groups: Mapping[str, Pattern[str]]


def read_vocabulary(path: Path | str | None = None) -> Vocabulary:
    """Read a vocabulary.

    Args:
        path: TOML file in the form of ``data/organs.toml``; None: that file.

    Raises:
        InputError: it cannot be read, or a part is missing or no regular expression.
    """
    where = "the built-in vocabulary" if path is None else str(path)
    content = _content(where, path)
    organs = content.get("organ")
    if not isinstance(organs, list) or not organs:
        raise _refusal(where, "It has no [[organ]].")
    patterns: dict[str, Pattern[str]] = {}
    for number, organ in enumerate(organs, start=1):
        name = organ.get("id") if isinstance(organ, dict) else None
        if not isinstance(name, str) or not name or name in patterns:
            raise _refusal(where, f"The id of organ {number} is missing or there twice.")
        patterns[name] = _pattern(where, f"organ {name}", organ)
    severity = content.get("severity")
    if not isinstance(severity, list) or sorted(map(str, severity)) != sorted(STATES):
        raise _refusal(where, f'"severity" is not {", ".join(STATES)} in some order.')
    tables = {name: content.get(name) for name in (*_GROUPS, *STATES)}
    for name, entry in tables.items():
        if not isinstance(entry, dict):
            raise _refusal(where, f"It has no table [{name}].")
    return Vocabulary(
        name=str(content.get("name", where)),
        organs=patterns,
        severity=tuple(severity),
        cues={state: _pattern(where, state, tables[state]) for state in STATES},
        whole_cues={
            state: _pattern(where, state, tables[state], suffix="_whole") for state in STATES
        },
        groups={name: _pattern(where, name, tables[name]) for name in _GROUPS},
    )


def _content(where: str, path: Path | str | None) -> dict[str, Any]:
    try:
        if path is None:
            source = files("lesionloop.report_benchmark").joinpath("data/organs.toml")
            raw = source.read_bytes()
        else:
            with Path(path).open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise _refusal(where, f"It is larger than {_MAX_BYTES >> 20} MiB.")
        return tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise _refusal(where, f"{error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise _refusal(where, f"It is not valid TOML: {error}.") from error


def _pattern(where: str, name: str, table: Any, suffix: str = "") -> Pattern[str]:
    """One pattern for both languages; without words one that never matches."""
    alternatives = [
        rf"\b(?:{word})\b" for word in _words(where, name, table.get(f"en{suffix}", []))
    ]
    alternatives += _words(where, name, table.get(f"zh{suffix}", []))
    # The first alternative that fits wins in a regular expression: the longer ones go first.
    alternatives.sort(key=len, reverse=True)
    return re.compile("|".join(f"(?:{word})" for word in alternatives) or r"(?!)", re.IGNORECASE)


def _words(where: str, name: str, words: Any) -> Iterable[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise _refusal(where, f"The words of {name} are not a list of texts.")
    for word in words:
        try:
            if re.compile(word).match(""):
                raise _refusal(where, f"The word {word!r} of {name} fits an empty text.")
        except re.error as error:
            raise _refusal(
                where, f"The word {word!r} of {name} is no regular expression: {error}."
            ) from error
    return words


def _refusal(where: str, cause: str) -> InputError:
    return InputError(
        f"cannot use {where} as a vocabulary",
        cause=cause,
        remedy="See docs/report-benchmark.md for its form.",
    )
