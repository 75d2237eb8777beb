"""Seeds of learners: by address for members on draws, in turn for members in sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ensembles.members.learners import library_of, twin
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


class Mould:
    """Makes clones of a learner, every ``random_state`` in them with a seed of its own.

    What all clones have in common is found out once. Where plain parameters are all that a learner
    consists of, a copy of them is what `clone` comes to, at a tenth of the cost.
    """

    def __init__(self, learner: Any) -> None:
        self._learner = learner
        self.names = _seeds_of(learner)
        self._plain = _is_plain(learner)

    def cast(self, seeds: Sequence[int]) -> Any:
        """Return a new learner with these seeds, in the order of ``names``."""
        given = dict(zip(self.names, seeds, strict=True))
        if not self._plain:
            return clone(self._learner).set_params(**given)
        made = twin(self._learner)
        vars(made).update(given)
        return made


def _is_plain(learner: Any) -> bool:
    """Tell whether plain values, set and copied as scikit-learn does, are all there is to it."""
    kind, state = type(learner), vars(learner)
    usual = ("__new__", "__setattr__", "__sklearn_clone__", "get_params", "set_params")
    return (
        all(getattr(kind, name, None) is getattr(BaseEstimator, name) for name in usual)
        and state.keys() == learner.get_params(deep=False).keys()
        and all(type(value) in (bool, float, int, str, type(None)) for value in state.values())
    )
