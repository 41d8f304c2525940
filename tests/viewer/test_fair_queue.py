"""Turns: each session once at a time, a greedy one behind the others."""

import threading
import time

from lesionloop.viewer.fair_queue import FairQueue


def test_a_greedy_session_waits_its_turn() -> None:
    order: list[str] = []
    gate = threading.Event()

    def work(session: str) -> None:
        gate.wait(5)
        order.append(session)
        if session == "greedy" and order.count("greedy") < 4:
            queue.ask("greedy")

    queue = FairQueue(work)
    for session in ("greedy", "a", "b", "greedy", "a"):
        queue.ask(session)
    gate.set()
    deadline = time.monotonic() + 5
    while len(order) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    queue.close()
    assert order == ["greedy", "a", "b", "greedy", "greedy", "greedy"]


def test_a_session_is_never_worked_on_twice_at_a_time() -> None:
    busy: set[str] = set()
    wrong: list[str] = []
    turns = 0

    def work(session: str) -> None:
        nonlocal turns
        if session in busy:
            wrong.append(session)
        busy.add(session)
        time.sleep(0.001)
        busy.discard(session)
        turns += 1
        if turns == 50:
            raise RuntimeError("work that fails ends no thread")

    queue = FairQueue(work, threads=4)
    for number in range(300):
        queue.ask(f"s{number % 5}")
        time.sleep(0.0005)
    time.sleep(0.05)
    queue.close()
    assert not wrong
    assert turns > 60
