"""A study's first pass is made once for all who read it.

The first mask is a function of the study and the segmenter alone. A session on a study that another
session is at work on begins from that one, where the segmenter can do so; of two that are opened at
once the second waits for the first. Nothing is kept for it: when the last session on a study has
gone, its first pass has gone with it, and what is shared counts with every session that has it.
"""

from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from lesionloop.imaging import Study
from lesionloop.progress import tell
from lesionloop.segmenters.protocol import Repeatable, Segmenter, Session

__all__ = ["Openings"]

#: Who waits for another's first pass looks so often whether they are still waited for, s.
_LOOK_S: Final = 0.2


class Openings:
    """Sessions of one segmenter; opened from any thread."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._guard = Lock()
        # By the study's object: the same file read again may be another study.
        self._at_work: WeakKeyDictionary[Study, tuple[Lock, WeakSet[Session]]] = WeakKeyDictionary()

    def open(self, study: Study) -> Session:
        """A session on a study, as if it had been opened by itself.

        Raises:
            InputError: the study is not one that the segmenter can work on.
            CancelledError: it is to stop.
        """
        with self._guard:
            making, sessions = self._at_work.setdefault(study, (Lock(), WeakSet()))
        while not making.acquire(timeout=_LOOK_S):
            tell(0.0)
        try:
            known = next(iter(sessions), None)
            session = known.afresh() if isinstance(known, Repeatable) else None
            if session is None:
                session = self._segmenter.open(study)
            if isinstance(session, Repeatable):
                sessions.add(session)
            return session
        finally:
            making.release()
