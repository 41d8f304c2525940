"""The library: the studies of a data folder, and of folders that others fill while it is served."""

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.output import make_folder
from lesionloop.viewer.refusals import MissingError
from lesionloop.viewer.study_folder import Source, StudyEntry, StudyFolder

__all__ = ["Library", "Source", "StudyEntry"]

#: A listing holds this long, s.
_FRESH_S = 5.0


class Library:
    """The studies below some folders; looks again when asked after a while. Any thread may ask."""

    def __init__(self, folder: Path, more: Mapping[Source, Path] | None = None) -> None:
        """Look into folders.

        Args:
            folder: the data folder; it may be empty.
            more: by what fills them, folders of which each folder below is one arrival, such as an
                upload; they are made when missing. Inside the data folder they do not count as it.

        Raises:
            InputError: there is no such data folder.
            OutputError: a further one cannot be made.
        """
        if not folder.is_dir():
            raise InputError(
                f"cannot serve {folder}",
                cause="It is a file." if folder.exists() else "There is no such folder.",
                remedy="Give the folder that holds the studies.",
            )
        further = {
            source: StudyFolder(make_folder(place), source)
            for source, place in (more or {}).items()
        }
        but = frozenset(found.root for found in further.values())
        self._folders: dict[Source, StudyFolder] = {
            "folder": StudyFolder(folder, but=but),
            **further,
        }
        self._lock = Lock()
        self._entries: dict[str, StudyEntry] = {}
        self._looked = -1e9

    @property
    def root(self) -> Path:
        """The data folder, without links."""
        return self._folders["folder"].root

    def entries(self) -> list[StudyEntry]:
        """All studies by name."""
        with self._lock:
            if time.monotonic() - self._looked > _FRESH_S:
                self._entries = {
                    entry.id: entry
                    for folder in self._folders.values()
                    for entry in folder.studies()
                }
                self._looked = time.monotonic()
            return sorted(self._entries.values(), key=lambda entry: (entry.name, entry.id))

    def refresh(self) -> None:
        """Something came or went: forget what has gone, and look again when asked next."""
        with self._lock:
            self._entries = {key: e for key, e in self._entries.items() if e.pet.exists()}
            self._looked = -1e9

    def entry(self, study: str) -> StudyEntry:
        """A study by its id.

        Raises:
            MissingError: there is none.
        """
        found = self._entries.get(study) or next((e for e in self.entries() if e.id == study), None)
        if found is None:
            raise MissingError("there is no such study", remedy="Load the list of studies again.")
        return found

    def read(self, entry: StudyEntry) -> Study:
        """Read a study; its paths are checked once more.

        A DICOM PET without what SUV needs is read as activity, and says so.

        Raises:
            InputError: it is damaged, or a link leads out of its folder.
        """
        return self._folders[entry.source].read(entry)
