"""Addresses: a seed and numbers, from which randomness comes whoever asks, whenever."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensembles.parameters import (
    is_whole,
)

FAMILY = 0x656E7365  # "ense"
"""The first word of every address."""


def seed_of(random_state: Any) -> int:
    """Turn a ``random_state`` into the first word of every address: an integer seed.

    An integer is the seed itself. A ``RandomState`` or ``Generator`` is asked for one number, so it
    moves on. None asks the operating system; numpy's global generator is never touched.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    if is_whole(random_state) and random_state >= 0:
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(np.iinfo(np.int32).max))
    raise ValueError(
        "random_state must be None, an integer >= 0, a numpy RandomState or a numpy Generator; "
        f"got {random_state!r}."
    )


def generator(seed: int, *address: int) -> np.random.Generator:
    """Return the generator that lives at ``(seed, *address)``.

    The family's own first word keeps every stream apart from ``np.random.default_rng(seed)``, which
    may have made the very data that is drawn from.
    """
    words = (seed, 0, 0, 0, FAMILY, *address)
    if max(words) < 2**32:  # the words that the sequence makes of a key, in half of its time
        sequence = np.random.SeedSequence(np.array(words, np.uint32))
    else:
        sequence = np.random.SeedSequence(seed, spawn_key=(FAMILY, *address))
    return np.random.Generator(np.random.PCG64(sequence))
