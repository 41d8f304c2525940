"""What the readings of a study were begun with, kept beside the sessions.

A reader's plan must not change once they have begun, and neither may the segmenter nor the studies
behind the cases: a protocol that was edited by mistake is refused when the server starts, not found
out at the end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lesionloop.errors import InputError
from lesionloop.output import write_json
from lesionloop.reader_study.plan import readings_of
from lesionloop.reader_study.protocol import Protocol

__all__ = ["FOLDER", "Begun", "mask_path"]

#: Below the state folder: this record, and the masks as readers left them.
FOLDER: Final = "reader-study"
_FILE: Final = "begun.json"


def mask_path(state: Path, session: str) -> Path:
    """The mask of a session as it was when its reader finished, in a state folder."""
    return state / FOLDER / f"{session}.nii.gz"


@dataclass(frozen=True)
class Begun:
    """What a study was begun with.

    Args:
        segmenter: its identity.
        studies: case of the protocol -> id of its study.
        plans: reader who has begun -> case, arm and period of their readings in order.
    """

    segmenter: Mapping[str, Any] = field(default_factory=dict)
    studies: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, list[list[Any]]] = field(default_factory=dict)

    @staticmethod
    def read(state: Path) -> "Begun":
        """What a state folder has; empty when nobody has begun.

        Raises:
            InputError: it is damaged.
        """
        path = state / FOLDER / _FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return Begun(found["segmenter"], found["studies"], found["plans"])
        except FileNotFoundError:
            return Begun()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"cannot read {path}", cause=f"{error!r}.", remedy="Bring it back from a backup."
            ) from error

    def write(self, state: Path) -> None:
        """Keep it in a state folder, whole or not at all.

        Raises:
            OutputError: the folder cannot be written.
        """
        told = {"segmenter": self.segmenter, "studies": self.studies, "plans": self.plans}
        write_json(state / FOLDER / _FILE, told)

    def with_reader(
        self, protocol: Protocol, reader: str, segmenter: object, studies: Mapping[str, str]
    ) -> "Begun":
        """The same, and that a reader has begun."""
        plans = {**self.plans, reader: _plan(protocol, reader)}
        return replace(self, segmenter=_plain(segmenter), studies=dict(studies), plans=plans)

    def check(self, protocol: Protocol, segmenter: object, studies: Mapping[str, str]) -> None:
        """Refuse to go on with another plan, segmenter or studies.

        Raises:
            InputError: what is not as it was.
        """
        self.check_plan(protocol)
        if not self.plans:
            return
        remedy = "Go on as it was begun, or begin anew with another --state folder."
        if self.segmenter != _plain(segmenter):
            raise InputError(
                "the readings of this study were begun with another segmenter",
                cause=f"It was {json.dumps(self.segmenter)}.",
                remedy=remedy,
            )
        if self.studies != studies:
            raise InputError(
                "the readings of this study were begun with other studies behind the cases",
                cause="Files were moved, or the data folder is another one.",
                remedy=remedy,
            )

    def check_plan(self, protocol: Protocol) -> None:
        """Refuse a protocol by which a reader who has begun would go on otherwise.

        Raises:
            InputError: the reader is missing, or their plan is another.
        """
        for reader, plan in self.plans.items():
            if reader not in protocol.readers or _plan(protocol, reader) != plan:
                raise InputError(
                    f"the protocol is not the one that {reader} began with",
                    cause="Its design, seed, cases or readers were changed since.",
                    remedy="Bring it back as it was; only new readers may be added, at the end.",
                )


def _plan(protocol: Protocol, reader: str) -> list[list[Any]]:
    return [[r.case, r.arm, r.period] for r in readings_of(protocol, reader)]


def _plain(identity: object) -> Any:
    return json.loads(json.dumps(identity, default=str))
