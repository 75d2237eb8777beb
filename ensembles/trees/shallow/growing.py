"""Grow the tree level by level: count, search, split, move the rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import float64, int64, uint8, uint32, uint64

from ensembles.trees.compiling import bound, kernel, larger_of, once, part, reads, smaller_of
from ensembles.trees.nodes import (
    CHILD,
    CODE,
    COLUMN,
    DEPTH,
    KEY,
    MISSING_LEFT,
    NAME,
    RIGHT,
    SAMPLES,
    name_nodes,
)
from ensembles.trees.shallow.counting import count_level
from ensembles.trees.shallow.scanning import (
    first_of_best,
    keep_split,
    scan_classes,
    scan_words,
)
from ensembles.trees.splitting import INVALID
from ensembles.trees.table import drawn_below, mix

Array = Any

SLOT, ROWS_IN, OPEN = range(7, 10)
"""More fields of a node: where its histograms are, how many rows it has, and whether it may split.
While the tree grows, RIGHT is where its parent's histograms are.
"""
MAX_DEPTH, MIN_SPLIT, BY_ROWS, SHIFT, N_SUMS, SEED, MOST = range(7)
"""Where the settings stand."""
UNCOUNTED = -1
"""What the growth returns where it waits for the histograms of a level."""


@lru_cache
def beginner(many: bool) -> Any:
    """Return what puts all rows into the root and sums it up."""

    @once
    def begin_root(
        words: Array,
        starts: Array,
        shift: Any,
        seed: Any,
        n_planes: Any,
        nodes: Array,
        totals: Array,
        place: Array,
    ) -> None:
        rows_in = 0
        for row in range(uint64(len(words))):
            place[row] = 0
        for plane in range(n_planes):
            running = uint64(0)
            for row in range(uint64(starts[plane]), uint64(starts[plane + 1])):
                running += words[row]
                rows_in += words[row] != 0
            if many:
                totals[0, plane] = int64(running)
            else:
                part_word(running, shift, totals, 0)
        nodes[0, ROWS_IN], nodes[0, DEPTH] = rows_in, 0
        nodes[0, KEY] = int64(mix(uint64(seed)))

    return begin_root


@part
def widen_ranges(
    first: Any, last: Any, words: Array, reals: Array, place: Array, ranges: Array
) -> None:
    """Widen the empty ranges of the new nodes to their targets, until none is a point."""
    n_points = last - first
    for row in range(uint64(len(words))):
        if n_points == 0:
            break
        node = int64(place[row])
        if node >= first and words[row] != 0 and ranges[node, 0] >= ranges[node, 1]:
            ranges[node, 0] = smaller_of(ranges[node, 0], reals[row])
            ranges[node, 1] = larger_of(ranges[node, 1], reals[row])
            n_points -= ranges[node, 0] < ranges[node, 1]


@part
def part_word(word: Any, shift: Any, totals: Array, node: Any) -> None:
    """Write the weight and the target of a sum of words."""
    totals[node, 0] = int64(word & ((1 << uint64(shift)) - 1))
    totals[node, 1] = int64(word) >> int64(shift)


@lru_cache
def opener(many: bool) -> Any:
    """Return what says which of the new nodes may split, and counts those."""

    @once
    def open_nodes(
        first: Any,
        last: Any,
        deeper: Any,
        least: Any,
        settings: Array,
        real: Any,
        nodes: Array,
        totals: Array,
        ranges: Array,
    ) -> Any:
        n_open = 0
        for node in range(first, last):
            nodes[node, CHILD], nodes[node, COLUMN] = -1, -2
            nodes[node, CODE] = nodes[node, MISSING_LEFT] = 0
            weight = int64(0)
            pure = False
            if many:
                for k in range(settings[N_SUMS]):
                    weight += totals[node, k]
                for k in range(settings[N_SUMS]):
                    pure |= totals[node, k] == weight
            else:
                weight = totals[node, 0]
                pure = totals[node, 1] == 0 or totals[node, 1] == weight
                if real:
                    pure = ranges[node, 0] >= ranges[node, 1]
            samples = nodes[node, ROWS_IN] if settings[BY_ROWS] else weight
            nodes[node, SAMPLES] = samples
            nodes[node, OPEN] = (
                not pure
                and deeper
                and samples >= settings[MIN_SPLIT]
                and samples >= 2
                and float64(weight) >= 2.0 * least
            )
            n_open += nodes[node, OPEN]
        return n_open

    return open_nodes


@once
def give_slots(first: Any, last: Any, nodes: Array, slots: Array) -> None:
    """Say where the histograms of the new nodes go, and in `slots` which of them are counted: of
    two children the one with fewer rows; its twin is what is left of the parent.
    """
    if first == 0:
        nodes[0, SLOT] = slots[0] = 0
        return
    n_slots = 0
    for node in range(last):
        slots[node] = -1
    for node in range(first):
        n_slots = larger_of(n_slots, nodes[node, SLOT] + 1)
    for node in range(first, last, 2):
        if nodes[node, OPEN] or nodes[node + 1, OPEN]:
            fewer = node + (nodes[node + 1, ROWS_IN] < nodes[node, ROWS_IN])
            slots[fewer] = nodes[fewer, SLOT] = n_slots
            nodes[2 * node + 1 - fewer, SLOT] = nodes[node, RIGHT]
            n_slots += 1


@once
def list_rows(
    first: Any,
    last: Any,
    words: Array,
    starts: Array,
    n_planes: Any,
    place: Array,
    slots: Array,
    listed: Array,
    segments: Array,
) -> Any:
    """List the rows of the nodes that are counted, node by node and plane by plane; return how
    many there are.
    """
    n_listed, n_segments = uint64(0), 0
    for node in range(first, last):
        if slots[node] < 0:
            continue
        for plane in range(n_planes):
            segments[n_segments] = n_listed
            n_segments += 1
            for row in range(uint64(starts[plane]), uint64(starts[plane + 1])):
                listed[n_listed] = row
                here = (int64(place[row]) == node) & (words[row] != 0)
                n_listed += uint64(here)
    segments[n_segments] = n_listed
    return int64(n_listed)


@lru_cache
def searcher(many: bool) -> Any:
    """Return what finds the best split of a node and writes it there."""

    @once
    def search(
        node: Any,
        n_columns: Any,
        n_planes: Any,
        settings: Array,
        thresholds: Array,
        sizes: Array,
        cells: Array,
        nodes: Array,
        totals: Array,
        work: Array,
        bits: Array,
        best: Array,
    ) -> Any:
        """Return whether there is one. Columns are visited in a cyclic order; of those that are as
        good but for a share of `tie` the first wins, and with it the missing on the right.
        """
        least, tie = thresholds[0], thresholds[1]
        total, target = 0.0, 0.0
        if many:
            for k in range(n_planes):
                total += float64(totals[node, k])
        else:
            total, target = float64(totals[node, 0]), float64(totals[node, 1])
        offset = drawn_below(uint64(nodes[node, KEY]), n_columns)
        found = INVALID
        for step in range(n_columns):
            column = step + offset
            if column >= n_columns:
                column -= n_columns
            base = (nodes[node, SLOT] * n_columns + column) * n_planes * 256
            missing = False
            for plane in range(n_planes):
                missing |= cells[uint64(base + plane * 256)] != 0
            for side in range(2 if missing else 1):
                enough = found * (1.0 + tie)
                if many:
                    top = scan_classes(
                        cells,
                        base,
                        sizes[column],
                        n_planes,
                        side == 1,
                        total,
                        totals[node],
                        least,
                        work,
                        bits,
                    )
                else:
                    top = scan_words(
                        cells,
                        base,
                        sizes[column],
                        settings[SHIFT],
                        cells[uint64(base)] if side == 1 else uint64(0),
                        total,
                        target,
                        least,
                        work,
                        bits,
                    )
                if top < 0.0 or top <= enough:
                    continue
                gain = first_of_best(top, tie, work)
                if gain > enough:
                    found = gain
                    keep_split(work, sizes[column], gain, missing and side == 0, best)
                    nodes[node, COLUMN], nodes[node, CODE] = column, best[0]
                    nodes[node, MISSING_LEFT] = side if missing else 2
        return found >= 0.0

    return search


@lru_cache
def splitter(many: bool) -> Any:
    """Return what makes the two children of a node and sums them up."""

    @once
    def split(
        node: Any,
        child: Any,
        n_columns: Any,
        n_planes: Any,
        settings: Array,
        sizes: Array,
        cells: Array,
        nodes: Array,
        totals: Array,
        ranges: Array,
    ) -> None:
        """The sums of the left child are read off the parent's histogram; where the node has no
        missing values, they will go to its heavier child.
        """
        column = nodes[node, COLUMN]
        base = (nodes[node, SLOT] * n_columns + column) * n_planes * 256
        begin = 0 if nodes[node, MISSING_LEFT] == 1 else 1
        until = smaller_of(nodes[node, CODE] + 1, sizes[column])
        for plane in range(n_planes):
            running = uint64(0)
            for code in range(begin, until):
                running += cells[uint64(base + plane * 256 + code)]
            if many:
                totals[child, plane] = int64(running)
            else:
                part_word(running, settings[SHIFT], totals, child)
        inside, weight = int64(0), int64(0)
        for k in range(settings[N_SUMS]):
            totals[child + 1, k] = totals[node, k] - totals[child, k]
            if many or k == 0:
                inside += totals[child, k]
                weight += totals[node, k]
        if nodes[node, MISSING_LEFT] == 2:
            nodes[node, MISSING_LEFT] = 2 * inside > weight
        nodes[node, CHILD] = child
        for side in range(2):
            own = child + side
            nodes[own, KEY] = int64(mix(uint64(nodes[node, KEY]) * 2 + uint64(side)))
            nodes[own, DEPTH], nodes[own, RIGHT] = nodes[node, DEPTH] + 1, nodes[node, SLOT]
            nodes[own, SLOT], nodes[own, ROWS_IN] = -1, 0
            ranges[own, 0], ranges[own, 1] = np.inf, -np.inf

    return split


WAYS, COUNTS = 256, 4
"""Nodes that a byte tells apart, and counts of a node's rows: of neighbouring rows none waits for
another's count.
"""


@once
def move_rows(
    codes: Array, words: Array, first: Any, last: Any, nodes: Array, place: Array, room: Array
) -> None:
    """Send the rows of the nodes that were split to their children, first..last - 1.

    The way from a node is one word, as in `traversing`; it leads from a leaf to itself. A column's
    number has room in 16 bits, since the histograms of more columns are too large for this way.
    """
    for node in range(first):
        child = nodes[node, CHILD]
        way = (node - 1) << 32
        if child >= 0:
            less = nodes[node, MISSING_LEFT] != 1
            bound = nodes[node, CODE] + (0 if less else 1)
            way = (child << 32) | (nodes[node, COLUMN] << 16) | (int64(less) << 9) | bound
        room[node] = way
    for each in range(uint64(WAYS), uint64(WAYS + COUNTS * WAYS)):
        room[each] = 0
    for row in range(uint64(len(words))):
        way = uint64(room[uint64(place[row])])
        code = uint64(codes[row, (way >> 16) & 0xFFFF])
        right = ((code - ((way >> 9) & 1)) & 0xFF) >= (way & 0x1FF)
        child = ((way >> 32) + uint64(right)) & 0xFF
        place[row] = child
        room[WAYS + (row & (COUNTS - 1)) * WAYS + child] += words[row] != 0
    for node in range(first, last):
        nodes[node, ROWS_IN] = 0
        for each in range(COUNTS):
            nodes[node, ROWS_IN] += room[WAYS + each * WAYS + node]


MANY: bool = False
begin_root: Any = None
open_nodes: Any = None
search: Any = None
split: Any = None
"""What `grower` binds `grow` to."""


def grow(
    codes: Array,
    words: Array,
    starts: Array,
    reals: Array,
    settings: Array,
    state: Array,
    thresholds: Array,
    sizes: Array,
    cells: Array,
    nodes: Array,
    totals: Array,
    ranges: Array,
    place: Array,
    listed: Array,
    segments: Array,
    slots: Array,
    work: Array,
    bits: Array,
    best: Array,
) -> int:
    """Grow a tree; return the number of its nodes, and in `place` the node of every row.

    Rows of one class lie together, from ``starts[class]`` on. `thresholds` are the least weight
    of a side, and the share of a gain by which another must exceed it to be the better one.
    Where a level has as many cells to count as `settings` allow, UNCOUNTED is returned: call
    again with the same `state` once `count` has been there.
    """
    n_columns, max_depth = codes.shape[1], settings[MAX_DEPTH]
    n_planes = settings[N_SUMS] if MANY else int64(1)
    real = len(reals) == codes.shape[0]
    level, first, last, n_nodes = state[0], state[1], state[2], state[3]
    counted = level >= 0
    if not counted:
        level, first, last, n_nodes = int64(0), int64(0), int64(1), int64(1)
        begin_root(words, starts, settings[SHIFT], settings[SEED], n_planes, nodes, totals, place)
        ranges[0, 0], ranges[0, 1] = np.inf, -np.inf
        if real:
            widen_ranges(0, 1, words, reals, place, ranges)
    while level <= max_depth:
        if not counted:
            deeper = level < max_depth
            if not open_nodes(
                first, last, deeper, thresholds[0], settings, real, nodes, totals, ranges
            ):
                break
            give_slots(first, last, nodes, slots)
            n_listed = list_rows(
                first, last, words, starts, n_planes, place, slots, listed, segments
            )
            if n_listed * n_columns >= settings[MOST]:
                state[0], state[1], state[2], state[3] = level, first, last, n_nodes
                return UNCOUNTED
            count_level(
                codes,
                words,
                listed,
                segments,
                slots,
                nodes,
                first,
                last,
                n_planes,
                uint64(0),
                uint64(n_columns),
                cells,
            )
        counted = False
        n_before = n_nodes
        for node in range(first, last):
            if nodes[node, OPEN] and search(
                node,
                n_columns,
                n_planes,
                settings,
                thresholds,
                sizes,
                cells,
                nodes,
                totals,
                work,
                bits,
                best,
            ):
                split(
                    node,
                    n_nodes,
                    n_columns,
                    n_planes,
                    settings,
                    sizes,
                    cells,
                    nodes,
                    totals,
                    ranges,
                )
                n_nodes += 2
        if n_nodes == n_before:
            break
        move_rows(codes, words, n_before, n_nodes, nodes, place, bits)
        if real and level + 1 < max_depth:
            widen_ranges(n_before, n_nodes, words, reals, place, ranges)
        first, last = n_before, n_nodes
        level += 1
    name_nodes(n_nodes, nodes, slots)
    if n_nodes > 3:
        for row in range(uint64(len(words))):
            place[row] = nodes[uint64(place[row]), NAME]
    return int(n_nodes)


@lru_cache
def grower(many: bool) -> Any:
    """Return the kernel for two classes and for numbers, or that for `many` classes."""
    bare = bound(
        grow,
        MANY=many,
        begin_root=beginner(many),
        open_nodes=opener(many),
        search=searcher(many),
        split=splitter(many),
    )
    signature = int64(
        reads(uint8, 2),
        uint64[::1],
        reads(int64, 1),
        reads(float64, 1),
        int64[::1],
        int64[::1],
        float64[::1],
        int64[::1],
        uint64[::1],
        int64[:, ::1],
        int64[:, ::1],
        float64[:, ::1],
        uint8[::1],
        uint32[::1],
        int64[::1],
        int64[::1],
        float64[::1],
        int64[::1],
        int64[::1],
    )
    return kernel(signature, name=f"grow_shallow_{many:d}")(bare)
