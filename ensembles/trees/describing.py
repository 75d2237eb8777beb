"""Describe a grown tree: from the fields of its nodes, as they were grown, to arrays of one kind
each, depth first.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, uint8, uint64

from ensembles.trees.compiling import kernel, larger_of, reads
from ensembles.trees.nodes import CODE, COLUMN, DEPTH, MISSING_LEFT, RIGHT, SAMPLES

Array = Any


@kernel(
    int64(
        int64[:, ::1],
        float64[:, ::1],
        int64[:, ::1],
        int64[::1],
        reads(int64, 1),
        int32[::1],
        int32[::1],
        uint8[::1],
        uint8[::1],
        int64[::1],
        float64[::1],
        float64[:, ::1],
        float64[::1],
    )
)
def describe(
    nodes: Array,
    errors: Array,
    totals: Array,
    listed: Array,
    columns: Array,
    right: Array,
    feature: Array,
    code: Array,
    missing_left: Array,
    samples: Array,
    weight: Array,
    values: Array,
    squares: Array,
) -> int:
    """Write the nodes in the order in which they are listed; return the depth of the tree.

    `columns` are the numbers of the columns that the tree saw. `weight` and `values` are in the
    kernel's units: sums of weights, and sums over weights. Of two classes only the second may have
    been summed; its share and what is left of one are the values then. `squares`, the mean squared
    error, may be of no length.
    """
    depth, n_means = int64(0), totals.shape[1] - 2
    first = values.shape[1] - n_means
    for place in range(uint64(len(right))):
        node = uint64(listed[place])
        column = nodes[node, COLUMN]
        right[place] = nodes[node, RIGHT]
        feature[place] = columns[uint64(column)] if column >= 0 else column
        code[place] = nodes[node, CODE]
        missing_left[place] = nodes[node, MISSING_LEFT]
        samples[place] = nodes[node, SAMPLES]
        weight[place] = float64(totals[node, 0])
        for k in range(uint64(n_means)):
            values[place, uint64(first) + k] = float64(totals[node, k + uint64(1)]) / weight[place]
        if first:
            values[place, 0] = 1.0 - values[place, 1]
        if len(squares):
            squares[place] = errors[node, 0] / weight[place]
        depth = larger_of(depth, nodes[node, DEPTH])
    return int(depth)
