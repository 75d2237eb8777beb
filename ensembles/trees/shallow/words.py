"""Write the words of the rows: their weight, and their weighted target above it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, uint64

from ensembles.trees.compiling import kernel, larger_of, reads

Array = Any


@kernel(int64(reads(float64, 1), reads(int64, 1), float64, int64, uint64[::1]))
def encode_classes(weights: Array, classes: Array, scale: float, shift: int, words: Array) -> int:
    """Write a word for each row: its weight times `scale`, at least one unless it is nothing.

    With a `shift` above 0 the weight is repeated there for rows of class 1. Returns the sum of the
    weights.
    """
    total = int64(0)
    for row in range(uint64(len(weights))):
        share = uint64(weights[row] * scale + 0.5)
        share = larger_of(share, uint64(weights[row] > 0.0))
        total += int64(share)
        words[row] = share
        if shift > 0:
            words[row] = share | ((share * uint64(classes[row])) << uint64(shift))
    return int(total)


@kernel(int64(reads(float64, 1), reads(float64, 1), float64, float64, int64, uint64[::1]))
def encode_reals(
    weights: Array, target: Array, scale: float, target_scale: float, shift: int, words: Array
) -> int:
    """Write a word for each row: its weight, and its weighted target above it.

    Returns the sum of the weights.
    """
    total = int64(0)
    for row in range(uint64(len(weights))):
        share = int64(weights[row] * scale + 0.5)
        share = larger_of(share, int64(weights[row] > 0.0))
        total += share
        whole = int64(np.rint(weights[row] * target[row] * target_scale))
        words[row] = uint64(share) + (uint64(whole) << uint64(shift))
    return int(total)


@kernel(float64(reads(float64, 1), reads(float64, 1)))
def absolute_sum(weights: Array, target: Array) -> float:
    """Return the sum of |weight * target|."""
    total = 0.0
    for row in range(uint64(len(weights))):
        total += abs(weights[row] * target[row])
    return total
