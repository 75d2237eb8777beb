"""The nodes of a deep tree, and their children."""

from __future__ import annotations

from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.nodes import CHILD, DEPTH, KEY, NAME
from ensembles.trees.table import mix

Array = Any

START, STOP, BLOCK = range(7, 10)
"""More fields of a node: where its rows stand, and its histograms."""
OPEN = NAME
"""Whether a node may split: a deep tree's nodes have no name."""


@once
def begin_children(parent: Any, left: Any, begin: Any, middle: Any, nodes: Array) -> None:
    """Give the two children of a node, the left one first, their rows and their keys."""
    end = begin + nodes[parent, STOP] - nodes[parent, START]
    for side in range(2):
        child = left + side
        nodes[child, START] = middle if side else begin
        nodes[child, STOP] = end if side else middle
        nodes[child, DEPTH] = nodes[parent, DEPTH] + 1
        nodes[child, KEY] = int64(mix(uint64(nodes[parent, KEY]) * 2 + uint64(side)))
    nodes[parent, CHILD] = left


@part
def bind_children(
    left: Any, right: Any, node: Any, sign: Any, totals: Array, bounds: Array
) -> None:
    """Bound the children's means so that what a monotonic split promised holds for all that grows
    below it.

    The bound is the middle of the children's means, as in scikit-learn.
    """
    for side in range(2):
        bounds[left, side] = bounds[right, side] = bounds[node, side]
    if sign != 0:
        of = totals.shape[1] - 2  # the target, or the second of two classes
        middle = 0.5 * (
            float64(totals[left, of]) / float64(totals[left, 0])
            + float64(totals[right, of]) / float64(totals[right, 0])
        )
        low, high = (left, right) if sign > 0 else (right, left)
        bounds[low, 1] = bounds[high, 0] = middle
