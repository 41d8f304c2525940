"""The protocol of a reader study: a TOML file that says who reads what, how often and with what
help.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from lesionloop.errors import InputError

__all__ = ["Arm", "Design", "Protocol", "parse_protocol", "read_protocol"]

#: assisted: a segmenter gives the first mask and answers strokes; manual: the mask is drawn.
Arm = Literal["manual", "assisted"]
#: crossover: each reader reads each case in both arms; parallel: in one of them, drawn; single: the
#: one arm that the protocol names.
Design = Literal["crossover", "parallel", "single"]

#: What readers are told of an arm where the protocol says nothing.
_ARM_TEXT: Final[Mapping[str, str]] = {
    "manual": "Draw the lesions yourself; background takes away.",
    "assisted": "Correct the mask until you are satisfied.",
}
_KEYS: Final = (
    "title", "design", "arms", "seed", "washout_days", "readers", "cases", "instructions",
    "arm_text",
)  # fmt: skip
#: As long as the viewer takes a reader's name to be.
_LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class Protocol:
    """A checked protocol.

    Args:
        title: of the study, shown to readers.
        design: how readings are assigned.
        arms: those that occur; both but in a single design.
        seed: of the assignment and the order.
        washout_days: from the last reading of a reader's first period to the first of the second.
        readers: names, in the order of the file.
        cases: names (or ids) of studies in the data folder, in the order of the file.
        instructions: shown to readers.
        arm_text: what readers are told of each arm.
    """

    title: str
    design: Design
    arms: tuple[Arm, ...]
    seed: int
    washout_days: float
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    instructions: str
    arm_text: Mapping[str, str]

    @property
    def periods(self) -> int:
        """How often a reader reads a case."""
        return 2 if self.design == "crossover" else 1


def read_protocol(path: Path) -> Protocol:
    """Read a protocol.

    Raises:
        InputError: it cannot be read or says something impossible; the message has the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "It is not UTF-8 text"
        raise InputError(
            f"cannot read the protocol {path}",
            cause=f"{cause or error}.",
            remedy="Make one with: lesionloop reader-study init.",
        ) from error
    return parse_protocol(text, str(path))


def parse_protocol(text: str, source: str) -> Protocol:
    """The protocol that a text says.

    Args:
        text: TOML.
        source: file that it is from, for messages.

    Raises:
        InputError: as :func:`read_protocol`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{source} is not TOML",
            cause=f"{error}.",
            remedy="Mend the line, or begin again with: lesionloop reader-study init.",
        ) from error
    return _Checker(text, source, values).protocol()


class _Checker:
    """Checks key after key, and names the line of the one that is wrong."""

    def __init__(self, text: str, source: str, values: Mapping[str, Any]) -> None:
        self._lines = text.splitlines()
        self._source = source
        self._values = values

    def protocol(self) -> Protocol:
        for key in self._values:
            if key not in _KEYS:
                raise self.wrong(key, "is not known", f"Known are {', '.join(_KEYS)}.")
        design = self._one_of("design", get_args(Design))
        return Protocol(
            title=self._text("title"),
            design=design,
            arms=self._arms(design),
            seed=self._seed(),
            washout_days=self._washout(design),
            readers=self._names("readers"),
            cases=self._names("cases", longest=None),
            instructions=self._text("instructions", ""),
            arm_text={**_ARM_TEXT, **self._arm_text()},
        )

    def wrong(self, key: str, problem: str, remedy: str) -> InputError:
        pattern = re.compile(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*(=|\.|\])")
        numbers = (n for n, line in enumerate(self._lines, start=1) if pattern.match(line))
        line = next(numbers, None)
        place = f"{self._source}, line {line}" if line else self._source
        return InputError(f"{place}: {key} {problem}", remedy=remedy)

    def _given(self, key: str, kind: type, default: Any = None) -> Any:
        if key not in self._values:
            if default is not None:
                return default
            raise self.wrong(key, "is missing", f"Add {key} = ...; see docs/reader-studies.md.")
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            names = {str: "a text", int: "a whole number", list: "a list", dict: "a table"}
            raise self.wrong(key, f"is not {names[kind]}", "See docs/reader-studies.md.")
        return value

    def _text(self, key: str, default: str | None = None) -> str:
        text: str = self._given(key, str, default)
        if default is None and not text.strip():
            raise self.wrong(key, "is empty", "Give a text.")
        return text.strip()

    def _one_of(self, key: str, known: tuple[str, ...]) -> Any:
        found = self._text(key)
        if found not in known:
            raise self.wrong(key, f"is {found!r}", f"Use {', '.join(known)}.")
        return found

    def _names(self, key: str, longest: int | None = _LONGEST_NAME) -> tuple[str, ...]:
        names: list[Any] = self._given(key, list)
        if not names:
            raise self.wrong(key, "is empty", "Give at least one name.")
        for name in names:
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise self.wrong(key, f"has {name!r}", "Give names in quotes.")
            if name != name.strip() or (longest is not None and len(name) > longest):
                remedy = f"Give names without spaces around them, of at most {longest} characters."
                raise self.wrong(key, f"has {name!r}", remedy)
            if names.count(name) > 1:
                raise self.wrong(key, f"has {name!r} twice", "Give each name once.")
        return tuple(names)

    def _arms(self, design: Design) -> tuple[Arm, ...]:
        known = get_args(Arm)
        arms: list[Any] = self._given("arms", list, list(known) if design != "single" else None)
        for arm in arms:
            if arm not in known:
                raise self.wrong("arms", f"has {arm!r}", f"Use {', '.join(known)}.")
        needed = 1 if design == "single" else 2
        if len(arms) != needed or len(set(arms)) != needed:
            remedy = f"A {design} design has {'one arm' if needed == 1 else 'both arms'}."
            raise self.wrong("arms", f"are {arms}", remedy)
        return tuple(arms)

    def _seed(self) -> int:
        seed: int = self._given("seed", int)
        return seed

    def _washout(self, design: Design) -> float:
        if design != "crossover":
            if "washout_days" in self._values:
                raise self.wrong("washout_days", "is for a crossover only", "Take the line out.")
            return 0.0
        days = self._values.get("washout_days")
        number = isinstance(days, int | float) and not isinstance(days, bool)
        if days is None or not number or not 0 <= days <= 3650:
            problem = "is missing" if days is None else f"is {days!r}"
            raise self.wrong("washout_days", problem, "Give days from 0 to 3650, such as 14.")
        return float(days)

    def _arm_text(self) -> dict[str, str]:
        table: dict[str, Any] = self._given("arm_text", dict, {})
        for arm, text in table.items():
            if arm not in get_args(Arm) or not isinstance(text, str):
                raise self.wrong("arm_text", f"has {arm!r}", "Give texts for manual or assisted.")
        return table
