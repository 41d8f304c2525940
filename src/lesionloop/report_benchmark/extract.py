"""From the text of a report to the uptake state of each organ that it speaks of.

How PET2Rep does this is not published. Here: the text is cut into sentences and clauses; organs and
cues of uptake are found by a vocabulary; a cue belongs to the organs before it in its clause, or to
those after it when the clause begins with the cue; a clause without an organ speaks of the one
before. A negated cue means normal. Of several states of one organ the gravest counts. Whatever
could be read in two ways is noted.

Another extractor, such as one that asks a language model, is any object with a name and a
``states`` method.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from lesionloop.report_benchmark.vocabulary import STATES, Vocabulary, read_vocabulary

__all__ = ["Extraction", "Extractor", "RuleExtractor", "drop_impression"]

_SENTENCE_END: Final = re.compile(r"[。;!?\n]|\.(?=\s|$)")
_CLAUSE_END: Final = re.compile(r",(?!\d)")
#: Brackets of the template's slots and list numbers carry no meaning here.
_BRACKETS: Final = re.compile(r"[\[\]【】]")
_ABNORMAL: Final = frozenset(STATES[:3])


@dataclass(frozen=True)
class Extraction:
    """What a report says.

    Args:
        states: organ to state, only of organs whose uptake it speaks of.
        notes: what could be read in two ways, one sentence each.
    """

    states: Mapping[str, str]
    notes: tuple[str, ...] = ()


class Extractor(Protocol):
    """Reads states from a report."""

    @property
    def name(self) -> str:
        """For the result."""

    @property
    def organs(self) -> tuple[str, ...]:
        """Organs that it knows, in the order of the result."""

    def states(self, text: str) -> Extraction:
        """The states that a report tells."""


class _Found(NamedTuple):
    """A place in a clause."""

    start: int
    end: int
    kind: str  # organ, cue, whole, or a group of the vocabulary
    value: str


@dataclass
class _Sentence:
    """What is known so far in a sentence."""

    told: list[str] = field(default_factory=list)  # organs of the last clause that had some
    waiting: list[str] = field(default_factory=list)  # of clauses that are lists without a cue
    listed: str | None = None  # state that goes on to organs of a list after it


class RuleExtractor:
    """Extractor by rules and a vocabulary.

    Args:
        vocabulary: words; None: those that come with the package.
    """

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self.vocabulary = vocabulary or read_vocabulary()

    @property
    def name(self) -> str:
        """For the result."""
        return f"rules, {self.vocabulary.name}"

    @property
    def organs(self) -> tuple[str, ...]:
        """Organs of the vocabulary."""
        return tuple(self.vocabulary.organs)

    def states(self, text: str) -> Extraction:
        """The states that a report tells, in Chinese, English or both."""
        plain = _BRACKETS.sub("", unicodedata.normalize("NFKC", text))
        said: dict[str, dict[str, None]] = {}
        notes: list[str] = []
        rest = False
        for sentence in _SENTENCE_END.split(plain):
            state = _Sentence()
            for clause in filter(str.strip, _CLAUSE_END.split(sentence)):
                pairs = self._clause(clause, state, notes)
                for organ, value in pairs:
                    said.setdefault(organ, {})[value] = None
                rest |= self._is_rest(clause)
        states = {}
        for organ, values in said.items():
            states[organ] = min(values, key=self.vocabulary.severity.index)
            if len(values) > 1:
                notes.append(f"{organ} is said to be {' and '.join(values)}: {states[organ]}.")
        if rest:
            states |= {organ: "normal" for organ in self.organs if organ not in states}
        return Extraction(states, tuple(notes))

    def _clause(self, clause: str, sentence: _Sentence, notes: list[str]) -> list[tuple[str, str]]:
        """Organ and state of what a clause says; takes along what the sentence said before."""
        found = self._find(clause)
        organs = [entry.value for entry in found if entry.kind == "organ"]
        cues = self._cues(clause, found)
        if not cues:
            alone = bool(organs) and self._is_list(clause, found)
            if alone and sentence.listed is not None:
                sentence.told = organs
                return [(organ, sentence.listed) for organ in organs]
            sentence.waiting = [*sentence.waiting, *organs] if alone else []
            sentence.told = organs or sentence.told
            return []
        pairs, sentence.listed = self._join(found, cues, sentence)
        if organs:
            sentence.told = organs
        sentence.waiting = []
        doubt = self.vocabulary.groups["doubt"].search(clause)
        if doubt and pairs:
            notes.append(f"doubtful for {doubt[0]!r}: {clause.strip()[:80]}")
        if {state for _, state in pairs} > {"normal"} and len(cues) > 1 and len(organs) > 1:
            notes.append(f"several organs and states: {clause.strip()[:80]}")
        return pairs

    def _join(
        self, found: list[_Found], cues: list[tuple[int, str]], sentence: _Sentence
    ) -> tuple[list[tuple[str, str]], str | None]:
        """Give each cue to its organs; the state that a list after the clause goes on with."""
        organs = [(entry.start, entry.value) for entry in found if entry.kind == "organ"]
        pairs: list[tuple[str, str]] = []
        if organs and cues[0][0] < organs[0][0]:  # a cue, then its organs
            state, index = cues[0][1], 0
            for start, organ in organs:
                while index + 1 < len(cues) and cues[index + 1][0] < start:
                    # Cues that no organ parts, "focal increased", speak of the same organs.
                    follows = index + 1
                    parted = any(cues[index][0] < at < cues[follows][0] for at, _ in organs)
                    state = cues[follows][1] if parted else self._graver(state, cues[follows][1])
                    index = follows
                pairs.append((organ, state))
            return pairs, state
        waiting = list(sentence.waiting) if organs else list(sentence.told)
        index = 0
        for start, state in cues:
            before = []
            while index < len(organs) and organs[index][0] < start:
                before.append(organs[index][1])
                index += 1
            waiting = ([*waiting, *before] if not pairs else before) or waiting
            pairs += [(organ, state) for organ in waiting]
        return pairs, None

    def _graver(self, first: str, second: str) -> str:
        return min(first, second, key=self.vocabulary.severity.index)

    def _cues(self, clause: str, found: list[_Found]) -> list[tuple[int, str]]:
        """Where the clause tells a state, and which, negation and physiology worked in."""
        speaks = self.vocabulary.groups["uptake"].search(clause) is not None
        expected = any(entry.kind == "physiological" for entry in found)
        cues = []
        for entry in found:
            if entry.kind == "physiological":
                cues.append((entry.start, "normal"))
            elif entry.kind == "whole" or (entry.kind == "cue" and speaks):
                normal = expected or _negated(entry, self._with_negations(clause, found))
                cues.append((entry.start, "normal" if normal else entry.value))
        return cues

    def _with_negations(self, clause: str, found: list[_Found]) -> list[_Found]:
        """The same, but a phrase such as "no abnormal" is a negation up to the next organ."""
        pattern, changed = self.vocabulary.groups["negation"], []
        for entry in found:
            negates = entry.kind == "whole" and entry.value == "normal"
            if negates and pattern.search(clause[entry.start : entry.end]):
                changed.append(entry._replace(kind="negation"))
                after = [other for other in found if other.start > entry.start]
                organ = next((other for other in after if other.kind == "organ"), None)
                if organ is not None:
                    changed.append(_Found(organ.start, organ.start, "scope_end", ""))
            else:
                changed.append(entry)
        return sorted(changed)

    def _find(self, clause: str) -> list[_Found]:
        """Organs, cues and words around them, in order; where two overlap the longer one stands."""
        words = self.vocabulary
        patterns = [("organ", organ, pattern) for organ, pattern in words.organs.items()]
        patterns += [("whole", state, pattern) for state, pattern in words.whole_cues.items()]
        patterns += [("cue", state, pattern) for state, pattern in words.cues.items()]
        patterns += [
            (kind, "", words.groups[kind])
            for kind in ("ignore", "physiological", "negation_after", "negation", "scope_end")
        ]
        every = [
            _Found(*match.span(), kind, value)
            for kind, value, pattern in patterns
            for match in pattern.finditer(clause)
        ]
        every.sort(key=lambda entry: (entry.start - entry.end, entry.start))
        taken = [False] * len(clause)
        kept = []
        for entry in every:
            if not any(taken[entry.start : entry.end]):
                taken[entry.start : entry.end] = [True] * (entry.end - entry.start)
                if not (entry.kind == "organ" and self._is_compared(clause[: entry.start])):
                    kept.append(entry)
        return sorted(kept)

    def _is_compared(self, before: str) -> bool:
        end = before.rstrip()
        pattern = self.vocabulary.groups["comparison"]
        return any(match.end() == len(end) for match in pattern.finditer(end))

    def _is_list(self, clause: str, found: list[_Found]) -> bool:
        """Whether nothing stands between the organs but words of a list."""
        left = clause
        for entry in reversed(found):
            if entry.kind == "organ":
                left = left[: entry.start] + " " + left[entry.end :]
        return not re.search(r"\w", self.vocabulary.groups["list_words"].sub(" ", left))

    def _is_rest(self, clause: str) -> bool:
        """Whether a clause tells that all that is left is normal."""
        if not self.vocabulary.groups["elsewhere"].search(clause):
            return False
        states = {state for _, state in self._cues(clause, self._find(clause))}
        return states == {"normal"}


def drop_impression(text: str, vocabulary: Vocabulary) -> str:
    """The report without what follows the heading of its impression.

    A heading stands alone in its line or before a colon, at the begin of a line, in brackets of any
    kind or none.
    """
    heading = re.compile(
        rf"^[\s#*【\[]*(?:{vocabulary.groups['impression'].pattern})[\s*】\]]*(?:[::]|$)",
        re.IGNORECASE | re.MULTILINE,
    )
    found = heading.search(text)
    return text[: found.start()].rstrip() if found else text


def _negated(cue: _Found, found: list[_Found]) -> bool:
    """Whether a negation reaches a cue of abnormal uptake."""
    if cue.value not in _ABNORMAL:
        return False
    negated = False
    for entry in found:
        if entry.start < cue.start:
            if entry.kind == "scope_end":
                negated = False
            elif entry.kind == "negation":
                negated = True
        elif entry.kind == "scope_end":
            break
        elif entry.kind == "negation_after":
            return True
    return negated
