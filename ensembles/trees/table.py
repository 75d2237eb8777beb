"""Split a column that has no fast path: missing values, categories, random thresholds,
constraints, many outputs.

Works on a table of the codes that occur: table[code] = weight, then the sums of the targets (or
the weights of the classes), then the number of rows. Code 0 is missing. Between two columns the
table is empty: what is written is wiped, so that a node of few rows pays for few codes.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import larger_of, once, part, smaller_of
from ensembles.trees.histogram import CLASSES, OUTPUTS, PACKED, PAIRS
from ensembles.trees.splitting import CONSTANT, INVALID, classes_gain
from ensembles.trees.vectors import lowest_bit

Array = Any

PLAIN, MISSING, CATEGORICAL = 0, 1, 2
"""What a column holds: ordered values, ordered values with some missing, categories."""
ORDERS = 8
"""Classes or outputs by which categories are ordered in turn, where there are more than two."""


@once
def mix(key: Any) -> Any:
    """Scramble a 64-bit key (splitmix64, Steele et al. 2014): randomness is an address, not a
    tape.
    """
    key = uint64(key) + 0x9E3779B97F4A7C15
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB
    return key ^ (key >> 31)


@part
def drawn_below(key: Any, n: Any) -> Any:
    """Return an integer in [0, n) drawn by the key."""
    return int64(mix(key) % uint64(n))


@part
def tabulate(
    mode: Any,
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    table: Array,
    order: Array,
    seen: Array,
) -> Any:
    """Count one column of rows start..stop into an empty table; list the codes that occur, but for
    the missing, in `order`, and return their number.
    """
    last = uint64(table.shape[1] - 1)
    for word in range(uint64(4)):
        seen[word] = 0
    for row in range(uint64(start), uint64(stop)):
        code = uint64(codes[row, uint64(byte)])
        word = records[row, 0]
        seen[code >> 6] |= 1 << (code & 63)
        table[code, last] += 1
        if mode == PACKED:
            table[code, 0] += int64(word & 0xFFFFFFFF)
            table[code, 1] += int64(word >> 32)
        else:
            table[code, 0] += int64(word)
            if mode == CLASSES:
                table[code, records[row, 1] + 1] += int64(word)
            else:
                for channel in range(1, last):
                    table[code, channel] += int64(records[row, channel])
    n_present = int64(0)  # a literal is a type of its own: what takes it would be compiled twice
    seen[0] &= ~uint64(1)
    for word in range(uint64(4)):
        rest = seen[word]
        while rest != 0:
            order[n_present] = int64((word << 6) + lowest_bit(rest))
            rest &= rest - 1
            n_present += 1
    return n_present


@part
def tabulate_bins(
    mode: Any, histogram: Array, base: Any, n_codes: Any, table: Array, order: Array
) -> Any:
    """The same for two classes and for one target, from the bins of the column: one row stands for
    all of a code.
    """
    last = uint64(table.shape[1] - 1)
    n_present = int64(0)
    for code in range(uint64(n_codes)):
        cell = uint64(base) + (code if mode == PACKED else code * PAIRS)
        weight = histogram[cell]
        if weight == 0:
            continue
        if mode == PACKED:
            table[code, 0], table[code, 1] = int64(weight & 0xFFFFFFFF), int64(weight >> 32)
        else:
            table[code, 0] = int64(weight)
            table[code, 1] = int64(histogram[cell + 1])
        table[code, last] = 1
        order[n_present] = int64(code)
        n_present += code != 0
    return n_present


@part
def wipe(table: Array, order: Array, n_present: Any) -> None:
    """Empty the table of the missing and of the codes that are listed."""
    for channel in range(uint64(table.shape[1])):
        table[0, channel] = 0
    for i in range(uint64(n_present)):
        for channel in range(uint64(table.shape[1])):
            table[uint64(order[i]), channel] = 0


@part
def split_gain(
    mode: Any,
    left: Array,
    totals: Array,
    entropy: Any,
    units: Array,
    least: Any,
    least_rows: Any,
    sign: Any,
    lower: Any,
    upper: Any,
) -> Any:
    """Gain of a split from the sums on its left and in the node, or INVALID where it is not
    allowed.

    Both sides must be heavy enough; under a monotonic constraint of the column the children's
    means must be in its order and within the node's bounds. (Below other columns the means are
    clipped to the bounds, as in scikit-learn.)
    """
    last = totals.shape[0] - 1
    inside, beside = float64(left[0]), float64(totals[0] - left[0])
    if (
        smaller_of(inside, beside) < least
        or smaller_of(left[last], totals[last] - left[last]) < least_rows
    ):
        return INVALID
    if mode == OUTPUTS:
        gain = 0.0
        for k in range(1, last):
            mine, others = float64(left[k]), float64(totals[k] - left[k])
            gain += (mine * mine / inside + others * others / beside) * units[k - 1]
        return gain
    if sign != 0:
        of = last - 1  # the target, or the second of two classes
        mean, other = float64(left[of]) / inside, float64(totals[of] - left[of]) / beside
        if (
            (mean - other) * sign > 0
            or smaller_of(mean, other) < lower
            or larger_of(mean, other) > upper
        ):
            return INVALID
    if mode == CLASSES:
        return classes_gain(left, totals, last - 1, entropy)
    slope = float64(left[1]) * float64(totals[0]) - inside * float64(totals[1])
    return slope * slope / (inside * beside)


@part
def order_codes(table: Array, channel: Any, keys: Array, order: Array, n: Any) -> None:
    """Sort the codes by the mean of a channel, equal means by code."""
    for i in range(n):
        keys[order[i]] = float64(table[order[i], channel]) / float64(table[order[i], 0])
    for i in range(1, n):
        code = order[i]
        j = i
        while j > 0 and (
            keys[order[j - 1]] > keys[code]
            or (keys[order[j - 1]] == keys[code] and order[j - 1] > code)
        ):
            order[j] = order[j - 1]
            j -= 1
        order[j] = code


@part
def draw_sides(key: Any, categorical: Any, order: Array, n_present: Any, missing: Any) -> Any:
    """Draw a split (extremely randomised trees, Geurts et al. 2006); return the codes on the left,
    the edge, and where the missing go.

    The edge is drawn among the bin edges between the node's lowest and highest code. Of categories
    every set is as likely to go left, but none and all.
    """
    if n_present == 1:
        return 1, int64(255), int64(0)
    missing_left = int64(missing and drawn_below(key + 1, int64(2)) == 1)
    n_left, turn = int64(0), key + uint64(2)
    if categorical:
        while n_left == 0 or n_left == n_present:
            n_left = int64(0)
            for i in range(n_present):
                if drawn_below(turn, int64(2)) == 1:
                    order[n_left], order[i] = order[i], order[n_left]
                    n_left += 1
                turn += uint64(1)
        return n_left, order[n_left - 1], missing_left
    edge = order[0] + drawn_below(key + 2, order[n_present - 1] - order[0])
    while order[n_left] <= edge:
        n_left += 1
    return n_left, edge, missing_left


@part
def keep_sides(
    kind: Any,
    table: Array,
    order: Array,
    n_left: Any,
    n_present: Any,
    missing_left: Any,
    weight: Any,
    totals: Array,
    edge: Any,
    place: Array,
    sides: Array,
) -> None:
    """Write a split: last code left, where the missing go, and for categories the codes that go
    left as 256 bits.

    Where the node has no missing rows they follow the heavier child, and so do categories the node
    has not seen.
    """
    last = totals.shape[0] - 1
    if table[0, last] == 0:
        missing_left = int64(2 * weight > totals[0])
    if edge < 0:
        edge = 0 if n_left == 0 else order[n_left - 1]
        edge = (edge + order[n_left] - 1) // 2 if n_left < n_present else 255
    place[0], place[1], place[2] = edge, edge + 1, missing_left
    if kind == CATEGORICAL:
        # With the missing goes what the node has not seen: the rest is all codes but the listed.
        begin, end = (n_left, n_present) if missing_left == 1 else (int64(0), n_left)
        for word in range(4):
            sides[word] = ~uint64(0) if missing_left == 1 else uint64(0)
        for i in range(begin, end):
            sides[order[i] >> 6] ^= 1 << uint64(order[i] & 63)


@part
def search_table(
    mode: Any,
    n_present: Any,
    kind: Any,
    sign: Any,
    lower: Any,
    upper: Any,
    totals: Array,
    entropy: Any,
    units: Array,
    least: Any,
    least_rows: Any,
    random: Any,
    key: Any,
    best: Any,
    table: Array,
    keys: Array,
    order: Array,
    left: Array,
    place: Array,
    sides: Array,
) -> Any:
    """Best split of a tabulated column, whatever it holds; empties the table.

    Missing rows are tried on either side of each split, and against all others. Categories are
    ordered by their mean target (Fisher 1958), which finds the best of all two-way partitions for
    two classes and for squared error. With more classes, or several outputs, they are ordered by
    the share of each class (the mean of each output) in turn, the first `ORDERS` of them, and the
    best split along any of these orders is kept.
    """
    last = table.shape[1] - 1
    missing = table[0, last] > 0
    if n_present + missing < 2:
        wipe(table, order, n_present)
        return CONSTANT
    found = INVALID
    if random:
        n_left, edge, missing_left = draw_sides(key, kind == CATEGORICAL, order, n_present, missing)
        for channel in range(last + 1):
            left[channel] = table[0, channel] * missing_left
            for i in range(n_left):
                left[channel] += table[order[i], channel]
        found = split_gain(
            mode, left, totals, entropy, units, least, least_rows, sign, lower, upper
        )
        if found > best:
            keep_sides(
                kind,
                table,
                order,
                n_left,
                n_present,
                missing_left,
                left[0],
                totals,
                edge,
                place,
                sides,
            )
        wipe(table, order, n_present)
        return found
    n_orders = 1
    if kind == CATEGORICAL and (mode == CLASSES or mode == OUTPUTS):  # noqa: SIM109
        n_orders = smaller_of(ORDERS, last - 1)
    for turn in range(n_orders):
        if kind == CATEGORICAL:
            order_codes(table, turn + 1, keys, order, n_present)
        for missing_left in range(2 if missing else 1):
            for channel in range(last + 1):
                left[channel] = table[0, channel] * missing_left
            for split in range(n_present if missing and missing_left == 0 else n_present - 1):
                for channel in range(last + 1):
                    left[channel] += table[order[split], channel]
                gain = split_gain(
                    mode, left, totals, entropy, units, least, least_rows, sign, lower, upper
                )
                if gain > found:
                    found = gain
                    if gain > best:
                        keep_sides(
                            kind,
                            table,
                            order,
                            split + 1,
                            n_present,
                            missing_left,
                            left[0],
                            totals,
                            int64(-1),
                            place,
                            sides,
                        )
    wipe(table, order, n_present)
    return found
