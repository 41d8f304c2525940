"""Times of a session from its log: active, waiting for the model, and idle, each apart.

The log is cut at its events. What lies between two of them is

- away, and counted nowhere, from "done" until the session is reopened;
- idle, from "pause" (the page was hidden) until the next event;
- otherwise waiting, as long as the answer to the first of the two was computed; and of the rest
  active where it is at most a minute, and idle where it is more.

So the three sum to the time from the first event to the last that counts. Where the clock was set
back nothing is counted. Computing seconds are those of the server: the time on the network and in
the queue of a busy server counts as active, and so does what a step of undo takes, of which none
are recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol

__all__ = ["IDLE_S", "Effort", "Logged", "Times", "effort_of", "gaps", "times_of"]

#: A gap above this is idle, s. A choice: the same as in the viewer's table of activity.
IDLE_S: Final = 60.0


class Logged(Protocol):
    """An event of a log: number from 1, Unix time in s, kind, and what belongs to the kind."""

    @property
    def number(self) -> int: ...
    @property
    def time(self) -> float: ...
    @property
    def kind(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Times:
    """Seconds of a session.

    Args:
        active_s: the reader was at work.
        wait_s: the model was.
        idle_s: nobody was.
    """

    active_s: float = 0.0
    wait_s: float = 0.0
    idle_s: float = 0.0

    @property
    def task_s(self) -> float:
        """What the case took its reader: active and waiting."""
        return self.active_s + self.wait_s

    def __add__(self, other: "Times") -> "Times":
        return Times(
            self.active_s + other.active_s, self.wait_s + other.wait_s, self.idle_s + other.idle_s
        )


def gaps(
    log: Sequence[Logged], computing: Mapping[int, float] | None = None, *, idle_s: float = IDLE_S
) -> list[tuple[int, Times]]:
    """What lies between each event and the next, by the number of the event that ends it.

    Args:
        log: in order.
        computing: seconds that the answer to an event was computed, by the event's number.
        idle_s: a gap above this is idle.
    """
    found = []
    done = False
    for before, after in pairwise(log):
        done = before.kind == "done" or (done and before.kind != "reopen")
        gap = after.time - before.time
        if done or gap <= 0:
            times = Times()
        elif before.kind == "pause":
            times = Times(idle_s=gap)
        else:
            wait = min((computing or {}).get(before.number, 0.0), gap)
            rest = gap - wait
            times = Times(rest, wait) if rest <= idle_s else Times(0.0, wait, rest)
        found.append((after.number, times))
    return found


def times_of(
    log: Sequence[Logged], computing: Mapping[int, float] | None = None, *, idle_s: float = IDLE_S
) -> Times:
    """The seconds of a whole log; see :func:`gaps`."""
    return sum((times for _, times in gaps(log, computing, idle_s=idle_s)), Times())


@dataclass(frozen=True)
class Effort:
    """What a reader did.

    Args:
        foreground, background: strokes drawn, those taken back too.
        undone: steps of undo.
        accepted: marks that accept a lesion.
        done: Unix time at which they finished, s; None when they have not, or have reopened.
        confidence: from 1 to 5 as given with that; None when not asked.
    """

    foreground: int
    background: int
    undone: int
    accepted: int
    done: float | None
    confidence: int | None


def effort_of(log: Iterable[Logged]) -> Effort:
    """Count the events of a log."""
    events = list(log)
    strokes = [event.data["label"] for event in events if event.kind == "scribble"]
    ends = [event for event in events if event.kind in ("done", "reopen")]
    end = ends[-1] if ends and ends[-1].kind == "done" else None
    return Effort(
        foreground=strokes.count("foreground"),
        background=strokes.count("background"),
        undone=sum(event.kind == "undo" for event in events),
        accepted=sum(event.kind == "accept" for event in events),
        done=None if end is None else end.time,
        confidence=None if end is None else end.data.get("confidence"),
    )
