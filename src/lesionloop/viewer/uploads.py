"""Uploads: studies that come through the page, from their first byte to a place in the library.

The folder of the uploads holds a folder for each finished one, named by its id. In its
``.incoming`` are those under way: ``files`` as they were sent and ``parts`` of what is being sent.
In ``.told`` is what was said when one was finished, for whoever asks again. An upload is opened in
the sandbox first, and only what could be opened there is kept.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final
from uuid import uuid4

from lesionloop.errors import InputError, OutputError
from lesionloop.output import make_folder, write_json
from lesionloop.viewer.incoming import MOST_BYTES, MOST_FILES, Incoming, IncomingFile
from lesionloop.viewer.library import Library
from lesionloop.viewer.refusals import ConflictError, MissingError
from lesionloop.viewer.removing import take_out
from lesionloop.viewer.sandbox import run_limited
from lesionloop.viewer.store import Store
from lesionloop.viewer.study_folder import files_below

__all__ = ["Uploads"]

_ID: Final = re.compile(r"[0-9a-f]{32}")
#: How long an unfinished upload, or what was said of a refused one, is kept, s.
_KEPT_S: Final = 24 * 3600
_MOST_STUDIES: Final = 200


class Uploads:
    """The uploads of a server; asked from any thread."""

    def __init__(
        self, folder: Path, library: Library, store: Store, forget: Callable[[str], None]
    ) -> None:
        """Use a folder, and remove what was left unfinished long ago.

        Args:
            folder: one of the library's.
            library: is told what came and went.
            store: knows which studies have sessions.
            forget: told the id of each study that is removed.

        Raises:
            OutputError: the folder cannot be made.
        """
        self._folder = make_folder(folder)
        self._library, self._store, self._forget = library, store, forget
        self._under_way = make_folder(folder / ".incoming")
        self._told = make_folder(folder / ".told")
        self._lock = Lock()
        self._known: dict[str, Incoming] = {}
        self._opening = Lock()  # one at a time: each may take a large part of the memory
        self._closing = Event()
        self._clean()

    def close(self) -> None:
        """Stop opening uploads; they stay unfinished."""
        self._closing.set()

    def begin(self) -> str:
        """The id of a new upload.

        Raises:
            OutputError: the disk is full.
        """
        upload = uuid4().hex
        with self._lock:
            self._known[upload] = Incoming(self._under_way / upload)
        return upload

    def add(self, upload: str, path: str) -> IncomingFile:
        """A file of an upload, to be written.

        Args:
            upload: id.
            path: relative, with "/"; a file that is there already is replaced.

        Raises:
            MissingError: there is no such upload.
            ConflictError: it is finished.
            TooLargeError: it has too many files.
            InputError: the name is not taken.
            OutputError: the disk is full.
        """
        return self._incoming(upload).add(path)

    def finish(self, upload: str) -> list[str]:
        """Unpack and open what came, keep the studies that can be opened; notes for the reader.

        Raises:
            MissingError: there is no such upload.
            ConflictError: files of it are still being sent, or the server ends.
            InputError: nothing of it can be opened.
            OutputError: the disk is full; it can be finished again.
        """
        if self._said(upload) is None:
            incoming = self._incoming(upload)
            with self._opening, incoming.finishing():
                if self._said(upload) is None:  # else another request finished it meanwhile
                    self._open(upload, incoming)
        said = self._said(upload)
        assert said is not None  # noqa: S101  (written above)
        if said["problem"] is not None:
            raise InputError(**said["problem"])
        notes: list[str] = said["notes"]
        return notes

    def remove(self, upload: str) -> None:
        """Remove an upload and all its files.

        Raises:
            MissingError: there is no such upload.
            ConflictError: a session uses it, or it is being opened.
        """
        place = self._folder / upload
        if not _ID.fullmatch(upload):
            raise _missing()
        if place.is_dir():
            self._remove_finished(upload, place)
        elif self._said(upload) is None:
            self._incoming(upload).remove()
        with self._lock:
            self._known.pop(upload, None)
        self._note_of(upload).unlink(missing_ok=True)

    def _remove_finished(self, upload: str, place: Path) -> None:
        studies = {entry.id for entry in self._library.entries() if entry.upload == upload}
        take_out(
            place,
            self._under_way / f"removed-{upload}",
            studies,
            library=self._library,
            store=self._store,
            forget=self._forget,
            what="upload",
        )

    def _open(self, upload: str, incoming: Incoming) -> None:
        folder = str(incoming.folder)
        found = run_limited(
            "lesionloop.viewer.intake:prepare",
            {"folder": folder, "most_bytes": MOST_BYTES, "most_files": MOST_FILES},
            cancelled=self._closing.is_set,
            subject="the upload",
        )
        problems, notes, kept = found["problems"], found["notes"], set()
        for number, study in enumerate(found["studies"]):
            try:
                self._examine(folder, study, number)
            except ConflictError:
                raise
            except InputError as error:
                told = {"what": error.what, "cause": error.cause, "remedy": error.remedy}
                problems.append(told)
            else:
                kept.update(study["files"])
        notes += [_sentence(problem) for problem in problems]
        if not kept:
            problem = problems[0] if problems else _nothing_found()
            write_json(self._note_of(upload), {"notes": notes, "problem": problem})
            incoming.discard()
            return
        left_out = _prune(incoming.files, kept)
        if left_out and not problems:
            notes.append(f"{left_out} files belong to no study and were not kept.")
        write_json(self._note_of(upload), {"notes": notes, "problem": None})
        incoming.files.rename(self._folder / upload)
        incoming.discard()
        self._library.refresh()

    def _examine(self, folder: str, study: dict[str, Any], number: int) -> None:
        if number >= _MOST_STUDIES:
            raise InputError(
                f"{study['name']} was left out",
                cause=f"An upload holds at most {_MOST_STUDIES} studies.",
                remedy="Give the others in another upload.",
            )
        run_limited(
            "lesionloop.viewer.intake:examine",
            {"folder": folder, "study": study["id"]},
            cancelled=self._closing.is_set,
            subject=study["name"],
        )

    def _incoming(self, upload: str) -> Incoming:
        """An upload under way; one of an earlier run of the server goes on."""
        with self._lock:
            place = self._under_way / upload
            known = self._known.get(upload)
            if known is None and _ID.fullmatch(upload) and place.is_dir():
                known = self._known[upload] = Incoming(place)
        if known is None or not place.is_dir():
            if self._said(upload) is not None:
                raise ConflictError("this upload is finished", remedy="Begin another one.")
            raise _missing()
        return known

    def _note_of(self, upload: str) -> Path:
        return self._told / f"{upload}.json"

    def _said(self, upload: str) -> dict[str, Any] | None:
        """What was said of a finished or refused upload; None when it is neither."""
        if not _ID.fullmatch(upload) or (self._under_way / upload).is_dir():
            return None  # when the server was killed between the two, it is finished again
        try:
            said: dict[str, Any] = json.loads(self._note_of(upload).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return said

    def _clean(self) -> None:
        now = time.time()
        for place in self._under_way.iterdir():
            inside = (place, place / "files", place / "parts")
            last = max(path.stat().st_mtime for path in inside if path.exists())
            if now - last > _KEPT_S or not _ID.fullmatch(place.name):
                shutil.rmtree(place, ignore_errors=True)
        for note in self._told.iterdir():
            gone = not (self._folder / note.stem).is_dir()
            if gone and now - note.stat().st_mtime > _KEPT_S:
                note.unlink(missing_ok=True)


def _prune(files: Path, kept: Iterable[str]) -> int:
    """Remove what belongs to no study that could be opened; how many files."""
    keep = {files / name for name in kept}
    others = [path for path in files_below(files) if path not in keep]
    try:
        for path in others:
            path.unlink()
    except OSError as error:
        raise OutputError("the upload cannot be sorted", cause=f"{error.strerror}.") from error
    for folder in sorted(files.rglob("*"), reverse=True):
        if folder.is_dir():
            with suppress(OSError):  # not empty
                folder.rmdir()
    return len(others)


def _sentence(problem: dict[str, str | None]) -> str:
    """A refusal as a note: "what: cause"."""
    what, cause = problem["what"], problem["cause"]
    return f"Left out: {what}." if cause is None else f"Left out: {what}. {cause}"


def _nothing_found() -> dict[str, str]:
    return {
        "what": "there is no study in this upload",
        "cause": "No imagesTr, no images with pet (and ct) in their names, no DICOM PET was found.",
        "remedy": "See docs/viewer.md for what can be opened.",
    }


def _missing() -> MissingError:
    return MissingError("there is no such upload", remedy="Begin another one.")
