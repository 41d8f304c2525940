"""What a structured report is made of, free of any language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from lesionloop.reporting.structured.rounding import shown

__all__ = ["REGIONS", "STATES", "How", "LesionFinding", "Number", "OrganFinding", "Report",
           "Sentence", "Source", "State", "Word"]  # fmt: skip

State = Literal["normal", "increased", "decreased", "absent", "not_assessed"]
STATES: Final[tuple[State, ...]] = ("increased", "absent", "decreased", "normal", "not_assessed")

#: Regions of the findings, in the order of the report.
REGIONS: Final = ("head_neck", "thorax", "abdomen", "pelvis", "skeleton", "other")

#: How a number comes from its sources: the value that stands there, how many sources there are, how
#: many rows have a value in the column, the highest, the mean of the first, third ... weighted by
#: the second, fourth ..., what stands first (a value or such a mean) by the last; or measured in
#: the mask, not in a file.
How = Literal["value", "count", "rows", "maximum", "ratio", "weighted_mean", "measured"]


@dataclass(frozen=True)
class Source:
    """A place in the files of ``lesionloop quantify``.

    Args:
        file: its name in the study's folder, or "mask" for what was measured in the mask.
        pointer: JSON pointer (RFC 6901) into a JSON file.
        column: of a CSV file.
        where: column and value that choose the row of a CSV file.
    """

    file: str
    pointer: str | None = None
    column: str | None = None
    where: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.pointer is not None:
            return f"{self.file}#{self.pointer}"
        row = "" if self.where is None else f"[{self.where[0]}={self.where[1]}]"
        return self.file if self.column is None else f"{self.file}{row}.{self.column}"


@dataclass(frozen=True)
class Number:
    """A number of a sentence.

    Args:
        name: the slot of the template.
        value: in full precision; None when it is not defined.
        unit: one of :data:`lesionloop.reporting.structured.rounding.DECIMALS`.
        sources: at least one.
        how: how the value comes from them.
    """

    name: str
    value: float | None
    unit: str
    sources: tuple[Source, ...]
    how: How = "value"

    @property
    def shown(self) -> str | None:
        """As the report writes it; None: "not assessed"."""
        return shown(self.value, self.unit)


@dataclass(frozen=True)
class Word:
    """A word of a sentence, chosen from the lists of the templates.

    Args:
        kind: the list: "organ", "organs", "location", "reference", "tracer" or "why".
        names: what to look up there.
    """

    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """One statement.

    Args:
        key: of the template.
        numbers: at least one.
        words: slot to word.
    """

    key: str
    numbers: tuple[Number, ...]
    words: Mapping[str, Word] = field(default_factory=dict)


@dataclass(frozen=True)
class OrganFinding:
    """What is said of an organ.

    Args:
        organ: its name in the rules.
        region: one of :data:`REGIONS`.
        state: of the organ with its lesions.
        tissue_state: of what lies outside lesions.
        kind: "tissue", "physiologic", or "" when there is no rule for the tracer.
        why: reason for "not_assessed" of the tissue, a key of the templates; else "".
        lesions: numbers of the lesions in it.
        sentence: the statement.
    """

    organ: str
    region: str
    state: State
    tissue_state: State
    kind: str
    why: str
    lesions: tuple[int, ...]
    sentence: Sentence


@dataclass(frozen=True)
class LesionFinding:
    """What is said of a lesion.

    Args:
        number: of the lesion.
        region: one of :data:`REGIONS`.
        location: as in ``lesions.csv``; "" when not known.
        organ: organ of the rules that it lies in, else "".
        sentence: the statement; its numbers are size and uptake.
    """

    number: int
    region: str
    location: str
    organ: str
    sentence: Sentence


@dataclass(frozen=True)
class Report:
    """A report of one study.

    Args:
        study: its name.
        tracer: "fdg", "psma" or None.
        rules: name of the rules by which states were judged.
        technique, impression: statements.
        organs: findings by organ, in the order of the rules.
        lesions: findings by lesion.
        notes: of the quantities, as they stand.
        version: of the program that measured.
    """

    study: str
    tracer: str | None
    rules: str
    technique: tuple[Sentence, ...]
    organs: tuple[OrganFinding, ...]
    lesions: tuple[LesionFinding, ...]
    impression: tuple[Sentence, ...]
    notes: tuple[str, ...]
    version: str

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All statements in the order in which they are written."""
        findings = [sentence for region in REGIONS for sentence in self.findings(region)]
        return (*self.technique, *findings, *self.impression)

    def findings(self, region: str) -> tuple[Sentence, ...]:
        """The statements on a region.

        Organs that the organ map does not have get none of their own: the impression names them as
        not assessed.
        """
        organs = (entry for entry in self.organs if entry.region == region)
        said = [entry.sentence for entry in organs if entry.lesions or entry.why != "no_organ"]
        return (*said, *(entry.sentence for entry in self.lesions if entry.region == region))
