"""Taking out studies that came while the server ran: uploads, and what was fetched from a PACS.

A study that a session uses stays: without its images what was drawn could not be shown.
"""

import shutil
from collections.abc import Callable, Set
from pathlib import Path
from typing import Final
from uuid import uuid4

from lesionloop.output import make_folder
from lesionloop.viewer.library import Library
from lesionloop.viewer.refusals import ConflictError
from lesionloop.viewer.store import Store

__all__ = ["FetchedStudies", "take_out"]

#: Below the folder of all that was fetched: what is under way, or about to be removed.
_ASIDE: Final = ".incoming"
_REMOVED: Final = "removed-"


def take_out(
    place: Path,
    aside: Path,
    studies: Set[str],
    *,
    library: Library,
    store: Store,
    forget: Callable[[str], None],
    what: str,
) -> None:
    """Remove a folder with studies that no session uses.

    Args:
        place: the folder, in one of the library's.
        aside: where no study is looked for, on the same disk: renamed to it, the folder is gone at
            once, however long removing its files takes.
        studies: ids of those in it.
        library: is told.
        store: knows which studies have sessions.
        forget: told the id of each.
        what: "upload", for messages.

    Raises:
        ConflictError: a session uses one of them.
    """
    if any(row.study in studies for row in store.sessions()):
        raise ConflictError(
            f"a session uses this {what}",
            cause="Without its images what was drawn could not be shown.",
            remedy="Keep it as long as the session is needed.",
        )
    place.rename(aside)
    library.refresh()
    for study in studies:
        forget(study)
    shutil.rmtree(aside, ignore_errors=True)


class FetchedStudies:
    """What was fetched from a PACS, which need not be there any more; asked from any thread."""

    def __init__(
        self, folder: Path, library: Library, store: Store, forget: Callable[[str], None]
    ) -> None:
        """Use a folder of the library, and clear away what an earlier run was removing.

        Args:
            folder: with a folder for each study.
            library: has them.
            store: knows which studies have sessions.
            forget: told the id of each study that is removed.

        Raises:
            OutputError: the folder cannot be made.
        """
        self._folder = make_folder(folder).resolve()
        self._library, self._store, self._forget = library, store, forget
        self._aside = make_folder(self._folder / _ASIDE)
        for place in self._aside.glob(f"{_REMOVED}*"):
            shutil.rmtree(place, ignore_errors=True)

    def remove(self, study: str) -> None:
        """Remove a fetched study; it can be fetched again.

        Raises:
            MissingError: there is no such study.
            ConflictError: a session uses it, or it was not fetched.
        """
        entry = self._library.entry(study)
        if entry.source != "pacs":
            uploaded = entry.source == "upload"
            raise ConflictError(
                "this study was not fetched from a PACS",
                cause="It was uploaded." if uploaded else "It is in the data folder.",
                remedy="Remove its upload." if uploaded else "Take its files out of the folder.",
            )
        place = self._folder / entry.pet.relative_to(self._folder).parts[0]
        inside = {e.id for e in self._library.entries() if e.pet.is_relative_to(place)}
        take_out(
            place,
            self._aside / f"{_REMOVED}{uuid4().hex}",
            inside,
            library=self._library,
            store=self._store,
            forget=self._forget,
            what="study",
        )
