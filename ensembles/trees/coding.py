"""Kernels of the binning: where to cut a column, and which bin a value falls in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, larger_of, once, reads
from ensembles.trees.vectors import CODES, SIXTEEN, n_below

Array = Any
LARGEST = float(np.finfo(float).max)


@once
def midway(low: Any, high: Any) -> Any:
    """Return a threshold between low and high: at least low, less than high, finite unless low is
    minus infinity.
    """
    middle = low / 2 + high / 2
    if high == np.inf:
        middle = larger_of(low, LARGEST)
    return middle if (middle < high) & (middle >= low) & (low != -np.inf) else low


@kernel(int64(float64[::1], reads(float64, 1), int64, float64[::1], float64[::1]))
def choose_cuts(values: Array, weights: Array, n_bins: int, heavy: Array, cuts: Array) -> int:
    """Choose the cuts between values that ascend; return how many they are.

    One cut is made between any two neighbours where that makes no more than `n_bins` bins. Else
    bins are about equally heavy: a bin is closed before the value that would carry it further past
    its share than it is short of it; the share of the bins to come is that of the weight to come,
    so that a heavy value uses up one bin and not several. No weights are weights of one. `values`
    is overwritten, and `heavy` is room for as many numbers.
    """
    n_distinct, last = uint64(0), np.nan
    remaining, filled = 0.0, 0.0
    for i in range(uint64(len(values))):
        if values[i] != last:
            last = values[i]
            values[n_distinct], heavy[n_distinct] = last, 0.0
            n_distinct += 1
        weight = weights[i] if len(weights) else 1.0
        heavy[n_distinct - 1] += weight
        remaining += weight
    n_cuts = 0
    each = n_distinct <= uint64(n_bins)
    share = remaining / n_bins
    for i in range(1, n_distinct):
        filled += heavy[i - 1]
        if each or (n_cuts < n_bins - 1 and filled + 0.5 * heavy[i] > share):
            cuts[n_cuts] = midway(values[i - 1], values[i])
            n_cuts += 1
            remaining -= filled
            filled = 0.0
            share = remaining / (n_bins - n_cuts)
    return n_cuts


@kernel(types.void(reads(float64, 2), int64, reads(float64, 2), reads(int64, 1), uint8[:, :]))
def encode(values: Array, n_rows: int, cuts: Array, n_cuts: Array, codes: Array) -> None:
    """Write codes[row, column] = 1 + the number of cuts below values[column, row]; 0 for NaN.

    Each row of `cuts` is filled up to 256 with infinity, and every sixteenth of them stands once
    more behind: a value is compared with these sixteen, then with the sixteen up to the first of
    them that is not below it.
    """
    for column in range(uint64(values.shape[0])):
        many = n_cuts[column] >= SIXTEEN
        first = column * uint64(cuts.shape[1])
        for row in range(uint64(n_rows)):
            x = values[column, row]
            place = SIXTEEN * n_below(cuts, first + CODES, x) if many else uint64(0)
            place += n_below(cuts, first + place, x)
            codes[row, column] = uint64(0) if x != x else place + uint64(1)
