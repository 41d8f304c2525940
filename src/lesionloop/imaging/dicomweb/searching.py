"""Which studies, series and instances a PACS has (QIDO-RS, PS3.18 10.6)."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from lesionloop.errors import InputError
from lesionloop.imaging.dicomweb import values
from lesionloop.imaging.dicomweb.link import Link, Params

__all__ = ["FoundInstance", "FoundSeries", "FoundStudy", "Search", "instances", "search", "series"]

_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_MODALITY, _MODALITIES = "00080060", "00080061"
_PAGE = 500
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_LONGEST = 64
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._~*?/:@!$'(),-]+")


@dataclass(frozen=True)
class FoundStudy:
    """A study of the PACS; what it does not tell is empty or None.

    Args:
        uid: Study Instance UID.
        patient_id: Patient ID.
        patient_name: as DICOM writes it, Family^Given.
        date: YYYYMMDD.
        description: Study Description.
        modalities: of its series.
        series: their number.
        instances: number of its instances.
    """

    uid: str
    patient_id: str
    patient_name: str
    date: str
    description: str
    modalities: tuple[str, ...]
    series: int | None
    instances: int | None


@dataclass(frozen=True)
class Search:
    """What was found, the newest first, and whether there is more."""

    studies: tuple[FoundStudy, ...]
    more: bool


@dataclass(frozen=True)
class FoundSeries:
    """A series: UID, modality, and how many instances the PACS says it has."""

    uid: str
    modality: str
    instances: int | None


@dataclass(frozen=True)
class FoundInstance:
    """An instance and its series, by their UIDs."""

    uid: str
    series: str


def search(
    link: Link,
    *,
    patient_id: str | None = None,
    patient_name: str | None = None,
    date_from: str | None = None,
    date_to: str | None = None,
    accession: str | None = None,
    modality: str | None = "PT",
    limit: int = 100,
) -> Search:
    """Find studies.

    Args:
        link: to the PACS.
        patient_id: Patient ID; ``*`` and ``?`` stand for what is not known.
        patient_name: Family^Given, or the begin of it.
        date_from: first day, YYYYMMDD or YYYY-MM-DD.
        date_to: last day.
        accession: Accession Number.
        modality: that a series of the study must have; None: any.
        limit: studies at most.

    Raises:
        InputError: something asked for cannot be asked.
        GatewayError: the PACS does not answer, or not with a list of studies.
    """
    name = _plain("patient name", patient_name)
    if name and not set("*?") & set(name):
        name += "*"
    who = _Who(_plain("patient id", patient_id), name)
    what = {
        "StudyDate": _days(date_from, date_to),
        "AccessionNumber": _plain("accession number", accession),
        "ModalitiesInStudy": _plain("modality", modality),
    }
    found = _search(link, who, what, limit)
    if not found.studies and who.plain() != who:
        # Not every PACS matches characters that an address must encode, such as umlauts and ^
        # (Orthanc 1.10 does not decode them): it is asked without, and the rest is done here.
        found = _search(link, who.plain(), what, max(limit, _PAGE))
        fits = [study for study in found.studies if who.fits(study)]
        found = Search(tuple(fits[:limit]), found.more or len(fits) > limit)
    return found


@dataclass(frozen=True)
class _Who:
    """Which patients: patterns of id and name; an empty one fits all."""

    patient_id: str
    name: str

    def plain(self) -> "_Who":
        """The same with characters left open that an address must encode."""
        return _Who(_NOT_PLAIN.sub("*", self.patient_id), _NOT_PLAIN.sub("*", self.name))

    def fits(self, study: FoundStudy) -> bool:
        return _matches(self.patient_id, study.patient_id) and _matches(
            self.name, study.patient_name
        )


def _matches(pattern: str, value: str) -> bool:
    """Whether a value fits a pattern with ``*`` and ``?``, whatever its case."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in _folded(pattern))
    return not pattern or re.fullmatch("".join(parts), _folded(value)) is not None


def _folded(value: str) -> str:
    return unicodedata.normalize("NFC", value).casefold()


def _search(link: Link, who: _Who, what: dict[str, str], limit: int) -> Search:
    asked = {"PatientID": who.patient_id, "PatientName": who.name, **what}
    params: dict[str, str | int | list[str]] = {key: v for key, v in asked.items() if v}
    params["includefield"] = ["00081030", _MODALITIES, "00201206", "00201208"]
    params["limit"] = limit + 1
    listed, cut = link.listing("studies", params)
    studies = {study.uid: study for item in listed if (study := _study(link, item))}
    # A PACS may overlook what it does not know to match.
    kind = what["ModalitiesInStudy"]
    fits = [s for s in studies.values() if not kind or kind in (s.modalities or (kind,))]
    fits.sort(key=lambda study: study.date, reverse=True)
    return Search(tuple(fits[:limit]), cut or len(listed) > limit)


def series(link: Link, study: str) -> list[FoundSeries]:
    """The series of a study.

    Raises:
        InputError: there is no such study.
        GatewayError: as of :func:`search`.
    """
    found = {
        uid: FoundSeries(uid, values.text(item, _MODALITY), values.integer(item, "00201209"))
        for item in _pages(link, f"studies/{study}/series", [_MODALITY, "00201209"])
        if (uid := _checked(link, item, _SERIES))
    }
    if not found:
        raise InputError(
            f"the PACS at {link.name} has no study {study}",
            remedy="Search again: it may have been removed, or be on another PACS.",
        )
    return list(found.values())


def instances(link: Link, study: str, of: FoundSeries) -> list[FoundInstance]:
    """The instances of a series.

    Raises:
        GatewayError: as of :func:`search`, or it lists fewer than it says that there are.
    """
    listed = _pages(link, f"studies/{study}/series/{of.uid}/instances", [])
    found = {
        uid: FoundInstance(uid, of.uid) for i in listed if (uid := _checked(link, i, _INSTANCE))
    }
    if of.instances is not None and len(found) < of.instances:
        raise link.nonsense(
            f"It lists {len(found)} of the {of.instances} instances of a {of.modality} series."
        )
    return list(found.values())


def _pages(link: Link, path: str, fields: list[str]) -> Iterator[dict[str, Any]]:
    """All items of a listing; a server without offsets repeats itself, which ends it too."""
    seen: set[str] = set()
    begin = 0
    while True:
        params: Params = {"includefield": fields, "limit": _PAGE, "offset": begin}
        page, cut = link.listing(path, params)
        new = [item for item in page if repr(item) not in seen]
        seen.update(map(repr, new))
        yield from new
        if len(seen) > link.limits.instances:
            raise link.nonsense(f"It lists more than {link.limits.instances} items.")
        if not new or (len(page) < _PAGE and not cut):
            return
        begin += len(page)


def _checked(link: Link, item: dict[str, Any], tag: str) -> str:
    found = values.uid(item, tag)
    if found is None:
        raise link.nonsense("It lists something without a valid UID.")
    return found


def _study(link: Link, item: dict[str, Any]) -> FoundStudy:
    day = values.text(item, "00080020")
    return FoundStudy(
        uid=_checked(link, item, _STUDY),
        patient_id=values.text(item, "00100020"),
        patient_name=values.name(item, "00100010"),
        date=day if _DATE.fullmatch(day) else "",
        description=values.text(item, "00081030"),
        modalities=values.texts(item, _MODALITIES),
        series=values.integer(item, "00201206"),
        instances=values.integer(item, "00201208"),
    )


def _plain(what: str, value: str | None) -> str:
    """What is asked for; a backslash would make it several values."""
    value = (value or "").strip()
    if len(value) > _LONGEST or not value.isprintable() or "\\" in value:
        raise InputError(
            f"the {what} cannot be searched for",
            cause=f"It is longer than {_LONGEST} characters or holds a backslash or unprintable"
            " characters.",
            remedy="Give it as the PACS has it; * stands for any characters.",
        )
    return value


def _days(first: str | None, last: str | None) -> str:
    """A range of days as DICOM writes it, PS3.4 C.2.2.2.5."""
    begin, end = _day(first), _day(last)
    if begin and end and begin > end:
        raise InputError(
            f"the first day {begin} is after the last {end}", remedy="Exchange the two."
        )
    return f"{begin}-{end}" if begin or end else ""


def _day(value: str | None) -> str:
    if not value:
        return ""
    found = _DATE.fullmatch(value.strip())
    try:
        return date(*map(int, found.groups())).strftime("%Y%m%d") if found else _no_day(value)
    except ValueError:
        return _no_day(value)


def _no_day(value: str) -> NoReturn:
    raise InputError(f"{value[:20]!r} is no date", remedy="Give it as YYYY-MM-DD.")
