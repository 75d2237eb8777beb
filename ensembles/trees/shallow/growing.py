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
from ensembles.trees.shallow.scanning import keep_split, scan_classes, scan_words
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
        reals: Array,
        shift: Any,
        seed: Any,
        n_planes: Any,
        nodes: Array,
        totals: Array,
        ranges: Array,
        place: Array,
    ) -> None:
        real = len(reals) == len(words)
        rows_in = 0
        ranges[0, 0], ranges[0, 1] = np.inf, -np.inf
        for plane in range(n_planes):
            running = uint64(0)
            for row in range(uint64(starts[plane]), uint64(starts[plane + 1])):
                place[row] = 0
                running += words[row]
                rows_in += words[row] != 0
                if real and words[row] != 0:
                    widen(ranges, 0, reals[row])
            if many:
                totals[0, plane] = int64(running)
            else:
                part_word(running, shift, totals, 0)
        nodes[0, ROWS_IN], nodes[0, DEPTH] = rows_in, 0
        nodes[0, KEY] = int64(mix(uint64(seed)))

    return begin_root


@part
def widen(ranges: Array, node: Any, y: Any) -> None:
    """Take a target into the range of a node."""
    ranges[node, 0] = smaller_of(ranges[node, 0], y)
    ranges[node, 1] = larger_of(ranges[node, 1], y)


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
                gain = INVALID
                if many:
                    gain = scan_classes(
                        cells,
                        base,
                        sizes[column],
                        n_planes,
                        side == 1,
                        total,
                        totals[node],
                        least,
                        tie,
                        work,
                        bits,
                    )
                else:
                    gain = scan_words(
                        cells,
                        base,
                        sizes[column],
                        settings[SHIFT],
                        cells[uint64(base)] if side == 1 else uint64(0),
                        total,
                        target,
                        least,
                        tie,
                        work,
                        bits,
                    )
                if gain > found * (1.0 + tie):
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


@once
def move_rows(
    codes: Array, words: Array, reals: Array, nodes: Array, ranges: Array, place: Array
) -> None:
    """Send the rows of the nodes that were split to the children."""
    real = len(reals) == len(words)
    for row in range(uint64(len(words))):
        node = uint64(place[row])
        child = nodes[node, CHILD]
        if child < 0:
            continue
        code = int64(codes[row, uint64(nodes[node, COLUMN])])
        goes_left = code <= nodes[node, CODE]
        if code == 0:
            goes_left = nodes[node, MISSING_LEFT] == 1
        child += not goes_left
        place[row] = child
        if words[row] != 0:
            nodes[child, ROWS_IN] += 1
            if real:
                widen(ranges, child, reals[row])


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
        begin_root(
            words,
            starts,
            reals,
            settings[SHIFT],
            settings[SEED],
            n_planes,
            nodes,
            totals,
            ranges,
            place,
        )
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
        move_rows(codes, words, reals, nodes, ranges, place)
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
