"""Split a node of two rows and be done with it: every column that tells them apart parts them in
one of two ways, and the children are leaves.

Half of all nodes that split hold two rows.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import larger_of, once, smaller_of
from ensembles.trees.deep.nodes import BLOCK, START
from ensembles.trees.deep.settings import BY_ROWS, FIRST, N_COLUMNS, TABULAR, USUAL
from ensembles.trees.histogram import CLASSES, PACKED, SCALAR
from ensembles.trees.nodes import CHILD, CODE, COLUMN, DEPTH, MISSING_LEFT, SAMPLES
from ensembles.trees.small import first_of_lanes
from ensembles.trees.splitting import INVALID
from ensembles.trees.table import CATEGORICAL
from ensembles.trees.vectors import LANES, lanes_below

Array = Any


def knows_pairs(mode: int, need: int) -> bool:
    """Tell whether the best split of two rows is found here; of two classes a survey is as
    quick.
    """
    return mode == SCALAR and need == USUAL


@once
def weight_and_target(mode: Any, records: Array, row: Any) -> Any:
    """Return what a row weighs, and its weighted target, or its weight if it is of the second of
    two classes.
    """
    word = records[uint64(row), 0]
    if mode == PACKED:
        return int64(word & 0xFFFFFFFF), int64(word >> 32)
    return int64(word), int64(records[uint64(row), 1])


@once
def gain_of(left: Any, target: Any, totals: Array, least: Any) -> Any:
    """Return the gain of parting one of two rows off."""
    total, whole = float64(totals[0]), float64(totals[1])
    right = total - float64(left)
    slope = float64(target) * total - float64(left) * whole
    gain = slope * slope / (float64(left) * right)
    return gain if smaller_of(float64(left), right) >= least else INVALID


@once
def search_pair(
    start: Any,
    records: Array,
    codes: Array,
    settings: Array,
    least: Any,
    offset: Any,
    totals: Array,
    choice: Array,
) -> Any:
    """Return the gain of the best split of two rows; write its column and the last code that goes
    left into `choice[3:]`.
    """
    n_columns, row_bytes = int64(settings[N_COLUMNS]), uint64(codes.shape[1])
    one = uint64(start) * row_bytes + uint64(settings[FIRST])
    first, second = n_columns, n_columns  # the rank of a column that sends that row left
    for begin in range(0, n_columns, LANES):
        used = (uint64(1) << uint64(smaller_of(LANES, n_columns - begin))) - 1
        here = one + uint64(begin)
        lower = lanes_below(codes, here, here + row_bytes) & used
        higher = lanes_below(codes, here + row_bytes, here) & used
        shift = begin - offset
        if lower:
            lane = shift + first_of_lanes(lower, -shift)
            first = smaller_of(first, lane + n_columns if lane < 0 else lane)
        if higher:
            lane = shift + first_of_lanes(higher, -shift)
            second = smaller_of(second, lane + n_columns if lane < 0 else lane)
    weight, target = weight_and_target(SCALAR, records, start)
    gain = gain_of(weight, target, totals, least) if first < n_columns else INVALID
    weight, target = weight_and_target(SCALAR, records, start + 1)
    other = gain_of(weight, target, totals, least) if second < n_columns else INVALID
    rank = first if gain > other or (gain == other and first < second) else second
    if rank == n_columns:
        return INVALID
    column = offset + rank
    column = column - n_columns if column >= n_columns else column
    byte = uint64(settings[FIRST] + column)
    low, high = int64(codes[uint64(start), byte]), int64(codes[uint64(start) + 1, byte])
    choice[3], choice[4], choice[5] = column, (low + high - 1) // 2, 2
    return larger_of(gain, other)


@once
def goes_left(need: Any, node: Any, code: Any, kind: Any, nodes: Array, sides: Array) -> Any:
    """Tell whether a row of this code goes left at a node's split."""
    if need == TABULAR and kind == CATEGORICAL:
        return (sides[node, code >> 6] >> uint64(code & 63)) & 1 != 0
    if need != USUAL and code == 0:
        return nodes[node, MISSING_LEFT] == 1
    return int64(code) <= nodes[node, CODE]


@once
def close_pair(
    mode: Any,
    need: Any,
    node: Any,
    left: Any,
    records: Array,
    codes: Array,
    settings: Array,
    kinds: Array,
    nodes: Array,
    errors: Array,
    totals: Array,
    sides: Array,
) -> None:
    """Make the two rows of a node that is split its children, the left one first."""
    column, first, n_sums = nodes[node, COLUMN], nodes[node, START], totals.shape[1] - 1
    code = codes[uint64(first), uint64(settings[FIRST] + column)]
    in_order = goes_left(need, node, code, kinds[column], nodes, sides)
    nodes[node, CHILD] = left
    for side in range(2):
        child = left + side
        row = uint64(first + (side if in_order else 1 - side))
        if mode == CLASSES:
            weight = int64(records[row, 0])
            for k in range(1, n_sums):
                totals[child, k] = 0
            totals[child, records[row, 1] + 1] = weight
        else:
            weight, totals[child, 1] = weight_and_target(mode, records, row)
        totals[child, 0], totals[child, n_sums] = weight, 1
        errors[child, 0] = errors[child, 1] = 0.0
        nodes[child, COLUMN], nodes[child, CHILD], nodes[child, BLOCK] = -2, -1, -1
        nodes[child, DEPTH] = nodes[node, DEPTH] + 1
        nodes[child, SAMPLES] = 1 if settings[BY_ROWS] else weight
