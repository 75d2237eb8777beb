"""Grow a tree: take the next node of the frontier, part its rows, look for the best splits of the
children.

The rows in the bag are copied once into records, and each split moves a node's records so that
every node is one contiguous block: each pass over a node reads memory in order, which is why the
cost of a cell is the same at ten thousand and at ten million rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import float64, int8, int64, types, uint8, uint16, uint64

from ensembles.trees.compiling import kernel, part, reads
from ensembles.trees.histogram import CLASSES, OUTPUTS, PACKED, SCALAR, fill_packed, fill_scalar
from ensembles.trees.splitting import (
    CONSTANT,
    INVALID,
    RANKED,
    SMALL,
    STEP,
    best_of_classes,
    medium_packed,
    medium_scalar,
    scan_packed,
    scan_scalar,
    small_packed,
    small_scalar,
    sort_rows,
)
from ensembles.trees.table import CATEGORICAL, MISSING, drawn_below, mix, search_table

Array = Any

KEEP = 256
"""Rows from which a node keeps its histograms, so that its larger child need not be counted."""


class Settings(NamedTuple):
    """What a kernel is told; all integers, so that a compiled kernel serves every parameter."""

    n_columns: int
    first: int
    n_sums: int
    entropy: int
    exact: int
    by_rows: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    max_features: int
    max_leaf_nodes: int
    random: int
    seed: int
    capacity: int
    n_blocks: int
    constrained: int


@kernel(
    types.void(
        reads(uint8, 2),
        reads(int64, 1),
        reads(int64, 1),
        reads(uint64, 2),
        uint64[:, ::1],
        uint8[:, ::1],
    )
)
def gather(
    codes: Array, rows: Array, columns: Array, payload: Array, records: Array, cells: Array
) -> None:
    """Copy the drawn rows into records: their payload, then the codes of the drawn columns."""
    whole = len(columns) == codes.shape[1]
    first = uint64(8 * payload.shape[1])
    for i in range(uint64(len(rows))):
        row = uint64(rows[i])
        for word in range(uint64(payload.shape[1])):
            records[i, word] = payload[i, word]
        if whole:
            for column in range(uint64(codes.shape[1])):
                cells[i, first + column] = codes[row, column]
        else:
            for column in range(uint64(len(columns))):
                cells[i, first + column] = codes[row, uint64(columns[column])]


@part
def partition(
    records: Array, scratch: Array, codes: Array, byte: Any, start: Any, stop: Any, go_left: Array
) -> Any:
    """Move the records that go left before those that go right; return where the right begins.

    Every record is written to both ends and one of the two writes is then overwritten: cheaper
    than a branch that is mispredicted half of the time.
    """
    words = uint64(records.shape[1])
    left = uint64(start)
    right = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        goes = uint64(go_left[codes[row, uint64(byte)]])
        for word in range(uint64(0), words, uint64(2)):
            a = records[row, word]
            b = records[row, word + uint64(1)]
            scratch[right, word] = a
            scratch[right, word + uint64(1)] = b
            records[left, word] = a
            records[left, word + uint64(1)] = b
        left += goes
        right += uint64(1) - goes
    for row in range(right):
        for word in range(words):
            records[left + row, word] = scratch[row, word]
    return int64(left)


@part
def summarise_packed(records: Array, start: Any, stop: Any, totals: Array, node: Any) -> Any:
    """Write a node's counts; tell whether it has one class."""
    word = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        word += records[row, uint64(0)]
    totals[node, 0] = int64(word & uint64(0xFFFFFFFF))
    totals[node, 1] = int64(word >> uint64(32))
    return totals[node, 1] == 0 or totals[node, 1] == totals[node, 0]


@part
def summarise_classes(records: Array, start: Any, stop: Any, totals: Array, node: Any) -> Any:
    """Write the weight of each class in a node; tell whether it has one class."""
    for row in range(uint64(start), uint64(stop)):
        totals[node, 0] += int64(records[row, uint64(0)])
        totals[node, records[row, uint64(1)] + uint64(1)] += int64(records[row, uint64(0)])
    pure = False
    for k in range(1, totals.shape[1] - 1):
        pure |= totals[node, k] == totals[node, 0]
    return pure


@part
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
            total += float64(int64(records[row, uint64(0)])) * y
        if not equal:
            pure = False
            mean = total / float64(totals[node, 0])
            for row in range(uint64(start), uint64(stop)):
                error = reals[row, word] - mean
                errors[node, 0] += float64(int64(records[row, uint64(0)])) * error * error
    return pure


@part
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
        middle = 0.5 * (
            float64(totals[left, 1]) / float64(totals[left, 0])
            + float64(totals[right, 1]) / float64(totals[right, 0])
        )
        low, high = (left, right) if sign > 0 else (right, left)
        bounds[low, 1] = bounds[high, 0] = middle


RIGHT, DEPTH, COLUMN, CODE, MISSING_LEFT, SAMPLES, CHILD, START, STOP, BLOCK, KEY, PLACE = range(12)
"""The fields of a node; the first six outlive the growing. PLACE says first whether it may
split.
"""


@part
def depth_first(nodes: Array, n_nodes: Any, listed: Array, stack: Array) -> None:
    """List the nodes in depth-first order, left before right, and call the right children by their
    new numbers.
    """
    stack[0] = 0
    n_stack, n_listed = 1, 0
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        listed[n_listed] = node
        nodes[node, PLACE] = n_listed
        n_listed += 1
        if nodes[node, CHILD] >= 0:
            stack[n_stack] = nodes[node, CHILD] + 1
            stack[n_stack + 1] = nodes[node, CHILD]
            n_stack += 2
    for node in range(n_nodes):
        child = nodes[node, CHILD]
        nodes[node, RIGHT] = nodes[child + 1, PLACE] if child >= 0 else -1


class Desk(NamedTuple):
    """The arrays a kernel works in; made by the caller, since numba takes long to compile what
    makes arrays.
    """

    nodes: Array
    errors: Array
    totals: Array
    sides: Array
    bounds: Array
    scratch: Array
    blocks: Array
    free: Array
    work: Array
    bits: Array
    bins: Array
    shorts: Array
    present: Array
    order: Array
    place: Array
    best_place: Array
    left_sums: Array
    columns: Array
    table: Array
    best_sides: Array
    some_sides: Array
    sorted_rows: Array
    go_left: Array
    frontier: Array
    listed: Array


def desk_for(mode: int, special: bool, settings: Settings, records: Array) -> Desk:
    """Set a desk for one tree."""
    capacity, n_sums, n_columns = settings.capacity, settings.n_sums, settings.n_columns
    work = np.empty(4 * STEP)
    rows = capacity if special else 1
    return Desk(
        nodes=np.empty((capacity, 12), np.int64),
        errors=np.empty((capacity, 2)),
        totals=np.empty((capacity, n_sums + 1), np.int64),
        sides=np.zeros((rows, 4), np.uint64),
        bounds=np.full((rows, 2), (-np.inf, np.inf))
        if settings.constrained
        else np.array([[-np.inf, np.inf]]),
        scratch=np.empty_like(records),
        blocks=np.empty((settings.n_blocks, n_columns << (8 if mode == PACKED else 9)), np.uint64),
        free=np.arange(settings.n_blocks + 1),
        work=work,
        bits=work.view(np.int64),
        bins=np.zeros(STEP + 4, np.uint64),
        shorts=np.zeros(3 * SMALL, np.uint16),
        present=np.zeros(257, np.int64),
        order=np.zeros(257, np.int64),
        place=np.zeros(3, np.int64),
        best_place=np.zeros(3, np.int64),
        left_sums=np.zeros(n_sums + 1, np.int64),
        columns=np.empty(n_columns, np.int64),
        table=np.zeros((256 if special else 1, n_sums + 1), np.int64),
        best_sides=np.zeros(4, np.uint64),
        some_sides=np.zeros(4, np.uint64),
        sorted_rows=np.empty((len(records) if mode == CLASSES else 1, 2), np.int64),
        go_left=np.zeros(256, np.uint8),
        frontier=np.empty(capacity + 1, np.int64),
        listed=np.empty(capacity, np.int64),
    )


def signature() -> Any:
    """Return what a growing kernel takes and gives."""
    grids, lists = (
        (int64[:, ::1], float64[:, ::1], uint64[:, ::1]),
        (int64[::1], float64[::1], uint64[::1]),
    )
    n, x, u = 0, 1, 2
    return int64(
        uint64[:, ::1],
        uint8[:, ::1],
        float64[:, ::1],
        int64[::1],
        float64,
        float64,
        float64,
        uint8[::1],
        int64[::1],
        int8[::1],
        float64[::1],
        grids[n],
        grids[x],
        grids[n],
        grids[u],
        grids[x],
        grids[u],
        grids[u],
        lists[n],
        lists[x],
        lists[n],
        lists[u],
        uint16[::1],
        lists[n],
        lists[n],
        lists[n],
        lists[n],
        lists[n],
        lists[n],
        grids[n],
        lists[u],
        lists[u],
        grids[n],
        uint8[::1],
        lists[n],
        lists[n],
    )


@lru_cache
def grower(mode: int, special: bool) -> Any:
    """Return the kernel that grows trees for one mode; `special` if a column needs more than the
    fast paths.

    What the mode does not need is cut out before it is compiled: a first fit waits for one kernel,
    not for all.
    """

    @kernel(signature(), name=f"grow_{mode}_{special:d}")
    def grow(
        records: Array,
        codes: Array,
        reals: Array,
        settings: Any,
        least: float,
        enough: float,
        scale: float,
        kinds: Array,
        sizes: Array,
        signs: Array,
        units: Array,
        nodes: Array,
        errors: Array,
        totals: Array,
        sides: Array,
        bounds: Array,
        scratch: Array,
        blocks: Array,
        free: Array,
        work: Array,
        bits: Array,
        bins: Array,
        shorts: Array,
        present: Array,
        order: Array,
        place: Array,
        best_place: Array,
        left_sums: Array,
        columns: Array,
        table: Array,
        best_sides: Array,
        some_sides: Array,
        sorted_rows: Array,
        go_left: Array,
        frontier: Array,
        listed: Array,
    ) -> int:
        """Grow a tree over the records; return the number of its nodes, whose fields are on the
        desk.

        `codes` and `reals` are views of `records`. A side lighter than `least` is not split off,
        and a split that decreases the weighted impurity (in units of `scale`) by less than
        `enough` is not made. `listed` names the nodes depth first, left before right.
        """
        n_columns, first, n_sums, entropy, exact, by_rows = (
            settings[0],
            settings[1],
            settings[2],
            settings[3],
            settings[4],
            settings[5],
        )
        max_depth, min_samples_split, min_samples_leaf = settings[6], settings[7], settings[8]
        max_features, max_leaf_nodes, random, seed = (
            settings[9],
            settings[10],
            settings[11],
            settings[12],
        )
        n_free, constrained = settings[14], settings[15]
        shift = 8 if mode == PACKED else 9
        n_frontier = 0
        nodes[0, DEPTH], nodes[0, START], nodes[0, STOP], nodes[0, BLOCK] = (
            0,
            0,
            records.shape[0],
            -1,
        )
        nodes[0, KEY] = int64(mix(uint64(seed)))
        n_nodes, n_new, parent = 1, 1, -1

        while True:
            for new in range(n_nodes - n_new, n_nodes):
                start, stop = nodes[new, START], nodes[new, STOP]
                nodes[new, COLUMN], nodes[new, CHILD], nodes[new, BLOCK] = -2, -1, -1
                nodes[new, CODE] = nodes[new, MISSING_LEFT] = 0
                errors[new, 0] = errors[new, 1] = 0.0
                for k in range(n_sums):
                    totals[new, k] = 0
                pure = False
                if mode == PACKED:
                    pure = summarise_packed(records, start, stop, totals, new)
                elif mode == CLASSES:
                    pure = summarise_classes(records, start, stop, totals, new)
                else:
                    pure = summarise_reals(records, reals, start, stop, totals, errors, new)
                totals[new, n_sums] = stop - start
                samples = stop - start if by_rows else totals[new, 0]
                nodes[new, SAMPLES] = samples
                nodes[new, PLACE] = (
                    not pure
                    and nodes[new, DEPTH] < max_depth
                    and samples >= min_samples_split
                    and samples >= 2 * min_samples_leaf
                    and float64(totals[new, 0]) >= 2.0 * least
                )
            if special and constrained and parent >= 0:
                sign = signs[nodes[parent, COLUMN]]
                bind_children(n_nodes - 2, n_nodes - 1, parent, sign, totals, bounds)

            larger = n_nodes - 1
            if n_new == 2 and totals[n_nodes - 2, n_sums] >= totals[larger, n_sums]:
                larger = n_nodes - 2
            smaller = larger if n_new == 1 else 2 * n_nodes - 3 - larger
            if mode == PACKED or mode == SCALAR:  # noqa: SIM109
                keep = nodes[larger, PLACE] and totals[larger, n_sums] >= KEEP
                keep_smaller = nodes[smaller, PLACE] and totals[smaller, n_sums] >= KEEP
                above = nodes[parent, BLOCK] if n_new == 2 else -1
                counted = -1
                if keep and n_free > 0 and (above >= 0 or n_new == 1):
                    counted = free[n_free - 1]
                elif keep_smaller and above >= 0:
                    counted = above
                if counted >= 0:
                    for cell in range(uint64(n_columns << shift)):
                        blocks[counted, cell] = uint64(0)
                    start, stop = nodes[smaller, START], nodes[smaller, STOP]
                    if mode == PACKED:
                        fill_packed(records, codes, first, start, stop, n_columns, blocks[counted])
                    else:
                        fill_scalar(records, codes, first, start, stop, n_columns, blocks[counted])
                    if keep_smaller:
                        nodes[smaller, BLOCK] = counted
                        n_free -= counted != above
                if counted >= 0 and above >= 0 and counted != above:
                    for cell in range(uint64(n_columns << shift)):
                        blocks[above, cell] -= blocks[counted, cell]
                    nodes[larger, BLOCK] = above
                elif above >= 0 and counted != above:
                    free[n_free] = above
                    n_free += 1

            # The larger child goes on the stack first: few histograms then wait at a time.
            for turn in range(n_new):
                node = larger if turn == 0 else smaller
                if not nodes[node, PLACE]:
                    continue
                start, stop, block = nodes[node, START], nodes[node, STOP], nodes[node, BLOCK]
                total, target = float64(totals[node, 0]), float64(totals[node, 1])
                key = uint64(nodes[node, KEY])
                small = mode == PACKED and stop - start <= SMALL and total <= 255.0
                if small:
                    for row in range(uint64(stop - start)):
                        word = records[uint64(start) + row, uint64(0)]
                        shorts[row] = (word & uint64(0xFF)) | ((word >> uint64(32)) << uint64(8))
                drawn = max_features < n_columns
                if drawn:
                    for column in range(n_columns):
                        columns[column] = column
                offset = drawn_below(key, n_columns)
                best, n_tried = INVALID, 0
                for step in range(n_columns):
                    if drawn:
                        if n_tried >= max_features and best >= 0.0:
                            break
                        chosen = step + drawn_below(key + uint64(step), n_columns - step)
                        column = columns[chosen]
                        columns[chosen] = columns[step]
                    else:
                        column = step + offset
                        if column >= n_columns:
                            column -= n_columns
                    byte = first + column
                    gain = INVALID
                    place[2] = 2
                    usual = True
                    if special:
                        missing = kinds[column] == MISSING
                        if missing and block >= 0:
                            missing = blocks[block, column << shift] != uint64(0)
                        elif missing:
                            missing = False
                            for row in range(uint64(start), uint64(stop)):
                                missing |= codes[row, uint64(byte)] == 0
                        usual = kinds[column] != CATEGORICAL and not missing and signs[column] == 0
                        usual = usual and not random
                        usual = usual and mode != OUTPUTS
                        if by_rows and min_samples_leaf > 1:
                            usual = False
                        if not usual:
                            at = node if constrained else 0
                            least_rows = min_samples_leaf if by_rows else 1
                            gain = search_table(
                                mode,
                                records,
                                codes,
                                byte,
                                start,
                                stop,
                                kinds[column],
                                signs[column],
                                bounds[at, 0],
                                bounds[at, 1],
                                totals[node],
                                entropy,
                                units,
                                least,
                                least_rows,
                                random,
                                mix(key ^ uint64(column + 1)),
                                best,
                                table,
                                work,
                                order,
                                left_sums,
                                place,
                                some_sides,
                            )
                    if usual:
                        if mode == PACKED:
                            if small:
                                gain = small_packed(
                                    codes,
                                    byte,
                                    start,
                                    stop - start,
                                    total,
                                    target,
                                    least,
                                    best,
                                    shorts,
                                    work,
                                    bits,
                                    place,
                                )
                            elif block >= 0:
                                gain = scan_packed(
                                    blocks[block],
                                    column << 8,
                                    sizes[column],
                                    total,
                                    target,
                                    least,
                                    best,
                                    present,
                                    work,
                                    bits,
                                    place,
                                )
                            else:
                                gain = medium_packed(
                                    records,
                                    codes,
                                    byte,
                                    start,
                                    stop,
                                    total,
                                    target,
                                    least,
                                    best,
                                    bins,
                                    present,
                                    work,
                                    bits,
                                    place,
                                )
                        if mode == SCALAR:
                            if block >= 0:
                                gain = scan_scalar(
                                    blocks[block],
                                    column << 9,
                                    sizes[column],
                                    total,
                                    target,
                                    least,
                                    best,
                                    present,
                                    work,
                                    bits,
                                    place,
                                )
                            elif stop - start <= RANKED:
                                gain = small_scalar(
                                    records,
                                    codes,
                                    byte,
                                    start,
                                    stop - start,
                                    total,
                                    target,
                                    least,
                                    best,
                                    shorts,
                                    present,
                                    bins,
                                    work,
                                    bits,
                                    place,
                                )
                            else:
                                gain = medium_scalar(
                                    records,
                                    codes,
                                    byte,
                                    start,
                                    stop,
                                    total,
                                    target,
                                    least,
                                    best,
                                    bins,
                                    present,
                                    work,
                                    bits,
                                    place,
                                )
                        if mode == CLASSES:
                            n_present = sort_rows(
                                records,
                                codes,
                                byte,
                                start,
                                stop,
                                bins,
                                present,
                                shorts,
                                sorted_rows,
                            )
                            gain = CONSTANT
                            if n_present > 1:
                                gain = best_of_classes(
                                    sorted_rows,
                                    stop - start,
                                    n_present,
                                    totals[node],
                                    n_sums - 1,
                                    entropy,
                                    exact,
                                    least,
                                    best,
                                    present,
                                    left_sums,
                                    work,
                                    bits,
                                    place,
                                )
                    n_tried += gain != CONSTANT
                    if gain > best:
                        best = gain
                        best_place[0], best_place[1] = column, (place[0] + place[1] - 1) // 2
                        best_place[2] = place[2]
                        for word in range(4):
                            best_sides[word] = some_sides[word]
                decrease = -1.0
                if best >= 0.0:
                    decrease = decrease_of(mode, best, totals, node, entropy, units, scale)
                if best >= 0.0 and decrease >= enough:
                    errors[node, 1] = decrease
                    nodes[node, COLUMN], nodes[node, CODE] = best_place[0], best_place[1]
                    nodes[node, MISSING_LEFT] = best_place[2]
                    if special and kinds[best_place[0]] == CATEGORICAL:
                        for word in range(4):
                            sides[node, word] = best_sides[word]
                    frontier[n_frontier] = node
                    n_frontier += 1
                elif block >= 0:
                    free[n_free] = block
                    n_free += 1

            n_leaves = (n_nodes + 1) // 2
            if n_frontier == 0 or (max_leaf_nodes > 0 and n_leaves >= max_leaf_nodes):
                break
            n_frontier -= 1
            if max_leaf_nodes > 0:
                chosen = 0
                for i in range(1, n_frontier + 1):
                    a, b = frontier[i], frontier[chosen]
                    if errors[a, 1] > errors[b, 1] or (errors[a, 1] == errors[b, 1] and a < b):
                        chosen = i
                frontier[chosen], frontier[n_frontier] = frontier[n_frontier], frontier[chosen]
            parent = frontier[n_frontier]
            column, last = nodes[parent, COLUMN], nodes[parent, CODE]
            categorical = special and kinds[column] == CATEGORICAL
            for code in range(256):
                go_left[code] = code <= last
                if categorical:
                    go_left[code] = (sides[parent, code >> 6] >> uint64(code & 63)) & uint64(1)
            if not categorical:
                go_left[0] = nodes[parent, MISSING_LEFT] == 1
            start, stop = nodes[parent, START], nodes[parent, STOP]
            middle = partition(records, scratch, codes, first + column, start, stop, go_left)
            for side in range(2):
                child = n_nodes + side
                nodes[child, START] = middle if side else start
                nodes[child, STOP] = stop if side else middle
                nodes[child, DEPTH] = nodes[parent, DEPTH] + 1
                nodes[child, KEY] = int64(
                    mix(uint64(nodes[parent, KEY]) * uint64(2) + uint64(side))
                )
            nodes[parent, CHILD] = n_nodes
            n_nodes += 2
            n_new = 2

        for node in range(n_nodes):
            child = nodes[node, CHILD]
            if child < 0:
                (
                    nodes[node, COLUMN],
                    nodes[node, CODE],
                    nodes[node, MISSING_LEFT],
                    errors[node, 1],
                ) = -2, 0, 0, 0.0
            elif nodes[node, MISSING_LEFT] == 2:
                nodes[node, MISSING_LEFT] = 2 * totals[child, 0] > totals[node, 0]
        depth_first(nodes, int64(n_nodes), listed, frontier)
        return n_nodes

    return grow
