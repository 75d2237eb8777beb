"""Grow a tree: take the next node of the frontier, part its rows, look for the best splits of the
children.

The rows in the bag are copied once into records, and each split moves a node's records so that
every node is one contiguous block: each pass over a node reads memory in order, which is why the
cost of a cell is the same at ten thousand and at ten million rows.
"""

from __future__ import annotations

from functools import lru_cache
from threading import local
from typing import Any, NamedTuple

import numpy as np
from numba import float64, int8, int64, typeof, types, uint8, uint64

from ensembles.trees.compiling import (
    bound,
    kernel,
    larger_of,
    once,
    part,
    reads,
    smaller_of,
)
from ensembles.trees.fields import (
    BINS,
    fill_classes,
    in_eights,
    in_fours,
    join_fours,
    scan_eights,
    spell_eights,
    sum_eights,
)
from ensembles.trees.histogram import (
    CLASSES,
    OUTPUTS,
    PACKED,
    PAIRS,
    SCALAR,
    bins_of,
    fill_drawn_pairs,
    filler,
    most_codes,
)
from ensembles.trees.missing import missing_scanner
from ensembles.trees.small import (
    LIGHT,
    LOWEST,
    PLANE,
    ROWS,
    SHEET,
    SPLITS,
    find_lowest,
    highest_lane,
    is_constant,
    lay_sheet,
    placer,
    surveyor,
    turn_codes,
)
from ensembles.trees.splitting import (
    CONSTANT,
    INVALID,
    best_of_classes,
    first_highest,
    holds_one,
    next_code,
    one_code,
    scan_pairs,
    scanner,
    sort_rows,
)
from ensembles.trees.table import (
    CATEGORICAL,
    MISSING,
    drawn_below,
    mix,
    search_table,
    tabulate,
    tabulate_bins,
)
from ensembles.trees.vectors import EIGHT, FOUR, LANES, TWO, copy_four, copy_two

Array = Any


class Settings(NamedTuple):
    """What a kernel is told; all integers, so that a compiled kernel serves every parameter."""

    n_rows: int
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
    width: int
    keep: int
    sheet_width: int


(
    N_ROWS, N_COLUMNS, FIRST, N_SUMS, ENTROPY, EXACT, BY_ROWS, MAX_DEPTH, MIN_SPLIT, MIN_LEAF,
    MAX_FEATURES, MAX_LEAF_NODES, RANDOM, SEED, CAPACITY, N_BLOCKS, CONSTRAINED, WIDTH, KEEP,
    SHEET_WIDTH,
) = range(len(Settings._fields))  # fmt: skip
"""Where the settings stand."""


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


@once
def partition(
    records: Array, scratch: Array, codes: Array, byte: Any, start: Any, stop: Any, go_left: Array
) -> Any:
    """Move the records that go left before those that go right; return where the right begins.

    Every record is written to both ends and one of the two writes is then overwritten: cheaper
    than a branch that is mispredicted half of the time.
    """
    words = uint64(records.shape[1])
    left = uint64(start) * words
    right = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        goes = uint64(go_left[codes[row, uint64(byte)]]) * words
        if words == FOUR:
            copy_four(scratch, right, records, row * words)
            copy_four(records, left, records, row * words)
        else:
            for word in range(0, words, TWO):
                copy_two(scratch, right + word, records, row * words + word)
                copy_two(records, left + word, records, row * words + word)
        left += goes
        right += words - goes
    for word in range(0, right, TWO):
        copy_two(records, left + word, scratch, word)
    return int64(left // words)


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


RIGHT, DEPTH, COLUMN, CODE, MISSING_LEFT, SAMPLES, CHILD, START, STOP, BLOCK, KEY, PLACE = range(12)
"""The fields of a node; the first six outlive the growing. PLACE says first whether it may
split.
"""


@once
def take_best(frontier: Array, last: Any, errors: Array) -> None:
    """Put the node last whose split decreases impurity most; of equals the oldest."""
    chosen = 0
    for i in range(1, last + 1):
        a, b = frontier[i], frontier[chosen]
        if errors[a, 1] > errors[b, 1] or (errors[a, 1] == errors[b, 1] and a < b):
            chosen = i
    frontier[chosen], frontier[last] = frontier[last], frontier[chosen]


@once
def tell_sides(node: Any, categorical: Any, nodes: Array, sides: Array, go_left: Array) -> None:
    """Write which codes go left at a node's split."""
    last_code = nodes[node, CODE]
    for code in range(256):
        go_left[code] = code <= last_code
        if categorical:
            go_left[code] = (sides[node, code >> 6] >> uint64(code & 63)) & 1
    if not categorical:
        go_left[0] = nodes[node, MISSING_LEFT] == 1


@once
def begin_children(parent: Any, left: Any, middle: Any, nodes: Array) -> None:
    """Give the two children of a node, the left one first, their rows and their keys."""
    for side in range(2):
        child = left + side
        nodes[child, START] = middle if side else nodes[parent, START]
        nodes[child, STOP] = nodes[parent, STOP] if side else middle
        nodes[child, DEPTH] = nodes[parent, DEPTH] + 1
        nodes[child, KEY] = int64(mix(uint64(nodes[parent, KEY]) * 2 + uint64(side)))
    nodes[parent, CHILD] = left


@once
def close_nodes(n_nodes: Any, nodes: Array, errors: Array, totals: Array) -> None:
    """Forget the splits that were found for leaves; where a node had no missing values, send them
    to its heavier child.
    """
    for node in range(n_nodes):
        child = nodes[node, CHILD]
        if child < 0:
            nodes[node, COLUMN], nodes[node, CODE], nodes[node, MISSING_LEFT] = -2, 0, 0
            errors[node, 1] = 0.0
        elif nodes[node, MISSING_LEFT] == 2:
            nodes[node, MISSING_LEFT] = 2 * totals[child, 0] > totals[node, 0]


@once
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
    sheet: Array
    counts: Array
    folded: Array
    sums: Array
    present: Array
    keys: Array
    order: Array
    choice: Array
    left_sums: Array
    columns: Array
    table: Array
    best_sides: Array
    some_sides: Array
    sorted_rows: Array
    go_left: Array
    frontier: Array
    listed: Array


LINE = 64
"""Bytes of a line of the cache, and of the widest register."""


def in_lines(n: int, kind: Any) -> Array:
    """Return zeros that begin where a line of the cache does: a register is then filled from one
    line, not from two.
    """
    room = np.zeros(n * np.dtype(kind).itemsize + LINE, np.uint8)
    return room[-room.ctypes.data % LINE :][: n * np.dtype(kind).itemsize].view(kind)


class Scratch(local):
    """The arrays whose size does not depend on the tree; each thread has its own."""

    def __init__(self) -> None:
        self.work = in_lines(PLANE + 2 * LANES, np.float64)
        self.bits = self.work.view(np.int64)
        self.bins = in_lines(BINS, np.uint64)
        self.sheet = in_lines(SHEET, np.uint8)
        self.counts = in_lines(2 * PLANE, np.uint8)
        self.folded = in_lines(3 * PLANE, np.uint16)
        self.sums = in_lines(2 * PLANE, np.int64)
        self.present = np.zeros(257, np.int64)
        self.keys = np.zeros(256)
        self.order = np.zeros(257, np.int64)
        self.choice = np.zeros(6, np.int64)
        self.best_sides = np.zeros(4, np.uint64)
        self.some_sides = np.zeros(4, np.uint64)
        self.go_left = np.zeros(256, np.uint8)


SCRATCH = Scratch()
FREE = np.array([[-np.inf, np.inf]])
"""The bounds of a node that nothing constrains."""


def desk_for(mode: int, special: bool, settings: Settings, records: Array) -> Desk:
    """Set a desk for one tree."""
    capacity, n_sums, n_columns = settings.capacity, settings.n_sums, settings.n_columns
    rows = capacity if special else 1
    n_kept = n_columns if settings.n_blocks else min(n_columns, LANES)
    n_kept += -n_kept % EIGHT if mode == SCALAR else 0
    return Desk(
        nodes=np.empty((capacity, 12), np.int64),
        errors=np.empty((capacity, 2)),
        totals=np.empty((capacity, n_sums + 1), np.int64),
        sides=np.zeros((rows, 4), np.uint64),
        bounds=np.repeat(FREE, rows, axis=0) if settings.constrained else FREE,
        scratch=np.empty_like(records),
        blocks=np.empty((settings.n_blocks + 1, n_kept * settings.width), np.uint64),
        free=np.arange(settings.n_blocks + 1),
        left_sums=np.zeros(n_sums + 1, np.int64),
        columns=np.arange(n_columns),
        table=np.zeros((256 if special else 1, n_sums + 1), np.int64),
        sorted_rows=np.empty((len(records) if mode == CLASSES else 1, 2), np.int64),
        frontier=np.empty(capacity + 1, np.int64),
        listed=np.empty(capacity, np.int64),
        **SCRATCH.__dict__,
    )


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
        nodes[node, PLACE] = (
            not pure
            and nodes[node, DEPTH] < settings[MAX_DEPTH]
            and samples >= settings[MIN_SPLIT]
            and samples >= 2 * settings[MIN_LEAF]
            and float64(totals[node, 0]) >= 2.0 * least
        )

    return open_node


@part
def holds_fours(settings: Array, weight: Any) -> Any:
    """Tell whether the histograms of a node of this weight hold four classes a word."""
    return in_fours(settings[N_SUMS] - 1, settings[EXACT], settings[ENTROPY], weight)


@lru_cache
def keeper(mode: int) -> Any:
    """Return what gives two new nodes, or the root, the histograms that are worth keeping."""
    fill = filler(mode)

    @once
    def keep_histograms(
        records: Array,
        codes: Array,
        settings: Array,
        parent: Any,
        larger: Any,
        smaller: Any,
        nodes: Array,
        totals: Array,
        sizes: Array,
        every: Array,
        blocks: Array,
        free: Array,
        n_free: Any,
    ) -> Any:
        """Count the smaller child; the larger is what is left of the parent. Return the number of
        free blocks.
        """
        last = totals.shape[1] - 1
        keep = nodes[larger, PLACE] and totals[larger, last] >= settings[KEEP]
        keep_smaller = nodes[smaller, PLACE] and totals[smaller, last] >= settings[KEEP]
        above = nodes[parent, BLOCK] if parent >= 0 else -1
        counted = -1
        if keep and n_free > 0 and (above >= 0 or parent < 0):
            counted = free[n_free - 1]
        elif keep_smaller and above >= 0:
            counted = above
        if counted >= 0 and mode == CLASSES:
            fours = holds_fours(settings, totals[parent if parent >= 0 else larger, 0])
            fill_classes(
                fours,
                records,
                codes,
                settings[FIRST],
                every,
                settings[N_COLUMNS],
                last - 1,
                sizes,
                settings[WIDTH],
                nodes[smaller, START],
                nodes[smaller, STOP],
                blocks[counted],
            )
        if counted >= 0 and mode != CLASSES:
            fill(
                records,
                codes,
                settings[FIRST],
                every,
                settings[N_COLUMNS],
                sizes,
                settings[WIDTH],
                nodes[smaller, START],
                nodes[smaller, STOP],
                blocks[counted],
            )
        if counted >= 0 and keep_smaller:
            nodes[smaller, BLOCK] = counted
            n_free -= counted != above
        if counted >= 0 and above >= 0 and counted != above:
            step = EIGHT * settings[WIDTH] if mode == SCALAR else 256
            for table in range(0, settings[N_COLUMNS] * settings[WIDTH], step):
                column = table // settings[WIDTH]
                used = uint64(sizes[column])
                if mode == SCALAR:
                    used = most_codes(every, column, settings[N_COLUMNS], sizes) * PAIRS
                for cell in range(uint64(table), uint64(table) + used):
                    blocks[above, cell] -= blocks[counted, cell]
            nodes[larger, BLOCK] = above
        elif above >= 0 and counted != above:
            free[n_free] = above
            n_free += 1
        if mode == CLASSES and counted >= 0 and not fours:
            for child in range(smaller_of(smaller, larger), larger_of(smaller, larger) + 1):
                if nodes[child, BLOCK] >= 0 and holds_fours(settings, totals[child, 0]):
                    block = blocks[nodes[child, BLOCK]]
                    join_fours(last - 1, settings[N_COLUMNS], settings[WIDTH], block)
        return n_free

    return keep_histograms


@part
def draw_columns(columns: Array, key: Any, begin: Any, end: Any) -> None:
    """Draw the columns begin..end of a random order, of which those before are drawn already."""
    for step in range(begin, end):
        chosen = step + drawn_below(key + uint64(step), len(columns) - step)
        columns[step], columns[chosen] = columns[chosen], columns[step]


@part
def has_missing(codes: Array, byte: Any, start: Any, stop: Any) -> Any:
    """Tell whether a column has missing values in a node."""
    missing = False
    for row in range(uint64(start), uint64(stop)):
        missing |= codes[row, uint64(byte)] == 0
    return missing


@once
def beats(gain: Any, rank: Any, best: Any, best_rank: Any) -> Any:
    """Tell whether a column's split is better than the best so far; of equals the first is."""
    return gain > best or (gain == best and gain >= 0.0 and rank < best_rank)


TABLED, SURVEYED, FILLED, KEPT, SORTED, COUNTED = range(6)
"""How the columns of a node are searched: each by a table of its codes; all at once, every row
against every other; by histograms filled for the node, or kept since its parent; each row by
row, in the order of the codes; or each by the sums up to the codes that occur.
"""


@lru_cache
def chooser(mode: int, special: bool) -> Any:
    """Return what chooses how a node is searched."""

    @once
    def choose(settings: Array, n_rows: Any, weight: Any, block: Any) -> Any:
        if mode == OUTPUTS:
            return TABLED
        if special and (settings[RANDOM] or (settings[BY_ROWS] and settings[MIN_LEAF] > 1)):
            return TABLED
        small = n_rows <= ROWS and n_rows * settings[SHEET_WIDTH] <= PLANE
        if mode != SCALAR:
            small = small and float64(weight) <= LIGHT
        if mode == CLASSES:
            small = small and settings[EXACT] and not settings[ENTROPY]
        if small:
            return SURVEYED
        if block >= 0:
            return KEPT
        if mode == CLASSES and n_rows < settings[KEEP]:
            if in_eights(settings[N_SUMS] - 1, settings[EXACT], settings[ENTROPY], weight):
                return COUNTED
            return SORTED
        return FILLED

    return choose


@once
def any_missing(
    sheet: Array, n: Any, width: Any, begin: Any, n_lanes: Any, columns: Array, kinds: Array
) -> Any:
    """Tell whether a column on the sheet, of ordered values, has missing ones in the node."""
    may, missing = False, False
    for lane in range(n_lanes):
        may |= kinds[columns[begin + lane]] == MISSING
    if may:
        find_lowest(sheet, n, width)
        for lane in range(n_lanes):
            missing |= kinds[columns[begin + lane]] == MISSING and sheet[LOWEST + lane] == 0
    return missing


@once
def place_missing(turn: Any, gapped: Any, place: Array) -> None:
    """Correct the place of a split that was found on a sheet with missing values: where these were
    the highest codes, the others were one less.
    """
    if turn == 0:
        place[0] += 1
        place[1] += 1
    if gapped:
        place[2] = turn
    if place[1] == 256:  # the missing against all others, whatever their code
        place[0] = 255


@lru_cache
def preparer(mode: int) -> Any:
    """Return what is done for some columns of a node at once, before they are surveyed or looked
    at.
    """
    fill = filler(mode)

    @once
    def prepare(
        how: Any,
        columns: Array,
        begin: Any,
        n_lanes: Any,
        drawn: Any,
        start: Any,
        stop: Any,
        records: Array,
        codes: Array,
        settings: Array,
        sizes: Array,
        histogram: Array,
        sheet: Array,
        least: Any,
        totals: Array,
        work: Array,
        bits: Array,
        sorted_rows: Array,
    ) -> None:
        first, n, width = settings[FIRST], stop - start, settings[SHEET_WIDTH]
        if how == SURVEYED:
            lay_sheet(codes, first, columns, begin, n_lanes, not drawn, start, n, width, sheet)
        some, cells = columns[begin:], settings[WIDTH]
        if mode == SCALAR and how == FILLED and drawn:
            fill_drawn_pairs(
                records, codes, first, some, n_lanes, sizes, cells, start, stop, histogram
            )
        elif mode != CLASSES and how == FILLED:
            fill(records, codes, first, some, n_lanes, sizes, cells, start, stop, histogram)
        if mode == CLASSES and how == COUNTED:
            spell_eights(records, start, stop, sorted_rows)
        if mode == CLASSES and how == FILLED:
            fill_classes(
                holds_fours(settings, totals[0]),
                records,
                codes,
                first,
                some,
                n_lanes,
                len(totals) - 2,
                sizes,
                cells,
                start,
                stop,
                histogram,
            )
        if mode == SCALAR and how >= FILLED:
            scan_pairs(
                histogram,
                0 if how == FILLED else begin,
                columns,
                begin,
                n_lanes,
                sizes,
                settings[WIDTH],
                totals,
                least,
                work,
                bits,
                PLANE,
            )

    return prepare


@part
def is_one_code(
    how: Any,
    lane: Any,
    column: Any,
    n: Any,
    settings: Array,
    sizes: Array,
    totals: Array,
    sheet: Array,
    histogram: Array,
) -> Any:
    """Tell whether a drawn column has one code in a node."""
    if how == SURVEYED:
        return is_constant(sheet, lane, n, settings[SHEET_WIDTH])
    return holds_one(histogram, bins_of(lane, settings[WIDTH]), sizes[column], totals[0])


@part
def n_constant(
    how: Any,
    columns: Array,
    n_lanes: Any,
    n: Any,
    settings: Array,
    sizes: Array,
    totals: Array,
    sheet: Array,
    histogram: Array,
    tops: Array,
) -> Any:
    """Return how many of the columns drawn last have one code in a node."""
    found = 0
    for lane in range(n_lanes):
        if tops[PLANE + lane] < 0.0:
            found += is_one_code(
                how, lane, columns[lane], n, settings, sizes, totals, sheet, histogram
            )
    return found


@lru_cache
def looker(mode: int) -> Any:
    """Return what finds the best split of a column after `prepare`, where there is no table."""
    scan = scanner(mode)

    @once
    def look(
        how: Any,
        lane: Any,
        column: Any,
        drawn: Any,
        start: Any,
        stop: Any,
        beaten: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        sizes: Array,
        totals: Array,
        histogram: Array,
        work: Array,
        bits: Array,
        bins: Array,
        sheet: Array,
        present: Array,
        left: Array,
        sorted_rows: Array,
        place: Array,
    ) -> Any:
        n, n_classes = stop - start, len(totals) - 2
        if mode == SCALAR:
            gain = work[PLANE + lane]
            if drawn and gain < 0.0:
                every = is_one_code(how, lane, column, n, settings, sizes, totals, sheet, histogram)
                return CONSTANT if every else INVALID
            if how != SURVEYED and gain > beaten:
                base = bins_of(lane if how == FILLED else column, settings[WIDTH])
                place[0] = bits[SPLITS + lane]
                place[1] = next_code(histogram, base, place[0])
            return gain
        if how == SURVEYED:
            if bits[PLANE + lane] >= 0:
                return work[PLANE + lane]
            if drawn and is_constant(sheet, lane, n, settings[SHEET_WIDTH]):
                return CONSTANT
            return INVALID
        exact, entropy = settings[EXACT], settings[ENTROPY]
        if mode == CLASSES and how == COUNTED:
            byte = settings[FIRST] + column
            n_codes = sum_eights(codes, byte, start, stop, n_classes, sorted_rows, bins, present)
            if n_codes < 2:
                return CONSTANT
            scan_eights(n_codes, n_classes, float64(totals[0]), least, bins, work)
            gain = first_highest(n_codes, work, bits, place)
            if gain > beaten:
                split = uint64(place[0])
                place[0], place[1] = present[split], present[split + 1]
            return gain
        if mode == CLASSES and how == SORTED:
            byte = settings[FIRST] + column
            n_codes = sort_rows(records, codes, byte, start, stop, bins, present, sorted_rows)
            if n_codes < 2:
                return CONSTANT
            return best_of_classes(
                sorted_rows,
                n,
                n_codes,
                totals,
                n_classes,
                entropy,
                exact,
                least,
                beaten,
                present,
                left,
                work,
                bits,
                place,
            )
        base = (lane if how == FILLED else column) * settings[WIDTH]
        gain = scan(
            histogram,
            base,
            sizes[column],
            totals,
            n_classes,
            entropy,
            exact,
            least,
            beaten,
            left,
            work,
            bits,
            bins,
            place,
        )
        if drawn and gain < 0.0 and one_code(sizes[column], totals[0], work):
            return CONSTANT
        return gain

    return look


USUAL, GAPPED, TABULAR = range(3)
"""How a column of a node is looked at: as ordered values, as such of which some are missing, or by
a table of its codes.
"""


@part
def table_of(i: Any, width: Any) -> Any:
    """Return where the bins of the i-th column begin, where each column has its own."""
    return uint64(i) * uint64(width)


@lru_cache
def teller(mode: int) -> Any:
    """Return what tells the way in which a column is looked at, where it may not be the usual."""

    @once
    def tell_way(
        how: Any,
        lane: Any,
        column: Any,
        base: Any,
        start: Any,
        stop: Any,
        codes: Array,
        settings: Array,
        kinds: Array,
        signs: Array,
        sheet: Array,
        histogram: Array,
    ) -> Any:
        if mode == OUTPUTS or how == TABLED or kinds[column] == CATEGORICAL or signs[column] != 0:
            return TABULAR
        if kinds[column] != MISSING:
            return USUAL
        if how == SURVEYED:
            return GAPPED if sheet[LOWEST + lane] == 0 else USUAL
        if mode != CLASSES:
            return GAPPED if histogram[base] != 0 else USUAL
        byte = settings[FIRST] + column
        return TABULAR if has_missing(codes, byte, start, stop) else USUAL

    return tell_way


@lru_cache
def tabler(mode: int) -> Any:
    """Return what finds the best split of a column by a table of its codes."""

    @once
    def search_rows(
        how: Any,
        column: Any,
        base: Any,
        start: Any,
        stop: Any,
        key: Any,
        beaten: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        kind: Any,
        sign: Any,
        n_codes: Any,
        units: Array,
        totals: Array,
        within: Array,
        histogram: Array,
        table: Array,
        keys: Array,
        order: Array,
        left_sums: Array,
        place: Array,
        sides: Array,
    ) -> Any:
        n_present = int64(0)
        if mode != CLASSES and mode != OUTPUTS and (how == FILLED or how == KEPT):  # noqa: SIM109
            n_present = tabulate_bins(mode, histogram, base, n_codes, table, order)
        else:
            byte = settings[FIRST] + column
            n_present = tabulate(mode, records, codes, byte, start, stop, table, order, sides)
        return search_table(
            mode,
            n_present,
            kind,
            sign,
            within[0],
            within[1],
            totals,
            settings[ENTROPY],
            units,
            least,
            settings[MIN_LEAF] if settings[BY_ROWS] else 1,
            settings[RANDOM],
            key,
            beaten,
            table,
            keys,
            order,
            left_sums,
            place,
            sides,
        )

    return search_rows


@lru_cache
def searcher(mode: int, special: bool) -> Any:
    """Return what finds the best split of a node."""
    choose, prepare, look = chooser(mode, special), preparer(mode), looker(mode)
    survey, find_place, scan_missing = surveyor(mode), placer(mode), missing_scanner(mode)
    tell_way, search_rows = teller(mode), tabler(mode)
    bins_begin = bins_of if mode == SCALAR else table_of
    binned, together = mode in (PACKED, SCALAR), mode == SCALAR and not special

    @once
    def search(
        node: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        kinds: Array,
        sizes: Array,
        signs: Array,
        units: Array,
        nodes: Array,
        totals: Array,
        bounds: Array,
        blocks: Array,
        work: Array,
        bits: Array,
        bins: Array,
        sheet: Array,
        counts: Array,
        folded: Array,
        sums: Array,
        present: Array,
        keys: Array,
        order: Array,
        choice: Array,
        left_sums: Array,
        columns: Array,
        table: Array,
        best_sides: Array,
        some_sides: Array,
        sorted_rows: Array,
    ) -> Any:
        """Return the gain of the best split; write its column, the last code that goes left, and
        where the missing go, into `choice[3:]`, and its categories into `best_sides`.

        Columns are visited in a cyclic order, or in a random one until enough were tried; of equal
        gains the first wins.
        """
        n_columns, max_features = settings[N_COLUMNS], settings[MAX_FEATURES]
        start, stop, block = nodes[node, START], nodes[node, STOP], nodes[node, BLOCK]
        key, own = uint64(nodes[node, KEY]), totals[node]
        n, width = stop - start, settings[SHEET_WIDTH]
        how = choose(settings, n, own[0], block)
        histogram = blocks[blocks.shape[0] - 1 if how == FILLED else block]
        drawn = max_features < n_columns
        offset = 0 if drawn else drawn_below(key, n_columns)
        if drawn:
            for column in range(n_columns):
                columns[column] = column
        best, best_rank, n_tried, n_seen, batch = INVALID, n_columns, 0, 0, n_columns
        while n_seen < n_columns and (n_tried < max_features or best < 0.0):
            if drawn:
                batch = smaller_of(larger_of(max_features - n_tried, 1), n_columns - n_seen)
                draw_columns(columns, key, int64(n_seen), n_seen + batch)
            for begin in range(n_seen, n_seen + batch, LANES):
                n_lanes = smaller_of(LANES, n_seen + batch - begin)
                n_turns = 1
                if mode != OUTPUTS:
                    prepare(
                        how,
                        columns,
                        begin,
                        n_lanes,
                        drawn,
                        start,
                        stop,
                        records,
                        codes,
                        settings,
                        sizes,
                        histogram,
                        sheet,
                        least,
                        own,
                        work,
                        bits,
                        sorted_rows,
                    )
                if special and how == SURVEYED:
                    n_turns += any_missing(sheet, n, width, begin, n_lanes, columns, kinds)
                # Missing values are surveyed on the right first, as the highest of all codes, then
                # on the left, as the lowest.
                for turn in range(n_turns):
                    if special and n_turns == 2:
                        turn_codes(sheet, n, width, 1 if turn else 255)
                    if mode != OUTPUTS and how == SURVEYED:
                        survey(
                            records,
                            start,
                            n,
                            own,
                            least,
                            n_lanes,
                            width,
                            sheet,
                            counts,
                            folded,
                            sums,
                            work,
                            bits,
                        )
                    first_lane, last_lane = 0, n_lanes
                    if together:  # of all lanes but the best, it matters only how many may be split
                        first_lane = highest_lane(bits, n_lanes, offset - begin)
                        last_lane = first_lane + 1
                        n_tried += n_lanes - 1
                        if drawn:
                            n_tried -= n_constant(
                                how,
                                columns[begin:],
                                n_lanes,
                                n,
                                settings,
                                sizes,
                                own,
                                sheet,
                                histogram,
                                work,
                            )
                    for lane in range(first_lane, last_lane):
                        column = columns[begin + lane]
                        rank = begin + lane - offset
                        if rank < 0:
                            rank += n_columns
                        beaten = best if rank > best_rank else INVALID
                        gain, way = INVALID, USUAL
                        choice[2] = 2
                        if special:
                            base = bins_begin(lane if how == FILLED else column, settings[WIDTH])
                            way = tell_way(
                                how,
                                lane,
                                column,
                                base,
                                start,
                                stop,
                                codes,
                                settings,
                                kinds,
                                signs,
                                sheet,
                                histogram,
                            )
                            if turn == 1 and way != GAPPED:
                                continue
                            top = work[PLANE + lane]
                            if mode == SCALAR and turn == 1 and beats(top, rank, best, best_rank):
                                # The missing alone, tried already on the right, may seem better by
                                # the last bit of a product.
                                find_place(sheet, lane, n, width, counts, bits, choice)
                                way = GAPPED if choice[0] else TABULAR
                        if special and way == TABULAR:
                            at = node if settings[CONSTRAINED] else 0
                            gain = search_rows(
                                how,
                                column,
                                base,
                                start,
                                stop,
                                mix(key ^ uint64(column + 1)),
                                beaten,
                                records,
                                codes,
                                settings,
                                least,
                                kinds[column],
                                signs[column],
                                sizes[column],
                                units,
                                own,
                                bounds[at],
                                histogram,
                                table,
                                keys,
                                order,
                                left_sums,
                                choice,
                                some_sides,
                            )
                        elif special and binned and way == GAPPED and how != SURVEYED:
                            gain = scan_missing(
                                histogram,
                                base,
                                sizes[column],
                                own,
                                least,
                                beaten,
                                work,
                                bits,
                                choice,
                            )
                        elif mode != OUTPUTS:
                            gain = look(
                                how,
                                lane,
                                column,
                                drawn and not together,
                                start,
                                stop,
                                beaten,
                                records,
                                codes,
                                settings,
                                least,
                                sizes,
                                own,
                                histogram,
                                work,
                                bits,
                                bins,
                                sheet,
                                present,
                                left_sums,
                                sorted_rows,
                                choice,
                            )
                        n_tried += turn == 0 and gain != CONSTANT
                        if beats(gain, rank, best, best_rank):
                            best, best_rank = gain, rank
                            if how == SURVEYED and way != TABULAR:
                                find_place(sheet, lane, n, width, counts, bits, choice)
                                if special and n_turns == 2:
                                    place_missing(turn, way == GAPPED, choice)
                            choice[3], choice[4] = column, (choice[0] + choice[1] - 1) // 2
                            choice[5] = choice[2]
                            if special:
                                for word in range(4):
                                    best_sides[word] = some_sides[word]
            n_seen += batch
        return best

    return search


def signature() -> Any:
    """Return what a growing kernel takes and gives."""
    some = desk_for(CLASSES, True, Settings(*[1] * len(Settings._fields)), np.empty((1, 2), "u8"))
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
        *map(typeof, some),
    )


MODE: int = PACKED
SPECIAL: bool = False
open_node: Any = None
keep_histograms: Any = None
search: Any = None
"""What `grower` binds `grow` to."""


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
    sheet: Array,
    counts: Array,
    folded: Array,
    sums: Array,
    present: Array,
    keys: Array,
    order: Array,
    choice: Array,
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
    max_leaf_nodes, n_free = settings[MAX_LEAF_NODES], settings[N_BLOCKS]
    nodes[0, DEPTH], nodes[0, START], nodes[0, STOP] = 0, 0, settings[N_ROWS]
    nodes[0, KEY] = int64(mix(uint64(settings[SEED])))
    n_nodes, n_new, n_frontier = 1, 1, 0
    parent = int64(-1)  # a literal is a type of its own: what takes it would be compiled twice
    while True:
        for node in range(n_nodes - n_new, n_nodes):
            open_node(records, reals, settings, least, node, nodes, totals, errors)
        if SPECIAL and settings[CONSTRAINED] and parent >= 0:
            sign = signs[nodes[parent, COLUMN]]
            bind_children(n_nodes - 2, n_nodes - 1, parent, sign, totals, bounds)
        larger = smaller = n_nodes - 1
        last = totals.shape[1] - 1
        if n_new == 2:
            smaller = n_nodes - 2
            if totals[smaller, last] >= totals[larger, last]:
                larger, smaller = smaller, larger
        if MODE != OUTPUTS:
            n_free = keep_histograms(
                records,
                codes,
                settings,
                parent,
                larger,
                smaller,
                nodes,
                totals,
                sizes,
                columns,
                blocks,
                free,
                n_free,
            )
        # The larger child goes on the stack first: few histograms then wait at a time.
        for turn in range(n_new):
            node = larger if turn == 0 else smaller
            if not nodes[node, PLACE]:
                continue
            best = search(
                node,
                records,
                codes,
                settings,
                least,
                kinds,
                sizes,
                signs,
                units,
                nodes,
                totals,
                bounds,
                blocks,
                work,
                bits,
                bins,
                sheet,
                counts,
                folded,
                sums,
                present,
                keys,
                order,
                choice,
                left_sums,
                columns,
                table,
                best_sides,
                some_sides,
                sorted_rows,
            )
            decrease = -1.0
            if best >= 0.0:
                decrease = decrease_of(MODE, best, totals, node, settings[ENTROPY], units, scale)
            if best >= 0.0 and decrease >= enough:
                errors[node, 1] = decrease
                nodes[node, COLUMN], nodes[node, CODE] = choice[3], choice[4]
                nodes[node, MISSING_LEFT] = choice[5]
                if SPECIAL and kinds[choice[3]] == CATEGORICAL:
                    for word in range(4):
                        sides[node, word] = best_sides[word]
                frontier[n_frontier] = node
                n_frontier += 1
            elif nodes[node, BLOCK] >= 0:
                free[n_free] = nodes[node, BLOCK]
                n_free += 1

        n_leaves = (n_nodes + 1) // 2
        if n_frontier == 0 or (max_leaf_nodes > 0 and n_leaves >= max_leaf_nodes):
            break
        n_frontier -= 1
        if max_leaf_nodes > 0:
            take_best(frontier, n_frontier, errors)
        parent = frontier[n_frontier]
        column, start, stop = nodes[parent, COLUMN], nodes[parent, START], nodes[parent, STOP]
        tell_sides(parent, SPECIAL and kinds[column] == CATEGORICAL, nodes, sides, go_left)
        byte = settings[FIRST] + column
        middle = partition(records, scratch, codes, byte, start, stop, go_left)
        begin_children(parent, n_nodes, middle, nodes)
        n_nodes += 2
        n_new = 2
    close_nodes(n_nodes, nodes, errors, totals)
    depth_first(nodes, int64(n_nodes), listed, frontier)
    return n_nodes


@lru_cache
def grower(mode: int, special: bool) -> Any:
    """Return the kernel that grows trees for one mode; `special` if a column needs more than the
    fast paths.

    What the mode does not need is cut out before it is compiled: a first fit waits for one kernel,
    not for all.
    """
    bare = bound(
        grow,
        MODE=mode,
        SPECIAL=special,
        open_node=opener(mode),
        keep_histograms=keeper(mode),
        search=searcher(mode, special),
    )
    return kernel(signature(), name=f"grow_{mode}_{special:d}")(bare)
