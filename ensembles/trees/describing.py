"""Describe a grown tree: from the fields of its nodes, as they were grown, to arrays of one kind
each, depth first, left before right.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, uint8, uint64

from ensembles.trees.compiling import kernel, larger_of, reads
from ensembles.trees.nodes import CHILD, CODE, COLUMN, DEPTH, MISSING_LEFT, SAMPLES

Array = Any


@kernel(
    int64(
        int64[:, ::1],
        float64[:, ::1],
        int64[:, ::1],
        reads(int64, 1),
        int64[::1],
        int64[::1],
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
    columns: Array,
    waiting: Array,
    listed: Array,
    right: Array,
    feature: Array,
    code: Array,
    missing_left: Array,
    samples: Array,
    weight: Array,
    values: Array,
    squares: Array,
) -> int:
    """Write the nodes, and to `listed` where each was grown; return the depth of the tree.

    `columns` are the numbers of the columns that the tree saw. A leaf forgets the split that was
    found for it; where a node had no missing values, they go where more of it went. `weight` and
    `values` are in the kernel's units: sums of weights, and sums over weights. Of two classes only
    the second may have been summed; its share and what is left of one are the values then.
    `squares`, the mean squared error, may be of no length. `waiting` is room for a number a node.
    """
    depth, n_means = int64(0), totals.shape[1] - 2
    first = values.shape[1] - n_means
    node, n_waiting = uint64(0), uint64(0)
    for place in range(uint64(len(right))):
        listed[place] = int64(node)
        depth = larger_of(depth, nodes[node, DEPTH])
        samples[place] = nodes[node, SAMPLES]
        weight[place] = float64(totals[node, 0])
        for k in range(uint64(n_means)):
            values[place, uint64(first) + k] = float64(totals[node, k + uint64(1)]) / weight[place]
        if first:
            values[place, 0] = 1.0 - values[place, 1]
        if len(squares):
            squares[place] = errors[node, 0] / weight[place]
        right[place], feature[place], code[place], missing_left[place] = -1, -2, 0, 0
        if nodes[node, CHILD] >= 0:
            left = uint64(nodes[node, CHILD])
            goes_left = nodes[node, MISSING_LEFT]
            feature[place] = columns[uint64(nodes[node, COLUMN])]
            code[place] = nodes[node, CODE]
            missing_left[place] = (
                goes_left if goes_left < 2 else 2 * totals[left, 0] > totals[node, 0]
            )
            waiting[n_waiting], waiting[n_waiting + 1] = int64(left) + 1, int64(place)
            n_waiting += 2
            node = left
        elif n_waiting > 0:
            n_waiting -= 2
            node = uint64(waiting[n_waiting])
            right[uint64(waiting[n_waiting + 1])] = int32(place + 1)
    return int(depth)
