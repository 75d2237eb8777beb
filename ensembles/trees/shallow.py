"""Grow a shallow tree over all rows at once, level by level: what a round of boosting asks for.

Nothing is copied and no row moves: a row is a word of weight and target, its codes stay where they
are, and `place` says which node it is in. Sums are sums of integers, as in `histogram`, so the tree
is the one that `growing` grows from the same whole weights, node for node.

A word holds the weight in its lower `shift` bits and the weighted target, which may be negative,
above them: one addition does a cell. With more than two classes the word is the weight, and the
class is the last axis of the histogram: one addition as well, however many classes there are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import float64, int32, int64, types, uint8, uint32, uint64

from ensembles.trees.compiling import bound, kernel, larger_of, once, part, reads, smaller_of
from ensembles.trees.table import drawn_below, mix

Array = Any

LEFT, SUMS, GAINS, INSIDE, BESIDE = 0, 256, 512, 768, 1024
"""Where the numbers of a scan are in its room to work in."""
INVALID = -1.0
COLUMNS, FEWER = 8, 4
"""Columns counted in one pass: their histograms stay in the nearest cache."""
ROWS = 256
"""Rows counted for one group of columns before the next: their codes stay in the cache."""
CHILD, COLUMN, CODE, MISSING_LEFT, SAMPLES, DEPTH, RIGHT, KEY, SLOT, ROWS_IN, OPEN, NAME = range(12)
"""The fields of a node; NAME is its number in depth-first order."""
MAX_DEPTH, MIN_SPLIT, BY_ROWS, SHIFT, N_SUMS, SEED, MOST = range(7)
"""Where the settings stand."""
UNCOUNTED = -1
"""What the growth returns where it waits for the histograms of a level."""


@once
def count_columns(
    codes: Array,
    words: Array,
    listed: Array,
    start: Any,
    stop: Any,
    first: Any,
    n_columns: Any,
    base: Any,
    width: Any,
    cells: Array,
) -> None:
    """Add some listed rows to the histograms of neighbouring columns; where their number is known
    when this is compiled, the loop over them is written out.
    """
    here = base + first * width
    for i in range(start, stop):
        row = uint64(listed[i])
        word = words[row]
        for k in range(uint64(n_columns)):
            cells[here + k * width + uint64(codes[row, first + k])] += word


@part
def count_rows(
    codes: Array,
    words: Array,
    listed: Array,
    begin: Any,
    end: Any,
    low: Any,
    high: Any,
    base: Any,
    width: Any,
    cells: Array,
) -> None:
    """Add the rows listed from `begin` to `end` to the histograms of columns `low` to `high`, a few
    columns at a time; that of a column begins at base + column * width.
    """
    whole = low + ((high - low) & ~uint64(COLUMNS - 1))
    rest = whole + ((high - whole) & ~uint64(FEWER - 1))
    for start in range(begin, end, ROWS):
        stop = smaller_of(start + ROWS, end)
        for first in range(low, whole, COLUMNS):
            count_columns(codes, words, listed, start, stop, first, COLUMNS, base, width, cells)
        if rest > whole:
            count_columns(codes, words, listed, start, stop, whole, FEWER, base, width, cells)
        if high > rest:
            left_over = high - rest
            count_columns(codes, words, listed, start, stop, rest, left_over, base, width, cells)


@part
def count_level(
    codes: Array,
    words: Array,
    listed: Array,
    segments: Array,
    slots: Array,
    nodes: Array,
    first: Any,
    last: Any,
    n_planes: Any,
    low: Any,
    high: Any,
    cells: Array,
) -> None:
    """Count the listed rows of nodes first..last - 1, and take them off their parents' histograms,
    in columns low..high - 1.

    `slots` says where a node's histograms are, and is negative for a node that is not counted.
    `segments` are the places in `listed` at which the rows of a node and plane begin.
    """
    width = uint64(n_planes) << 8
    size = uint64(codes.shape[1]) * width
    at = uint64(0)
    for node in range(first, last):
        if slots[node] < 0:
            continue
        own = uint64(slots[node]) * size
        for cell in range(own + low * width, own + high * width):
            cells[cell] = 0
        for plane in range(uint64(n_planes)):
            begin, end = uint64(segments[at]), uint64(segments[at + 1])
            base = own + (plane << 8)
            count_rows(codes, words, listed, begin, end, low, high, base, width, cells)
            at += 1
        if node > 0:
            above = uint64(nodes[node, RIGHT]) * size
            for cell in range(low * width, high * width):
                cells[above + cell] -= cells[own + cell]


@part
def first_of_best(n_codes: Any, tie: Any, work: Array, bits: Array) -> Any:
    """Return the gain of the first split that is as good as the best, but for a share of `tie`.

    The greatest is sought among the bits of the gains: see `splitting`.
    """
    top = int64(-1)
    for code in range(1, uint64(n_codes)):
        top = bits[GAINS + code] if bits[GAINS + code] > top else top
    if top < 0:
        return INVALID
    code = uint64(1)
    while bits[GAINS + code] != top:
        code += 1
    enough = work[GAINS + code] * (1.0 - tie)
    code = uint64(1)
    while work[GAINS + code] < enough:
        code += 1
    return work[GAINS + code]


@part
def scan_words(
    cells: Array,
    base: Any,
    n_codes: Any,
    shift: Any,
    aside: Any,
    total: Any,
    target: Any,
    least: Any,
    tie: Any,
    work: Array,
    bits: Array,
) -> Any:
    """Return the best gain of a column, its gains in `work`; `aside` goes left with every split.

    The gain is ``(S_L W - W_L S)^2 / (W_L W_R)``, and its maximum is sought among its bits: see
    `splitting`.
    """
    mask = (1 << uint64(shift)) - 1
    running = uint64(aside)
    work[LEFT] = 0.0
    work[SUMS] = 0.0
    for code in range(1, uint64(n_codes)):
        running += cells[uint64(base) + code]
        work[LEFT + code] = float64(int64(running & mask))
        work[SUMS + code] = float64(int64(running) >> int64(shift))
    for code in range(uint64(n_codes)):
        left = work[LEFT + code]
        right = total - left
        slope = work[SUMS + code] * total - left * target
        gain = slope * slope / (left * right)
        work[GAINS + code] = gain if (left >= least) & (right >= least) else INVALID
    return first_of_best(n_codes, tie, work, bits)


@part
def scan_classes(
    cells: Array,
    base: Any,
    n_codes: Any,
    n_classes: Any,
    with_missing: Any,
    total: Any,
    totals: Array,
    least: Any,
    tie: Any,
    work: Array,
    bits: Array,
) -> Any:
    """Return the best gain ``sum_k W_Lk^2 / W_L + sum_k W_Rk^2 / W_R``, the gains in `work`.

    The sums of squares are whole numbers, made class by class: no weight takes more than 32 bits,
    and a vector instruction squares so short a number at once.
    """
    short = uint64(0xFFFFFFFF)
    for code in range(uint64(n_codes)):
        bits[LEFT + code] = 0
        bits[INSIDE + code] = 0
        bits[BESIDE + code] = 0
    for k in range(uint64(n_classes)):
        here = uint64(base) + (k << 8)
        running = cells[here] if with_missing else uint64(0)
        for code in range(1, uint64(n_codes)):
            running += cells[here + code]
            bits[SUMS + code] = int64(running)
        own = uint64(totals[k])
        for code in range(1, uint64(n_codes)):
            inside = uint64(bits[SUMS + code]) & short
            beside = (own - inside) & short
            bits[LEFT + code] += int64(inside)
            bits[INSIDE + code] += int64(inside * inside)
            bits[BESIDE + code] += int64(beside * beside)
    for code in range(1, uint64(n_codes)):
        left = float64(bits[LEFT + code])
        right = total - left
        squares = float64(bits[INSIDE + code]) / left
        gain = squares + float64(bits[BESIDE + code]) / right
        work[LEFT + code] = left
        work[GAINS + code] = gain if (left >= least) & (right >= least) else INVALID
    return first_of_best(n_codes, tie, work, bits)


@part
def keep_split(work: Array, n_codes: Any, top: Any, open_ended: Any, best: Array) -> None:
    """Write the last code on the left of the first split of gain `top`: the middle of the empty
    codes that follow it.
    """
    code = 1
    while work[GAINS + code] != top:
        code += 1
    following = code + 1
    while following < n_codes and work[LEFT + following] == work[LEFT + code]:
        following += 1
    best[0] = 255 if open_ended and following == n_codes else (code + following - 1) // 2
    best[1] = code


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


@once
def name_nodes(n_nodes: Any, nodes: Array, stack: Array) -> None:
    """Number the nodes depth first, left before right, and call the right children so."""
    stack[0], n_stack, n_named = 0, 1, 0
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        nodes[node, NAME] = n_named
        n_named += 1
        if nodes[node, CHILD] >= 0:
            stack[n_stack] = nodes[node, CHILD] + 1
            stack[n_stack + 1] = nodes[node, CHILD]
            n_stack += 2
    for node in range(n_nodes):
        child = nodes[node, CHILD]
        nodes[node, RIGHT] = nodes[child + 1, NAME] if child >= 0 else -1


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


@kernel(
    types.void(
        reads(uint8, 2),
        uint64[::1],
        uint32[::1],
        int64[::1],
        int64[::1],
        int64[:, ::1],
        int64[::1],
        int64,
        int64,
        int64,
        uint64[::1],
    )
)
def count(
    codes: Array,
    words: Array,
    listed: Array,
    segments: Array,
    slots: Array,
    nodes: Array,
    state: Array,
    n_planes: int,
    low: int,
    high: int,
    cells: Array,
) -> None:
    """Count the level at which the growth stopped, in columns low..high - 1."""
    count_level(
        codes,
        words,
        listed,
        segments,
        slots,
        nodes,
        state[1],
        state[2],
        n_planes,
        uint64(low),
        uint64(high),
        cells,
    )


@kernel(int64(reads(float64, 1), reads(int64, 1), float64, int64, uint64[::1]))
def encode_classes(weights: Array, classes: Array, scale: float, shift: int, words: Array) -> int:
    """Write a word for each row: its weight times `scale`, at least one unless it is nothing.

    With a `shift` above 0 the weight is repeated there for rows of class 1. Returns the sum of the
    weights.
    """
    total = int64(0)
    for row in range(uint64(len(weights))):
        share = uint64(weights[row] * scale + 0.5)
        share = larger_of(share, uint64(weights[row] > 0.0))
        total += int64(share)
        words[row] = share
        if shift > 0:
            words[row] = share | ((share * uint64(classes[row])) << uint64(shift))
    return int(total)


@kernel(int64(reads(float64, 1), reads(float64, 1), float64, float64, int64, uint64[::1]))
def encode_reals(
    weights: Array, target: Array, scale: float, target_scale: float, shift: int, words: Array
) -> int:
    """Write a word for each row: its weight, and its weighted target above it.

    Returns the sum of the weights.
    """
    total = int64(0)
    for row in range(uint64(len(weights))):
        share = int64(weights[row] * scale + 0.5)
        share = larger_of(share, int64(weights[row] > 0.0))
        total += share
        whole = int64(np.rint(weights[row] * target[row] * target_scale))
        words[row] = uint64(share) + (uint64(whole) << uint64(shift))
    return int(total)


@kernel(float64(reads(float64, 1), reads(float64, 1)))
def absolute_sum(weights: Array, target: Array) -> float:
    """Return the sum of |weight * target|."""
    total = 0.0
    for row in range(uint64(len(weights))):
        total += abs(weights[row] * target[row])
    return total


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


@kernel(types.void(reads(float64, 1), reads(float64, 1), int32[::1], int32[::1]))
def count_draws(reached: Array, uniform: Array, guide: Array, counts: Array) -> None:
    """Count how often each row is drawn: the first whose `reached` exceeds a uniform number.

    `reached` ascends to one. The guide says where to begin (Chen, Asau 1974), so that a draw takes
    a step or two in place of a binary search.
    """
    n = len(reached)
    row = 0
    for part_ in range(n):
        while row < n - 1 and reached[row] * n <= part_:
            row += 1
        guide[part_] = row
        counts[part_] = 0
    for i in range(uint64(len(uniform))):
        row = guide[smaller_of(int64(uniform[i] * n), n - 1)]
        while row > 0 and reached[row - 1] > uniform[i]:
            row -= 1
        while row < n - 1 and reached[row] <= uniform[i]:
            row += 1
        counts[row] += 1
