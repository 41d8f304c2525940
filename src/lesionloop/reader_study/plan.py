"""The plan: which reader reads which case when, and in which arm, from the protocol alone.

What is drawn is sorted by a hash of the seed and of what it is drawn for. So a plan is the same on
every machine and with every version of every library, which the generators of random numbers do
not promise; a study goes on for weeks. Readers who are added at the end change nobody else's plan.

Readers are taken in pairs, in the order of the protocol: for each pair half of the cases are drawn
that its first reader begins with (crossover) or reads (parallel) in the first arm, and its second
reader has it the other way round. With an odd number of cases the halves differ by one. Within a
period arms come in blocks of two, one of each in drawn order, so that practice and fatigue fall on
both alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from lesionloop.reader_study.protocol import Arm, Protocol

__all__ = ["Reading", "plan_readings", "readings_of"]


@dataclass(frozen=True)
class Reading:
    """One reader on one case in one arm.

    Args:
        reader: name.
        position: from 1, without gaps for a reader.
        period: 1, or 2 in a crossover.
        case: as the protocol names it; never shown to readers.
        arm: with or without assistance.
    """

    reader: str
    position: int
    period: int
    case: str
    arm: Arm

    @property
    def label(self) -> str:
        """What readers see in place of the case's name: it tells the position and no more."""
        return f"Case {self.position}"


def plan_readings(protocol: Protocol) -> list[Reading]:
    """All readings, reader by reader in their order of reading."""
    return [reading for reader in protocol.readers for reading in readings_of(protocol, reader)]


def readings_of(protocol: Protocol, reader: str) -> list[Reading]:
    """The readings of one reader of the protocol, in order."""
    arms = _first_arms(protocol, reader)
    readings: list[Reading] = []
    for period in range(1, protocol.periods + 1):
        if period == 2:
            arms = {case: _other(protocol, arm) for case, arm in arms.items()}
        for case in _order(protocol, reader, period, arms):
            readings.append(Reading(reader, len(readings) + 1, period, case, arms[case]))
    return readings


def _first_arms(protocol: Protocol, reader: str) -> dict[str, Arm]:
    """The arm of each case in a reader's first period."""
    first = protocol.arms[0]
    if protocol.design == "single":
        return dict.fromkeys(protocol.cases, first)
    pair, second = divmod(protocol.readers.index(reader), 2)
    drawn = _drawn(protocol.cases, protocol.seed, "arms", pair)
    # By turns the larger half of an odd number begins with the first arm.
    half = (len(drawn) + (pair + 1) % 2) // 2
    arms = {case: first if n < half else protocol.arms[1] for n, case in enumerate(drawn)}
    return {case: _other(protocol, arm) for case, arm in arms.items()} if second else arms


def _other(protocol: Protocol, arm: Arm) -> Arm:
    return protocol.arms[1] if arm == protocol.arms[0] else protocol.arms[0]


def _order(protocol: Protocol, reader: str, period: int, arms: dict[str, Arm]) -> list[str]:
    """Cases of a period in the order of reading: blocks with one case of each arm."""
    drawn = _drawn(protocol.cases, protocol.seed, "order", reader, period)
    queues = [[case for case in drawn if arms[case] == arm] for arm in protocol.arms]
    order: list[str] = []
    for block in range(max(map(len, queues))):
        members = [queue[block] for queue in queues if block < len(queue)]
        order += _drawn(members, protocol.seed, "block", reader, period, block)
    return order


def _drawn(items: Sequence[str], *words: object) -> list[str]:
    """The items in an order drawn for the words."""

    def ticket(item: str) -> bytes:
        return blake2b("\n".join(map(str, (*words, item))).encode(), digest_size=16).digest()

    return sorted(items, key=ticket)
