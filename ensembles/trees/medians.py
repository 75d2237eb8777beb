"""The weighted median of a forest's answers, row by row, without sorting a row.

All leaves of the forest are ranked by value once. The median of a row is the first rank up to which
its trees have half of the weight: found bit by bit, for 32 rows at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64, types, uint64

from ensembles.trees.compiling import kernel, part, reads, smaller_of
from ensembles.trees.vectors import LANES, add_where

Array = Any
HALF = 1 << 29
"""Half of the weight, in the unit in which weights are whole numbers."""


@part
def first_at_half(sums: Array) -> Any:
    """Return the first rank up to which half of the weight is reached."""
    whole = 0.0
    for rank in range(len(sums)):
        whole += sums[rank]
    rank, reached = 0, sums[0]
    while reached < 0.5 * whole:
        rank += 1
        reached += sums[rank]
    return rank


@kernel(
    types.void(
        reads(int32, 2),
        reads(int32, 1),
        reads(float64, 1),
        reads(float64, 1),
        reads(int32, 1),
        int64,
        int32[:, ::1],
        int32[:, ::1],
        float64[::1],
        float64[::1],
    )
)
def find_medians(
    places: Array,
    ranks: Array,
    values: Array,
    weights: Array,
    whole: Array,
    doubt: int,
    sheet: Array,
    found: Array,
    sums: Array,
    medians: Array,
) -> None:
    """Write the weighted median of each row's leaves.

    `places` (n_trees, n_rows) are leaves, `ranks` the rank of each leaf, `values` (n_ranks,) the
    values in order. `whole` are the weights as whole numbers; sums of them that differ from HALF by
    no more than `doubt` are made again of the weights themselves in the order of the ranks, as
    sorting the row would. `sheet` (n_trees + 1, LANES) and `found` (4, LANES) are room; `sums`
    (n_ranks,) are zero, and left so.
    """
    n_trees, n_rows = uint64(places.shape[0]), uint64(places.shape[1])
    first, reached, below, above = found[0], found[1], found[2], found[3]
    tried = sheet[n_trees]
    largest = 1
    while largest < len(values):
        largest *= 2
    for start in range(0, n_rows, LANES):
        n = smaller_of(LANES, n_rows - start)
        for tree in range(n_trees):
            for lane in range(n):
                sheet[tree, lane] = ranks[uint64(places[tree, start + lane])]
        for lane in range(uint64(LANES)):
            first[lane], below[lane], above[lane] = 0, 0, 0
        step = largest
        while step > 0:
            for lane in range(uint64(LANES)):
                tried[lane] = first[lane] + step - 1
                reached[lane] = 0
            for tree in range(n_trees):
                add_where(found, LANES, sheet, tree * LANES, n_trees * LANES, whole[tree])
            for lane in range(uint64(LANES)):
                less = reached[lane] < HALF
                first[lane] += step if less else 0
                below[lane] = reached[lane] if less else below[lane]
                above[lane] = above[lane] if less else reached[lane]
            step >>= 1
        for lane in range(n):
            rank = int64(first[lane])
            if below[lane] >= HALF - doubt or above[lane] < HALF + doubt:
                for tree in range(n_trees):
                    sums[uint64(sheet[tree, lane])] += weights[tree]
                rank = first_at_half(sums)
                for tree in range(n_trees):
                    sums[uint64(sheet[tree, lane])] = 0.0
            medians[start + lane] = values[rank]


def ranked(values: Any) -> tuple[Any, Any]:
    """Return the rank of each value, and the values in order."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order))
    return ranks, np.ascontiguousarray(values[order])


def in_whole_numbers(weights: Any) -> tuple[Any, int]:
    """Return the weights in whole numbers of a sum of about 2 HALF, and how far from the truth a
    sum of some of them may be.
    """
    scaled = weights / weights.sum() * (2 * HALF)
    whole = np.rint(scaled).astype(np.int32)
    errors = whole - scaled
    return whole, 1 + int(max(errors[errors > 0].sum(), -errors[errors < 0].sum()))
