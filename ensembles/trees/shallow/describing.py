"""Describe a grown tree: from the fields of its nodes to arrays of one kind each, depth first."""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, larger_of, reads
from ensembles.trees.nodes import (
    CHILD,
    CODE,
    COLUMN,
    DEPTH,
    MISSING_LEFT,
    NAME,
    RIGHT,
    SAMPLES,
)

Array = Any


@kernel(
    types.void(
        reads(float64, 1),
        reads(float64, 1),
        reads(uint8, 1),
        reads(int32, 1),
        float64,
        float64[:, ::1],
        float64[::1],
        float64[::1],
        float64[::1],
    )
)
def describe_means(
    weights: Array,
    target: Array,
    place: Array,
    right: Array,
    centre: float,
    sums: Array,
    weight: Array,
    mean: Array,
    impurity: Array,
) -> None:
    """Write the weight, the mean target and the mean squared error of every node.

    Leaves sum their rows as floats, an inner node the sums of its children.
    """
    for node in range(len(right)):
        sums[node, 0] = sums[node, 1] = sums[node, 2] = 0.0
    for row in range(uint64(len(weights))):
        node = uint64(place[row])
        weighted = weights[row] * target[row]
        sums[node, 0] += weights[row]
        sums[node, 1] += weighted
        sums[node, 2] += weighted * target[row]
    for node in range(len(right) - 1, -1, -1):
        if right[node] >= 0:
            for k in range(3):
                sums[node, k] = sums[node + 1, k] + sums[right[node], k]
        weight[node] = sums[node, 0]
        mean[node] = sums[node, 1] / sums[node, 0]
        impurity[node] = larger_of(sums[node, 2] / sums[node, 0] - mean[node] * mean[node], 0.0)
        mean[node] += centre


@kernel(
    types.void(
        reads(int64, 2),
        reads(int64, 2),
        int64,
        float64,
        float64[::1],
        float64[:, ::1],
    )
)
def describe_shares(
    nodes: Array,
    totals: Array,
    n_nodes: int,
    unit: float,
    weight: Array,
    share: Array,
) -> None:
    """Write the weight, and the class shares, of every node."""
    n_classes = share.shape[1]
    for node in range(n_nodes):
        name = nodes[node, NAME]
        whole = int64(0)
        if n_classes == 2:
            whole = totals[node, 0]
            share[name, 1] = float64(totals[node, 1]) / float64(whole)
            share[name, 0] = 1.0 - share[name, 1]
        else:
            for k in range(n_classes):
                whole += totals[node, k]
            for k in range(n_classes):
                share[name, k] = float64(totals[node, k]) / float64(whole)
        weight[name] = float64(whole) * unit


@kernel(
    int64(
        reads(int64, 2),
        int64,
        int32[::1],
        int32[::1],
        uint8[::1],
        uint8[::1],
        int64[::1],
    )
)
def describe_splits(
    nodes: Array,
    n_nodes: int,
    right: Array,
    feature: Array,
    code: Array,
    missing_left: Array,
    samples: Array,
) -> int:
    """Write the nodes depth first, as `tree` names them; return the depth of the tree."""
    deepest = int64(0)
    for node in range(n_nodes):
        name = nodes[node, NAME]
        column = nodes[node, COLUMN]
        right[name] = nodes[node, RIGHT]
        feature[name] = column if nodes[node, CHILD] >= 0 else -2
        code[name] = nodes[node, CODE]
        missing_left[name] = nodes[node, MISSING_LEFT]
        samples[name] = nodes[node, SAMPLES]
        deepest = larger_of(deepest, nodes[node, DEPTH])
    return int(deepest)
