"""The plan: everybody reads what they should, balanced, and the same on every machine."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lesionloop.reader_study import Protocol, Reading, plan_readings
from lesionloop.reader_study.protocol import Arm, Design

BOTH: tuple[Arm, ...] = ("manual", "assisted")


def protocol(
    readers: int,
    cases: int,
    seed: int = 1,
    design: Design = "crossover",
    arms: tuple[Arm, ...] = BOTH,
) -> Protocol:
    return Protocol(
        title="t", design=design, arms=arms, seed=seed, washout_days=14,
        readers=tuple(f"reader {n}" for n in range(readers)),
        cases=tuple(f"patient-{n}" for n in range(cases)),
        instructions="", arm_text={},
    )  # fmt: skip


def of(plan: list[Reading], **wanted: object) -> list[Reading]:
    return [r for r in plan if all(getattr(r, key) == value for key, value in wanted.items())]


MANY = st.integers(1, 7), st.integers(1, 9), st.integers(-(2**40), 2**40)


@given(*MANY)
def test_a_crossover_is_balanced(readers: int, cases: int, seed: int) -> None:
    asked = protocol(readers, cases, seed)
    plan = plan_readings(asked)
    assert plan == plan_readings(protocol(readers, cases, seed))
    for reader in asked.readers:
        mine = of(plan, reader=reader)
        assert [r.position for r in mine] == list(range(1, 2 * cases + 1))
        assert [r.period for r in mine] == [1] * cases + [2] * cases
        # Every case once in each arm, and once in each period.
        assert Counter((r.case, r.arm) for r in mine) == dict.fromkeys(
            ((case, arm) for case in asked.cases for arm in BOTH), 1
        )
        assert Counter((r.case, r.period) for r in mine) == dict.fromkeys(
            ((case, period) for case in asked.cases for period in (1, 2)), 1
        )
        for period in (1, 2):
            arms = [r.arm for r in of(mine, period=period)]
            assert abs(arms.count("manual") - arms.count("assisted")) <= 1
            # In no part of the period one arm is ahead by more than one.
            ahead = 0
            for arm in arms:
                ahead += 1 if arm == "manual" else -1
                assert abs(ahead) <= 1
    for case in asked.cases:
        first = [r.arm for r in of(plan, case=case, period=1)]
        assert abs(first.count("manual") - first.count("assisted")) <= readers % 2


@given(*MANY)
def test_in_parallel_each_case_is_read_once_by_each(readers: int, cases: int, seed: int) -> None:
    asked = protocol(readers, cases, seed, "parallel")
    plan = plan_readings(asked)
    assert len(plan) == readers * cases
    for reader in asked.readers:
        mine = of(plan, reader=reader)
        assert sorted(r.case for r in mine) == sorted(asked.cases)
        assert abs(len(of(mine, arm="manual")) - len(of(mine, arm="assisted"))) <= 1
    for case in asked.cases:
        arms = [r.arm for r in of(plan, case=case)]
        assert abs(arms.count("manual") - arms.count("assisted")) <= readers % 2


@given(st.sampled_from(BOTH), *MANY)
def test_a_single_arm(arm: Arm, readers: int, cases: int, seed: int) -> None:
    plan = plan_readings(protocol(readers, cases, seed, "single", (arm,)))
    assert {r.arm for r in plan} == {arm}
    assert len(plan) == readers * cases


@given(*MANY)
def test_labels_tell_the_position_and_no_more(readers: int, cases: int, seed: int) -> None:
    plan = plan_readings(protocol(readers, cases, seed))
    for reading in plan:
        assert reading.label == f"Case {reading.position}"


def test_order_and_arms_are_drawn() -> None:
    """Over many seeds cases come first about as often, and begin in each arm half the time."""
    firsts: Counter[str] = Counter()
    manual = alike = 0
    for seed in range(400):
        plan = plan_readings(protocol(2, 4, seed))
        firsts[plan[0].case] += 1
        manual += of(plan, reader="reader 0", period=1, case="patient-0")[0].arm == "manual"
        orders = [[r.case for r in of(plan, reader="reader 0", period=p)] for p in (1, 2)]
        alike += orders[0] == orders[1]
    # Binomial, 400 draws: five standard deviations are 43 and 50.
    assert all(abs(firsts[f"patient-{n}"] - 100) < 43 for n in range(4))
    assert abs(manual - 200) < 50
    assert alike < 60  # the second period has an order of its own


def test_more_readers_change_nobody_s_plan() -> None:
    few, many = plan_readings(protocol(2, 5)), plan_readings(protocol(5, 5))
    assert many[: len(few)] == few


def test_the_plan_is_the_one_it_always_was() -> None:
    """Written down once: a study that is under way must go on the same after an update."""
    plan = plan_readings(protocol(2, 4, seed=7))
    told = [f"{r.case[-1]}{r.arm[0]}" for r in plan]
    assert " ".join(told) == "2m 0a 1a 3m 1m 2a 0m 3a 3a 0m 2a 1m 0a 3m 1a 2m"
