"""The weighted median of a forest's answers, row by row, without sorting a row.

All leaves of the forest are ranked by value once. A row's trees put their weights at the ranks of
its leaves; the median is where half of the weight is reached, sought among blocks of ranks first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64, types, uint64

from ensembles.trees.compiling import kernel, reads

Array = Any
NEARLY = 1e-9
"""Sums this close to a half, as a share of the weight, are summed again in the order of the ranks,
as sorting the row would: sums in another order differ in their last bits.
"""


@kernel(
    types.void(
        reads(int32, 2),
        reads(int64, 1),
        reads(float64, 1),
        reads(float64, 1),
        int64,
        float64[::1],
        float64[::1],
        float64[::1],
    )
)
def find_medians(
    places: Array,
    ranks: Array,
    values: Array,
    weights: Array,
    shift: int,
    fine: Array,
    coarse: Array,
    medians: Array,
) -> None:
    """Write the weighted median of each row's leaves.

    `places` (n_rows, n_trees) are leaves, `ranks` the rank of each leaf, `values` (n_ranks,) the
    values in order. `fine` (n_ranks,) and `coarse`, a sum for 2^shift ranks each, are zero, and
    left so.
    """
    total = 0.0
    for tree in range(len(weights)):
        total += weights[tree]
    for row in range(uint64(places.shape[0])):
        for tree in range(uint64(len(weights))):
            rank = uint64(ranks[places[row, tree]])
            fine[rank] += weights[tree]
            coarse[rank >> uint64(shift)] += weights[tree]
        reached = 0.0
        block = 0
        while reached + coarse[block] < 0.5 * total and block < len(coarse) - 1:
            reached += coarse[block]
            block += 1
        rank = block << shift
        while rank < len(values) - 1 and (fine[rank] == 0.0 or reached + fine[rank] < 0.5 * total):
            reached += fine[rank]
            rank += 1
        doubt = NEARLY * total
        if reached > 0.5 * total - doubt or reached + fine[rank] < 0.5 * total + doubt:
            whole = 0.0
            for other in range(len(values)):
                whole += fine[other]
            reached = 0.0
            rank = -1
            while rank < 0 or reached < 0.5 * whole:
                rank += 1
                reached += fine[rank]
            while fine[rank] == 0.0 and rank < len(values) - 1:
                rank += 1
        medians[row] = values[rank]
        for tree in range(uint64(len(weights))):
            rank = ranks[places[row, tree]]
            fine[rank] = 0.0
            coarse[rank >> shift] = 0.0


def ranked(values: Any) -> tuple[Any, Any]:
    """Return the rank of each value, and the values in order."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks, np.ascontiguousarray(values[order])
