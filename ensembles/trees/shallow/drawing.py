"""Draw rows by their weights, as boosting by resampling does."""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, types, uint64

from ensembles.trees.compiling import kernel, reads, smaller_of

Array = Any


@kernel(types.void(reads(float64, 1), reads(float64, 1), int32[::1], int32[::1]))
def count_draws(reached: Array, uniform: Array, guide: Array, counts: Array) -> None:
    """Count how often each row is drawn: the first whose `reached` exceeds a uniform number.

    `reached` ascends to one. The guide says where to begin (Chen, Asau 1974), so that a draw takes
    a step or two in place of a binary search.
    """
    n = len(reached)
    row = 0
    for part_ in range(n):
        while row < n - 1 and reached[row] * n <= part_:
            row += 1
        guide[part_] = row
        counts[part_] = 0
    for i in range(uint64(len(uniform))):
        row = guide[smaller_of(int64(uniform[i] * n), n - 1)]
        while row > 0 and reached[row - 1] > uniform[i]:
            row -= 1
        while row < n - 1 and reached[row] <= uniform[i]:
            row += 1
        counts[row] += 1
