"""Generators for a named draw: what is drawn does not depend on what was drawn before.

So the objects of a step are the same in one process and in several, and a run that was interrupted
needs no stored state to go on as if it had not been.
"""

import numpy as np
import torch

__all__ = ["seed_of", "seeded"]


def seed_of(*numbers: int) -> int:
    """A seed, from 0 to 2**63 - 1, that is a function of all the numbers (0 or more)."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seeded(*numbers: int) -> torch.Generator:
    """A generator on the CPU with that seed."""
    return torch.Generator().manual_seed(seed_of(*numbers))
