"""Seeds of learners: by address for members on draws, in turn for members in sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensembles.members.learners import library_of
from ensembles.members.recipes import FOR_SEEDS
from ensembles.resampling import generator


def seeded(learner: Any, seed: int, i: int) -> Any:
    """Give every ``random_state`` of the learner, nested ones too, a seed of its own."""
    rng = generator(seed, i, FOR_SEEDS)
    names = _seeds_of(learner)
    if not names and library_of(learner) == "catboost":  # it names only what was set
        names = ["random_seed"]
    return learner.set_params(**{name: seed_of(rng) for name in names})


def seed_of(rng: np.random.Generator) -> int:
    """Return a seed that every library takes."""
    return int(rng.integers(2**31 - 1))


def _seeds_of(learner: Any) -> list[str]:
    words = ("random_state", "random_seed")
    return sorted(n for n in learner.get_params() if n.rpartition("__")[2] in words)


def n_seeds(learner: Any) -> int:
    """Return how many numbers `seed_in_turn` takes from its tape."""
    return len(_seeds_of(learner))


def seed_in_turn(learner: Any, tape: np.random.RandomState) -> Any:
    """Give every ``random_state`` of the learner the next number of a tape.

    As scikit-learn's sequential ensembles do, so that equal seeds grow equal members.
    """
    most = np.iinfo(np.int32).max
    return learner.set_params(**{name: int(tape.randint(most)) for name in _seeds_of(learner)})
