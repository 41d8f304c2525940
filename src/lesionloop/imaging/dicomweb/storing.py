"""Store objects (STOW-RS, PS3.18 10.5): one a request, so that what is stored is known of each.

A request is never simply sent again. When its answer is lost, or says nothing of the object, the
PACS is asked whether it has the object.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread

from lesionloop.errors import GatewayError, InputError
from lesionloop.imaging.dicom.header import text
from lesionloop.imaging.dicomweb import values
from lesionloop.imaging.dicomweb.answer import BrokenError
from lesionloop.imaging.dicomweb.link import Link
from lesionloop.imaging.dicomweb.multipart import FilePart

__all__ = ["Refused", "StoreReport", "Stored", "store"]

_REFERENCED, _FAILED = "00081199", "00081198"
_INSTANCE, _WARNING, _REASON = "00081155", "00081196", "00081197"
_DUPLICATE = 0x0111
#: PS3.18 table I.2-2 and PS3.4 table GG.4-1: what a failure or warning means, by its first digits.
_MEANINGS = {
    0x0110: "failure while it was processed",
    _DUPLICATE: "it was there already",
    0x0122: "this kind of object is not taken",
    0x0124: "not allowed",
    0xA7: "out of resources",
    0xA9: "it does not match its kind of object",
    0xC0: "it was not understood",
    0xB000: "values of it were changed",
    0xB006: "elements of it were left out",
    0xB007: "it does not match its kind of object",
}


@dataclass(frozen=True)
class Stored:
    """A file that the PACS has.

    Args:
        path: the file.
        uid: its SOP Instance UID.
        warning: what the PACS remarked, or None.
    """

    path: Path
    uid: str
    warning: str | None = None


@dataclass(frozen=True)
class Refused:
    """A file that the PACS refused, and why."""

    path: Path
    uid: str
    reason: str


@dataclass(frozen=True)
class StoreReport:
    """What became of each file.

    Args:
        stored: the PACS has them.
        refused: it said no.
        unknown: sent, but no answer came and the PACS could not be asked.
        unsent: never sent, because the PACS had gone.
        gone: why it went, or None.
    """

    stored: tuple[Stored, ...] = ()
    refused: tuple[Refused, ...] = ()
    unknown: tuple[Path, ...] = ()
    unsent: tuple[Path, ...] = ()
    gone: GatewayError | None = None

    def require_all(self) -> None:
        """See that everything is stored.

        Raises:
            GatewayError: it is not; names the files that are stored and those that are not.
        """
        if not (self.refused or self.unknown or self.unsent):
            return
        why = [f"{r.path.name} was refused: {r.reason}" for r in self.refused]
        why += [f"of {path.name} it is not known whether it is stored" for path in self.unknown]
        why += [f"{path.name} was not sent" for path in self.unsent]
        stored = ", ".join(s.path.name for s in self.stored) or "nothing"
        cause = f"Stored: {stored}. Not stored: {'; '.join(why)}."
        if self.gone is not None:
            cause += f" {self.gone.what[0].upper()}{self.gone.what[1:]}."
            cause += f" {self.gone.cause}" if self.gone.cause else ""
        raise GatewayError(
            "not everything was stored",
            cause=cause,
            remedy="Store again: what is stored already is not doubled."
            if self.gone is not None
            else "Ask those who run the PACS what it takes.",
        )


def store(
    link: Link, paths: Sequence[Path], *, progress: Callable[[int, int], None]
) -> StoreReport:
    """Store DICOM files, see :meth:`Pacs.store`."""
    headers = [_header(path) for path in paths]
    # Wrong credentials and addresses are told before anything of a patient is sent.
    link.listing("studies", {"limit": 1})
    stored: list[Stored] = []
    refused: list[Refused] = []
    for done, (path, header) in enumerate(zip(paths, headers, strict=True)):
        progress(done, len(paths))
        try:
            outcome = _store_one(link, path, header)
        except (GatewayError, _UnknownError) as error:
            unknown = isinstance(error, _UnknownError)
            return StoreReport(
                tuple(stored),
                tuple(refused),
                (path,) if unknown else (),
                tuple(paths[done + unknown :]),
                error.gone if isinstance(error, _UnknownError) else error,
            )
        if isinstance(outcome, Stored):
            stored.append(outcome)
        else:
            refused.append(outcome)
    progress(len(paths), len(paths))
    return StoreReport(tuple(stored), tuple(refused))


class _UnknownError(Exception):
    """Sent, but whether it is stored cannot be found out."""

    def __init__(self, gone: GatewayError) -> None:
        super().__init__(str(gone))
        self.gone = gone


def _store_one(link: Link, path: Path, header: Dataset) -> Stored | Refused:
    uid = str(header.SOPInstanceUID)
    try:
        status, body = _post(link, path)
    except BrokenError as error:
        try:
            if _is_there(link, header):
                return Stored(path, uid)
        except GatewayError as gone:
            raise _UnknownError(link.gone(str(error))) from gone
        return Refused(path, uid, "the connection broke while it was sent")
    if status in (401, 403):
        raise GatewayError(
            f"the PACS at {link.name} does not let these credentials store",
            cause=f"It answers {status}.",
            remedy="Ask those who run it for the right to store.",
        )
    said = _said(link, path, uid, body)
    if said is not None:
        return said
    # An answer that does not name the object, or is in XML: only the PACS itself can tell.
    try:
        there = status < 400 and _is_there(link, header)
    except GatewayError as gone:
        raise _UnknownError(gone) from gone
    return Stored(path, uid) if there else Refused(path, uid, f"it answers {status}")


def _post(link: Link, path: Path) -> tuple[int, bytes]:
    try:
        part = FilePart(path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check that it is still there.",
        ) from error
    with part:
        return link.post("studies", part, part.content_type)


def _said(link: Link, path: Path, uid: str, body: bytes) -> Stored | Refused | None:
    """What an answer says of the object; None when it does not."""
    try:
        answers = link.items(body)
    except GatewayError:
        return None
    for answer in answers:
        for item in values.items(answer, _FAILED):
            if values.uid(item, _INSTANCE) == uid:
                reason = values.integer(item, _REASON)
                if reason == _DUPLICATE:
                    return Stored(path, uid, _meaning(reason))
                return Refused(path, uid, _meaning(reason))
        for item in values.items(answer, _REFERENCED):
            if values.uid(item, _INSTANCE) == uid:
                warning = values.integer(item, _WARNING)
                return Stored(path, uid, None if warning is None else _meaning(warning))
    return None


def _meaning(code: int | None) -> str:
    if code is None:
        return "no reason given"
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code >> 8) or "see PS3.18 table I.2-2"
    return f"{meaning} ({code:04X})"


def _is_there(link: Link, header: Dataset) -> bool:
    """Whether the PACS has an object."""
    uid = str(header.SOPInstanceUID)
    path = f"studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}/instances"
    found, _ = link.listing(path, {"SOPInstanceUID": uid})
    return any(values.uid(item, "00080018") == uid for item in found)


def _header(path: Path) -> Dataset:
    """Who an object is.

    Raises:
        InputError: it is no DICOM file, or lacks a valid UID.
    """
    keywords = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"]
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=[*keywords])
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Give DICOM files.",
        ) from error
    except Exception as error:  # damaged bytes raise many kinds of error in pydicom
        raise InputError(
            f"cannot store {path}", cause="It is no DICOM file.", remedy="Give DICOM files."
        ) from error
    for keyword in keywords:
        if not _is_known(header, keyword):
            raise InputError(
                f"cannot store {path}",
                cause=f"Its {keyword} is missing or malformed.",
                remedy="Export it again.",
            )
    return header


def _is_known(header: Dataset, keyword: str) -> bool:
    """Whether a UID is there and well formed."""
    return values.is_uid(text(header, keyword))
