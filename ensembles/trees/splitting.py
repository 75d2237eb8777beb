"""Find the best split of one column in one node.

A split sends the codes up to a bin left and the others right. What is maximised, written with W
the weight, S the weighted sum of the target, W_k the weight of class k, and L, R for the sides:

* two classes under Gini, and squared error: (S_L W - W_L S)^2 / (W_L W_R), which orders splits as
the decrease of
  impurity does (Breiman et al. 1984, section 8.4): one product, no term per class;
* more classes under Gini: sum_k W_Lk^2 / W_L + sum_k W_Rk^2 / W_R;
* entropy: the decrease itself; several outputs: the sum over the outputs of S_L^2 / W_L + S_R^2 /
W_R.

All sums are integers, so each of the ways below to find them gives the same gain to the last bit.
Among equal gains of a column the lowest bin wins; the cut is put in the middle of the empty bins
that follow it.

A function here returns the gain and, where it beats the best so far, writes the codes on either
side of the cut into `place`. `work` holds what a scan needs: weights, targets, gains and one
spare, `STEP` numbers each; `bits` are its bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, uint64

from ensembles.trees.compiling import inlined, lowest_bit, part

Array = Any

INVALID = -1.0
"""The gain of a split that is not allowed; of a column that has none."""
CONSTANT = -2.0
"""The gain of a column that has one value in the node."""
SMALL = 64
"""Rows up to which every pair of rows is compared, and no bin is touched."""
RANKED = 32
"""Rows up to which rows are sorted by comparing every pair."""
STEP = 512
LEFT, SUMS, GAINS, SPARE = 0, STEP, 2 * STEP, 3 * STEP
SEEN = 512
"""Where the mask of occupied bins lies, behind the bins."""


@part
def scan_sums(
    n: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    present: Array,
    named: Any,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best of n splits, given the weight and the target on the left of each: a vector loop without
    a branch.

    The maximum is taken over the bits of the gains: doubles that are not negative are ordered as
    integers are, and integers have a vector instruction for it. Split i cuts after code i, or
    after `present[i]` if the codes are `named`; else the codes are all listed, and an empty one
    repeats the split before it, so it needs no test.
    """
    for split in range(uint64(n)):
        left = work[uint64(LEFT) + split]
        right = total - left
        slope = work[uint64(SUMS) + split] * total - left * target
        gain = slope * slope / (left * right)
        work[uint64(GAINS) + split] = gain if (left >= least) & (right >= least) else INVALID
    top = int64(-1)
    for split in range(uint64(n)):
        top = bits[uint64(GAINS) + split] if bits[uint64(GAINS) + split] > top else top
    if top < 0:
        return INVALID
    split = uint64(0)
    while bits[uint64(GAINS) + split] != top:
        split += uint64(1)
    found = work[uint64(GAINS) + split]
    if found > best:
        following = split + uint64(1)
        if named != uint64(0):
            place[0], place[1] = present[split], present[following]
        else:
            while work[uint64(LEFT) + following] == work[uint64(LEFT) + split]:
                following += uint64(1)
            place[0], place[1] = int64(split), int64(following)
    return found


@part
def scan_packed(
    histogram: Array,
    base: Any,
    n_codes: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    present: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split from a full histogram of packed counts."""
    running = uint64(0)
    for code in range(uint64(n_codes)):
        running += histogram[uint64(base) + code]
        work[uint64(LEFT) + code] = float64(int64(running & uint64(0xFFFFFFFF)))
        work[uint64(SUMS) + code] = float64(int64(running >> uint64(32)))
    return scan_sums(
        uint64(n_codes), total, target, least, best, present, uint64(0), work, bits, place
    )


@part
def scan_scalar(
    histogram: Array,
    base: Any,
    n_codes: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    present: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split from a full histogram of weights and targets."""
    weight = uint64(0)
    sums = uint64(0)
    for code in range(uint64(n_codes)):
        cell = uint64(base) + (code << uint64(1))
        weight += histogram[cell]
        sums += histogram[cell + uint64(1)]
        work[uint64(LEFT) + code] = float64(int64(weight))
        work[uint64(SUMS) + code] = float64(int64(sums))
    return scan_sums(
        uint64(n_codes), total, target, least, best, present, uint64(0), work, bits, place
    )


@part
def small_packed(
    codes: Array,
    byte: Any,
    start: Any,
    n: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    shorts: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split of up to SMALL rows: each row's code as a threshold, every other row compared
    with it.

    Quadratic, yet a handful of vector instructions a row: nothing is sorted and nothing
    mispredicted, which is what small nodes spent their time on. `shorts` holds the rows' payload
    (weight | weight of class 1 << 8), their codes and the sums on the left.
    """
    padded = (uint64(n) + uint64(15)) & uint64(0xFFF0)
    for row in range(padded):
        shorts[uint64(SMALL) + row] = 0
        shorts[uint64(2 * SMALL) + row] = 0
    for row in range(uint64(n)):
        shorts[uint64(SMALL) + row] = codes[uint64(start) + row, uint64(byte)]
    for row in range(uint64(n)):
        payload, code = shorts[row], shorts[uint64(SMALL) + row]
        for other in range(padded):
            goes = code <= shorts[uint64(SMALL) + other]
            shorts[uint64(2 * SMALL) + other] += payload if goes else np.uint16(0)
    for row in range(padded):
        sums = shorts[uint64(2 * SMALL) + row]
        left = float64(np.int32(sums & 0xFF))
        right = total - left
        slope = float64(np.int32(sums >> 8)) * total - left * target
        gain = slope * slope / (left * right)
        work[uint64(GAINS) + row] = gain if (left >= least) & (right >= least) else INVALID
    top = int64(-1)
    for row in range(padded):
        top = bits[uint64(GAINS) + row] if bits[uint64(GAINS) + row] > top else top
    lowest, highest = np.uint16(256), np.uint16(0)
    if top < 0:
        for row in range(uint64(n)):
            lowest = min(lowest, shorts[uint64(SMALL) + row])
            highest = max(highest, shorts[uint64(SMALL) + row])
        return CONSTANT if lowest == highest else INVALID
    found = INVALID
    for row in range(uint64(n)):
        if bits[uint64(GAINS) + row] == top:
            found = work[uint64(GAINS) + row]
            lowest = min(lowest, shorts[uint64(SMALL) + row])
    if found > best:
        above = np.uint16(256)
        for row in range(uint64(n)):
            code = shorts[uint64(SMALL) + row]
            above = min(above, code if code > lowest else np.uint16(256))
        place[0], place[1] = int64(lowest), int64(above)
    return found


@part
def medium_packed(
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    bins: Array,
    present: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split of a node of some hundred rows: count one column, then visit only the bins that
    occur.
    """
    for row in range(uint64(start), uint64(stop)):
        code = uint64(codes[row, uint64(byte)])
        bins[code] += records[row, uint64(0)]
        bins[uint64(SEEN) + (code >> uint64(6))] |= uint64(1) << (code & uint64(63))
    n_present = uint64(0)
    running = uint64(0)
    for word in range(uint64(4)):
        rest = bins[uint64(SEEN) + word]
        bins[uint64(SEEN) + word] = uint64(0)
        while rest != uint64(0):
            code = (word << uint64(6)) + lowest_bit(rest)
            rest &= rest - uint64(1)
            running += bins[code]
            bins[code] = uint64(0)
            present[n_present] = int64(code)
            work[uint64(LEFT) + n_present] = float64(int64(running & uint64(0xFFFFFFFF)))
            work[uint64(SUMS) + n_present] = float64(int64(running >> uint64(32)))
            n_present += uint64(1)
    if n_present == uint64(1):
        return CONSTANT
    return scan_sums(
        n_present - uint64(1), total, target, least, best, present, uint64(1), work, bits, place
    )


@part
def medium_scalar(
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    bins: Array,
    present: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """As `medium_packed`, for a weight and a target that need a word each."""
    for row in range(uint64(start), uint64(stop)):
        code = uint64(codes[row, uint64(byte)])
        bins[code << uint64(1)] += records[row, uint64(0)]
        bins[(code << uint64(1)) + uint64(1)] += records[row, uint64(1)]
        bins[uint64(SEEN) + (code >> uint64(6))] |= uint64(1) << (code & uint64(63))
    n_present = uint64(0)
    weight = uint64(0)
    sums = uint64(0)
    for word in range(uint64(4)):
        rest = bins[uint64(SEEN) + word]
        bins[uint64(SEEN) + word] = uint64(0)
        while rest != uint64(0):
            code = (word << uint64(6)) + lowest_bit(rest)
            rest &= rest - uint64(1)
            cell = code << uint64(1)
            weight += bins[cell]
            sums += bins[cell + uint64(1)]
            bins[cell] = uint64(0)
            bins[cell + uint64(1)] = uint64(0)
            present[n_present] = int64(code)
            work[uint64(LEFT) + n_present] = float64(int64(weight))
            work[uint64(SUMS) + n_present] = float64(int64(sums))
            n_present += uint64(1)
    if n_present == uint64(1):
        return CONSTANT
    return scan_sums(
        n_present - uint64(1), total, target, least, best, present, uint64(1), work, bits, place
    )


@part
def rank_rows(codes: Array, byte: Any, start: Any, n: Any, shorts: Array) -> None:
    """Write the rank of each of up to RANKED rows by code, equal codes in order, to shorts[2 *
    SMALL + row].

    Every row is compared with every other, sixteen at a time; codes are left at shorts[SMALL +
    row], times 256.
    """
    padded = (uint64(n) + uint64(15)) & uint64(0xFFF0)
    for row in range(padded):
        shorts[uint64(SMALL) + row] = 0xFFFF
        shorts[uint64(2 * SMALL) + row] = 0
    for row in range(uint64(n)):
        shorts[uint64(SMALL) + row] = (
            uint64(codes[uint64(start) + row, uint64(byte)]) << uint64(8)
        ) | row
    for row in range(uint64(n)):
        key = shorts[uint64(SMALL) + row]
        for other in range(padded):
            goes = key < shorts[uint64(SMALL) + other]
            shorts[uint64(2 * SMALL) + other] += np.uint16(1) if goes else np.uint16(0)


@part
def small_scalar(
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    n: Any,
    total: Any,
    target: Any,
    least: Any,
    best: Any,
    shorts: Array,
    present: Array,
    bins: Array,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Best split of up to RANKED rows by a weight and a target: they are put in order by rank,
    then summed up.

    Between rows of one code the weight on the left is written as nothing, which no split may have.
    """
    rank_rows(codes, byte, start, n, shorts)
    for row in range(uint64(n)):
        rank = uint64(shorts[uint64(2 * SMALL) + row])
        present[rank] = int64(shorts[uint64(SMALL) + row] >> 8)
        bins[rank] = records[uint64(start) + row, uint64(0)]
        bins[uint64(256) + rank] = records[uint64(start) + row, uint64(1)]
    weight = uint64(0)
    sums = uint64(0)
    for row in range(uint64(n)):
        weight += bins[row]
        sums += bins[uint64(256) + row]
        bins[row] = uint64(0)
        bins[uint64(256) + row] = uint64(0)
        ends = present[row] != present[row + uint64(1)]
        work[uint64(LEFT) + row] = float64(int64(weight)) if ends else 0.0
        work[uint64(SUMS) + row] = float64(int64(sums))
    if present[uint64(0)] == present[uint64(n - 1)]:
        return CONSTANT
    return scan_sums(
        uint64(n - 1), total, target, least, best, present, uint64(1), work, bits, place
    )


@part
def sort_rows(
    records: Array,
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    bins: Array,
    present: Array,
    shorts: Array,
    sorted_rows: Array,
) -> Any:
    """Sort the rows of a node by code into sorted_rows[row, (weight, class << 8 | code)]; return
    the number of codes.
    """
    if stop - start <= RANKED:
        n = uint64(stop - start)
        rank_rows(codes, byte, start, n, shorts)
        for row in range(n):
            rank = uint64(shorts[uint64(2 * SMALL) + row])
            code = uint64(shorts[uint64(SMALL) + row] >> 8)
            sorted_rows[rank, uint64(0)] = int64(records[uint64(start) + row, uint64(0)])
            sorted_rows[rank, uint64(1)] = int64(
                (records[uint64(start) + row, uint64(1)] << uint64(8)) | code
            )
        n_found = uint64(0)
        present[uint64(0)] = sorted_rows[uint64(0), uint64(1)] & 255
        for row in range(n):
            code = uint64(sorted_rows[row, uint64(1)] & 255)
            n_found += uint64(code != uint64(present[n_found]))
            present[n_found] = int64(code)
        return n_found + uint64(1)
    for row in range(uint64(start), uint64(stop)):
        code = uint64(codes[row, uint64(byte)])
        bins[code] += uint64(1)
        bins[uint64(SEEN) + (code >> uint64(6))] |= uint64(1) << (code & uint64(63))
    n_present = uint64(0)
    running = uint64(0)
    for word in range(uint64(4)):
        rest = bins[uint64(SEEN) + word]
        bins[uint64(SEEN) + word] = uint64(0)
        while rest != uint64(0):
            code = (word << uint64(6)) + lowest_bit(rest)
            rest &= rest - uint64(1)
            count = bins[code]
            bins[code] = running
            running += count
            present[n_present] = int64(code)
            n_present += uint64(1)
    if n_present > uint64(1):
        for row in range(uint64(start), uint64(stop)):
            code = uint64(codes[row, uint64(byte)])
            position = bins[code]
            bins[code] = position + uint64(1)
            sorted_rows[position, uint64(0)] = int64(records[row, uint64(0)])
            sorted_rows[position, uint64(1)] = int64((records[row, uint64(1)] << uint64(8)) | code)
    for split in range(n_present):
        bins[uint64(present[split])] = uint64(0)
    return n_present


@part
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
        left[k + uint64(1)] = 0
        b += totals[k + uint64(1)] * totals[k + uint64(1)]
    split = uint64(0)
    previous = uint64(sorted_rows[uint64(0), uint64(1)]) & uint64(255)
    fast = exact and not entropy
    for row in range(uint64(n)):
        key, moved = uint64(sorted_rows[row, uint64(1)]), sorted_rows[row, uint64(0)]
        code = key & uint64(255)
        k = (key >> uint64(8)) + uint64(1)
        if not fast and code != previous:
            left[0] = weight
            work[uint64(GAINS) + split] = classes_gain(left, totals, n_classes, entropy)
        split += uint64(code != previous)
        previous = code
        before = left[k]
        a += moved * (2 * before + moved)
        b -= moved * (2 * (totals[k] - before) - moved)
        left[k] = before + moved
        weight += moved
        work[uint64(LEFT) + split] = float64(weight)
        if fast:
            work[uint64(SUMS) + split] = float64(a)
            work[uint64(SPARE) + split] = float64(b)
    if fast:
        for s in range(split):
            inside = work[uint64(LEFT) + s]
            gain = work[uint64(SUMS) + s] / inside + work[uint64(SPARE) + s] / (
                float64(total) - inside
            )
            work[uint64(GAINS) + s] = gain
    for s in range(split):
        inside = work[uint64(LEFT) + s]
        gain = work[uint64(GAINS) + s]
        work[uint64(GAINS) + s] = (
            gain if (inside >= least) & (float64(total) - inside >= least) else INVALID
        )
    top = int64(-1)
    for s in range(split):
        top = bits[uint64(GAINS) + s] if bits[uint64(GAINS) + s] > top else top
    if top < 0:
        return INVALID
    s = uint64(0)
    while bits[uint64(GAINS) + s] != top:
        s += uint64(1)
    if work[uint64(GAINS) + s] > best:
        place[0], place[1] = present[s], present[s + uint64(1)]
    return work[uint64(GAINS) + s]


@inlined
def x_log2_x(x: Any) -> Any:
    """Return x log2 x, with 0 log 0 = 0."""
    return x * np.log2(max(x, 1e-300))


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
        return max(gain, 0.0)
    squares_left, squares_right = 0.0, 0.0
    for k in range(1, n_classes + 1):
        mine, others = float64(left[k]), float64(totals[k] - left[k])
        squares_left += mine * mine
        squares_right += others * others
    return squares_left / inside + squares_right / beside
