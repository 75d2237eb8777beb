"""Find the best split of one column in one node.

A split sends the codes up to a bin left and the others right. What is maximised, written with W
the weight, S the weighted sum of the target, W_k the weight of class k, and L, R for the sides:

* two classes under Gini, and squared error: (S_L W - W_L S)^2 / (W_L W_R), which orders splits as
  the decrease of impurity does (Breiman et al. 1984, section 8.4): one product, no term per class;
* more classes under Gini: sum_k W_Lk^2 / W_L + sum_k W_Rk^2 / W_R;
* entropy: the decrease itself; several outputs: the sum over the outputs of
  S_L^2 / W_L + S_R^2 / W_R.

All sums are integers, so each of the ways below to find them gives the same gain to the last bit.
Among equal gains of a column the lowest bin wins; the cut is put in the middle of the empty bins
that follow it.

A function here returns the gain and, where it beats the best so far, writes the codes on either
side of the cut into `place`. `work` holds what a scan needs: weights, targets, gains and one
spare, `STEP` numbers each; `bits` are its bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import float64, int64, uint64

from ensembles.trees.compiling import larger_of, once, part, smaller_of
from ensembles.trees.fields import GAINS, LEFT, SEEN, SPARE, SUMS, in_fours, scan_fours
from ensembles.trees.histogram import CLASSES, PAIRS, bins_of, most_codes
from ensembles.trees.vectors import EIGHT, LANES, TWO, best_in_order, best_with, lowest_bit

Array = Any

INVALID = -1.0
"""The gain of a split that is not allowed; of a column that has none."""
CONSTANT = -2.0
"""The gain of a column that has one value in the node."""
FINE = float(1 << 26)
"""The weight below which sums of squares are exact as doubles."""


@part
def best_of_gains(n: Any, total: Any, least: Any, work: Array, bits: Array, place: Array) -> Any:
    """Best of n splits, given the gain of each and the weight on its left; its number is written
    into `place`.

    The maximum is taken over the bits of the gains: doubles that are not negative are ordered as
    integers are, and integers have a vector instruction for it.
    """
    for split in range(uint64(n)):
        left = work[LEFT + split]
        right = total - left
        gain = work[GAINS + split]
        # Not over the gain: that would become a masked store, which is slow on some processors.
        work[SPARE + split] = gain if (left >= least) & (right >= least) else INVALID
    return first_highest(n, work, bits, place)


@part
def first_highest(n: Any, work: Array, bits: Array, place: Array) -> Any:
    """Return the highest of n gains, which are INVALID or not negative; write the number of the
    first split that has it into `place`.
    """
    top = int64(-1)
    for split in range(uint64(n)):
        top = bits[SPARE + split] if bits[SPARE + split] > top else top
    if top < 0:
        return INVALID
    split = uint64(0)
    while bits[SPARE + split] != top:
        split += 1
    place[0] = int64(split)
    return work[SPARE + split]


@once
def following_code(work: Array, code: Any, n_codes: Any) -> Any:
    """Return the first code after a split that has rows, or the number of codes: an empty code
    repeats the weight before it.
    """
    following = uint64(code) + 1
    while following < uint64(n_codes) and work[LEFT + following] == work[LEFT + uint64(code)]:
        following += 1
    return int64(following)


@part
def gains_of_sums(n: Any, total: Any, target: Any, work: Array) -> None:
    """Write the gains of n splits from the weight and the target on the left of each."""
    for split in range(uint64(n)):
        left = work[LEFT + split]
        slope = work[SUMS + split] * total - left * target
        work[GAINS + split] = slope * slope / (left * (total - left))


@part
def gains_of_squares(n: Any, total: Any, work: Array) -> None:
    """Write the gains of n splits from the weight on the left, and the classes' squared weights on
    either side.
    """
    for split in range(uint64(n)):
        left = work[LEFT + split]
        squares, others = work[SUMS + split], work[SPARE + split]
        work[GAINS + split] = squares / left + others / (total - left)


@once
def squares_of_classes(
    histogram: Array, base: Any, n_codes: Any, totals: Array, n_classes: Any, work: Array
) -> None:
    """Write the weight on the left of each code, and the classes' squared weights on either side:
    class by class, all codes at once.
    """
    for code in range(uint64(n_codes)):
        work[LEFT + code] = 0.0
        work[SUMS + code] = 0.0
        work[SPARE + code] = 0.0
    for k in range(uint64(n_classes)):
        whole = float64(totals[k + 1])
        if whole == 0.0:
            continue
        running = uint64(0)
        for code in range(uint64(n_codes)):
            running += histogram[uint64(base) + (k << 8) + code]
            work[GAINS + code] = float64(int64(running))
        for code in range(uint64(n_codes)):
            mine = work[GAINS + code]
            others = whole - mine
            work[LEFT + code] += mine
            work[SUMS + code] += mine * mine
            work[SPARE + code] += others * others


@once
def general_gains(
    histogram: Array,
    base: Any,
    n_codes: Any,
    totals: Array,
    n_classes: Any,
    entropy: Any,
    left: Array,
    work: Array,
) -> None:
    """Write the gains after each code, whatever the criterion and the weights."""
    for k in range(uint64(n_classes) + 1):
        left[k] = 0
    for code in range(uint64(n_codes)):
        before = left[0]
        for k in range(uint64(n_classes)):
            weight = int64(histogram[uint64(base) + (k << 8) + code])
            left[k + 1] += weight
            left[0] += weight
        work[LEFT + code] = float64(left[0])
        if code > 0 and left[0] == before:
            work[GAINS + code] = work[GAINS + code - 1]
        else:
            work[GAINS + code] = classes_gain(left, totals, n_classes, entropy)


@part
def one_code(n_codes: Any, total: Any, work: Array) -> Any:
    """Tell whether the column that was scanned last holds one code."""
    found = True
    for code in range(uint64(n_codes)):
        left = work[LEFT + code]
        found &= (left == 0.0) | (left == float64(total))
    return found


@lru_cache
def scanner(mode: int) -> Any:
    """Return what finds the best split of a column from its full histogram, for a mode; of SCALAR
    see `scan_pairs`.
    """

    @once
    def scan(
        histogram: Array,
        base: Any,
        n_codes: Any,
        totals: Array,
        n_classes: Any,
        entropy: Any,
        exact: Any,
        least: Any,
        best: Any,
        left_sums: Array,
        work: Array,
        bits: Array,
        bins: Array,
        place: Array,
    ) -> Any:
        total, target = float64(totals[0]), float64(totals[1])
        if mode == CLASSES:
            if in_fours(n_classes, exact, entropy, totals[0]):
                scan_fours(histogram, base, n_codes, n_classes, total, least, bins, work)
            elif exact and not entropy and total < FINE:
                squares_of_classes(histogram, base, n_codes, totals, n_classes, work)
                gains_of_squares(n_codes, total, work)
            else:
                general_gains(histogram, base, n_codes, totals, n_classes, entropy, left_sums, work)
        else:
            counts = uint64(0)
            for code in range(uint64(n_codes)):
                counts += histogram[uint64(base) + code]
                work[LEFT + code] = float64(int64(counts & 0xFFFFFFFF))
                work[SUMS + code] = float64(int64(counts >> 32))
            gains_of_sums(n_codes, total, target, work)
        if mode == CLASSES and in_fours(n_classes, exact, entropy, totals[0]):
            gain = first_highest(n_codes, work, bits, place)
        else:
            gain = best_of_gains(n_codes, total, least, work, bits, place)
        if gain > best:
            place[1] = following_code(work, place[0], n_codes)
        return gain

    return scan


@once
def any_in_first(histogram: Array, base: Any) -> Any:
    """Tell whether any of eight columns holds a weight in its first bin, that of the missing."""
    found = False
    for lane in range(uint64(EIGHT)):
        found |= histogram[uint64(base) + TWO * lane] != 0
    return found


@once
def scan_pairs(
    gaps: Any,
    histogram: Array,
    first: Any,
    columns: Array,
    begin: Any,
    n_lanes: Any,
    sizes: Array,
    width: Any,
    totals: Array,
    least: Any,
    tops: Array,
    splits: Array,
    place: Any,
) -> None:
    """Find the best split of columns from their bins of weights and targets, eight at a time.

    The bins of columns[begin + lane] are the (first + lane)-th, see `fill_pairs`. The gain is
    written to tops[place + lane] and the code that is split after, less one, to
    splits[place + LANES + lane]; with `gaps` those with the missing on the left stand 2 LANES
    further.
    """
    total, target = float64(totals[0]), float64(totals[1])
    for lane in range(0, uint64(n_lanes), EIGHT):
        n_codes = int64(most_codes(columns, uint64(begin) + lane, uint64(begin + n_lanes), sizes))
        base, eight = bins_of(uint64(first) + lane, width), smaller_of(EIGHT, n_lanes - lane)
        top, split, n = uint64(place) + lane, uint64(place + LANES) + lane, n_codes - 1
        code = base + PAIRS
        best_in_order(tops, top, splits, split, histogram, code, eight, n, total, target, least)
        if gaps:
            n = n if any_in_first(histogram, base) else int64(0)
            top, split = top + 2 * LANES, split + 2 * LANES
            best_with(
                tops, top, splits, split, histogram, code, eight, n, total, target, least, base
            )


@part
def next_code(histogram: Array, base: Any, code: Any, n_codes: Any) -> Any:
    """Return the code that follows another of those that a column holds; their number where none
    does.
    """
    following = uint64(code) + 1
    while following < uint64(n_codes) and histogram[uint64(base) + following * PAIRS] == 0:
        following += 1
    return int64(following)


@part
def holds_one(histogram: Array, base: Any, n_codes: Any, total: Any) -> Any:
    """Tell whether a column has one code in a node of this weight."""
    found = False
    for code in range(uint64(n_codes)):
        found |= histogram[uint64(base) + code * PAIRS] == uint64(total)
    return found


@once
def sort_rows(
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    bins: Array,
    present: Array,
    sorted_rows: Array,
) -> Any:
    """Sort the rows of a node by code into sorted_rows[row, (weight, class << 8 | code)]; return
    the number of codes.
    """
    for row in range(uint64(start), uint64(stop)):
        code = uint64(codes[row, uint64(byte)])
        bins[code] += 1
        bins[SEEN + (code >> 6)] |= 1 << (code & 63)
    n_present = uint64(0)
    running = uint64(0)
    for word in range(uint64(4)):
        rest = bins[SEEN + word]
        bins[SEEN + word] = 0
        while rest != 0:
            code = (word << 6) + lowest_bit(rest)
            rest &= rest - 1
            count = bins[code]
            bins[code] = running
            running += count
            present[n_present] = int64(code)
            n_present += 1
    if n_present > 1:
        for row in range(uint64(start), uint64(stop)):
            code = uint64(codes[row, uint64(byte)])
            position = bins[code]
            bins[code] = position + 1
            sorted_rows[position, 0] = int64(records[row, 0])
            sorted_rows[position, 1] = int64((records[row, 1] << 8) | code)
    for split in range(n_present):
        bins[uint64(present[split])] = 0
    return n_present


@once
def best_of_classes(
    sorted_rows: Array,
    n: Any,
    n_present: Any,
    totals: Array,
    n_classes: Any,
    entropy: Any,
    exact: Any,
    least: Any,
    best: Any,
    present: Array,
    left: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split for many classes: move the sorted rows left one by one.

    Moving a row of weight w of a class that has l on the left adds w (2 l + w) to the sum of
    squares: the cost does not depend on the number of classes. Every row writes the split that
    follows its code, and the last row of the code has the last word, so that no branch asks where
    a code ends. Weights that are not counts are squared as doubles, and entropy needs logarithms:
    both are summed over the classes at each split.
    """
    a, b, weight = int64(0), int64(0), int64(0)
    total = totals[0]
    for k in range(uint64(n_classes)):
        left[k + 1] = 0
        b += totals[k + 1] * totals[k + 1]
    split = uint64(0)
    previous = uint64(sorted_rows[0, 1]) & 255
    fast = exact and not entropy
    for row in range(uint64(n)):
        key, moved = uint64(sorted_rows[row, 1]), sorted_rows[row, 0]
        code = key & 255
        k = (key >> 8) + 1
        if not fast and code != previous:
            left[0] = weight
            work[GAINS + split] = classes_gain(left, totals, n_classes, entropy)
        split += uint64(code != previous)
        previous = code
        before = left[k]
        a += moved * (2 * before + moved)
        b -= moved * (2 * (totals[k] - before) - moved)
        left[k] = before + moved
        weight += moved
        work[LEFT + split] = float64(weight)
        if fast:
            work[SUMS + split] = float64(a)
            work[SPARE + split] = float64(b)
    n_splits = int64(split)
    if fast:
        gains_of_squares(n_splits, float64(total), work)
    gain = best_of_gains(n_splits, float64(total), least, work, bits, place)
    if gain > best:
        split = uint64(place[0])
        place[0], place[1] = present[split], present[split + 1]
    return gain


@part
def x_log2_x(x: Any) -> Any:
    """Return x log2 x, with 0 log 0 = 0."""
    return x * np.log2(larger_of(x, 1e-300))


@part
def classes_gain(left: Array, totals: Array, n_classes: Any, entropy: Any) -> Any:
    """Gain of a split from the class weights on its left and in the node; both begin with the
    whole weight.
    """
    inside, beside = float64(left[0]), float64(totals[0] - left[0])
    if entropy:
        gain = x_log2_x(inside + beside) - x_log2_x(inside) - x_log2_x(beside)
        for k in range(1, n_classes + 1):
            mine, others = float64(left[k]), float64(totals[k] - left[k])
            gain += x_log2_x(mine) + x_log2_x(others) - x_log2_x(mine + others)
        return larger_of(gain, 0.0)
    squares_left, squares_right = 0.0, 0.0
    for k in range(1, n_classes + 1):
        mine, others = float64(left[k]), float64(totals[k] - left[k])
        squares_left += mine * mine
        squares_right += others * others
    return squares_left / inside + squares_right / beside
