"""Sum a node up: its weight, its classes or targets, its impurity, and whether it may split."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import once
from ensembles.trees.deep.nodes import BLOCK, OPEN, START, STOP
from ensembles.trees.deep.settings import BY_ROWS, MAX_DEPTH, MIN_LEAF, MIN_SPLIT
from ensembles.trees.histogram import CLASSES, PACKED, SCALAR
from ensembles.trees.nodes import CHILD, CODE, COLUMN, DEPTH, MISSING_LEFT, SAMPLES

Array = Any


@once
def summarise_packed(records: Array, start: Any, stop: Any, totals: Array, node: Any) -> Any:
    """Write a node's counts; tell whether it has one class."""
    word = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        word += records[row, 0]
    totals[node, 0] = int64(word & 0xFFFFFFFF)
    totals[node, 1] = int64(word >> 32)
    return totals[node, 1] == 0 or totals[node, 1] == totals[node, 0]


@once
def summarise_classes(records: Array, start: Any, stop: Any, totals: Array, node: Any) -> Any:
    """Write the weight of each class in a node; tell whether it has one class."""
    weight = int64(0)
    for row in range(uint64(start), uint64(stop)):
        weight += int64(records[row, 0])
        totals[node, records[row, 1] + 1] += int64(records[row, 0])
    totals[node, 0] = weight
    pure = False
    for k in range(1, totals.shape[1] - 1):
        pure |= totals[node, k] == totals[node, 0]
    return pure


@once
def summarise_scalar(
    records: Array, reals: Array, start: Any, stop: Any, totals: Array, errors: Array, node: Any
) -> Any:
    """Write the sums of a node's one target and its squared error; tell whether it is constant."""
    first, total, equal = reals[uint64(start), 2], 0.0, True
    weight, target = int64(0), int64(0)
    for row in range(uint64(start), uint64(stop)):
        share, y = int64(records[row, 0]), reals[row, 2]
        weight += share
        target += int64(records[row, 1])
        equal &= y == first
        total += float64(share) * y
    totals[node, 0], totals[node, 1] = weight, target
    if equal:
        return True
    mean, squares = total / float64(weight), 0.0
    for row in range(uint64(start), uint64(stop)):
        error = reals[row, 2] - mean
        squares += float64(int64(records[row, 0])) * error * error
    errors[node, 0] = squares
    return False


@once
def summarise_reals(
    records: Array, reals: Array, start: Any, stop: Any, totals: Array, errors: Array, node: Any
) -> Any:
    """Write the sums of a node's targets and their squared error; tell whether the targets are all
    equal.
    """
    last = totals.shape[1] - 1
    pure = True
    for row in range(uint64(start), uint64(stop)):
        for k in range(uint64(last)):
            totals[node, k] += int64(records[row, k])
    for word in range(uint64(last), uint64(2 * last - 1)):
        first = reals[uint64(start), word]
        total = 0.0
        equal = True
        for row in range(uint64(start), uint64(stop)):
            y = reals[row, word]
            equal &= y == first
            total += float64(int64(records[row, 0])) * y
        if not equal:
            pure = False
            mean = total / float64(totals[node, 0])
            for row in range(uint64(start), uint64(stop)):
                error = reals[row, word] - mean
                errors[node, 0] += float64(int64(records[row, 0])) * error * error
    return pure


@lru_cache
def opener(mode: int) -> Any:
    """Return what sums a new node up and says whether it may split."""

    @once
    def open_node(
        records: Array,
        reals: Array,
        settings: Array,
        least: Any,
        node: Any,
        nodes: Array,
        totals: Array,
        errors: Array,
    ) -> None:
        start, stop = nodes[node, START], nodes[node, STOP]
        nodes[node, COLUMN], nodes[node, CHILD], nodes[node, BLOCK] = -2, -1, -1
        nodes[node, CODE] = nodes[node, MISSING_LEFT] = 0
        errors[node, 0] = errors[node, 1] = 0.0
        n_sums = totals.shape[1] - 1
        for k in range(n_sums):
            totals[node, k] = 0
        pure = False
        if mode == PACKED:
            pure = summarise_packed(records, start, stop, totals, node)
        elif mode == CLASSES:
            pure = summarise_classes(records, start, stop, totals, node)
        elif mode == SCALAR:
            pure = summarise_scalar(records, reals, start, stop, totals, errors, node)
        else:
            pure = summarise_reals(records, reals, start, stop, totals, errors, node)
        totals[node, n_sums] = stop - start
        samples = stop - start if settings[BY_ROWS] else totals[node, 0]
        nodes[node, SAMPLES] = samples
        nodes[node, OPEN] = (
            not pure
            and nodes[node, DEPTH] < settings[MAX_DEPTH]
            and samples >= settings[MIN_SPLIT]
            and samples >= 2 * settings[MIN_LEAF]
            and float64(totals[node, 0]) >= 2.0 * least
        )

    return open_node


@once
def decrease_of(
    mode: Any, gain: Any, totals: Array, node: Any, entropy: Any, units: Array, scale: Any
) -> Any:
    """Turn the gain that ordered the splits into the weighted decrease of impurity, in the user's
    units.
    """
    if mode == PACKED or mode == SCALAR:  # noqa: SIM109 (numba prunes comparisons only)
        return scale * gain / float64(totals[node, 0])
    if mode == CLASSES and entropy:
        return scale * gain
    squares = 0.0
    for k in range(1, totals.shape[1] - 1):
        unit = 1.0 if mode == CLASSES else units[k - 1]
        squares += float64(totals[node, k]) * float64(totals[node, k]) * unit
    decrease = scale * (gain - squares / float64(totals[node, 0]))
    return decrease if decrease > 0.0 else 0.0
