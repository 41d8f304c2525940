"""What a turn computes: a session's first mask and its correction, and after them its places."""

import time
from dataclasses import replace

from lesionloop.quantification import split_lesions
from lesionloop.segmenters.protocol import StepFailureError
from lesionloop.viewer.computing import find_places, take_snapshot
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.opened import Opened, Waiting
from lesionloop.viewer.snapshot import Snapshot
from lesionloop.viewer.store import Outcome, Store
from lesionloop.viewer.warm import Desktop, WarmStudies
from lesionloop.viewer.work import Turn

__all__ = ["Turns"]


class Turns:
    """Computes turns, of several sessions at once; figures go to the store.

    Args:
        warm: studies and segmenters at work on them.
        store: gets what came of each step.
        identity: of the segmenter, under which that is kept.
    """

    def __init__(self, warm: WarmStudies, store: Store, identity: str) -> None:
        self._warm, self._store, self._identity = warm, store, identity

    def compute(self, held: Opened, turn: Turn[Waiting]) -> Snapshot:
        """The snapshot of the document that a turn is for.

        Raises:
            CancelledError: the turn is to stop; all that was noted then is right.
            StepFailureError: a segmenter from outside failed.
            InputError: the study cannot be read or segmented.
        """
        start, document = time.monotonic(), turn.document
        with turn.at("reading"):
            desktop = self._desktop(held)
        held.introduce(desktop.study)
        with turn.at("first mask"):
            desktop.session(document.start)  # which takes most of the time when it is not warm
            beginning = document.first()
            if held.first is None or held.first[0].start != beginning.start:
                # Before the strokes: what is warm stays theirs.
                first = split_lesions(desktop.evaluator.mask(beginning))
                held.first = (beginning, LabelMap.of(first))
        try:
            with turn.at("correction" if document.actions else "first mask"):
                snapshot = take_snapshot(desktop, document, held.current, start)
        except StepFailureError:
            if held.current is None and document.actions:
                # A session that nobody can open is one in which nobody can undo.
                with turn.at("first mask"):
                    before = take_snapshot(desktop, replace(beginning, revision=0), None, start)
                with held.lock:
                    held.remember(before)
            raise
        self._note(held, snapshot)
        return snapshot

    def look(self, held: Opened, current: Snapshot, turn: Turn[Waiting]) -> None:
        """Find the places of a snapshot whose mask is told already.

        Raises:
            CancelledError: the turn is to stop.
        """
        with turn.at(None):
            places = find_places(self._desktop(held), current.document)
        with held.lock:
            if held.current is current:
                held.current = replace(current, places=places, places_revision=current.revision)

    def _desktop(self, held: Opened) -> Desktop:
        return self._warm.desktop(held.row.id, held.entry, manual=held.row.arm == "manual")

    def _note(self, held: Opened, snapshot: Snapshot) -> None:
        """Keep the figures for the curve."""
        actions = snapshot.document.actions
        number = actions[-1].number if actions else 0
        sums = snapshot.totals
        outcome = Outcome(number, sums.mtv_ml, sums.tlg, sums.count, snapshot.seconds)
        with held.lock:
            held.outcomes[number] = outcome
        self._store.keep(held.row.id, self._identity, outcome)
