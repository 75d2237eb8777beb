"""Kernels of the binning: where to cut a column, and which bin a value falls in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel

Array = Any


@kernel(int64[::1](float64[::1], float64[::1], int64))
def choose_cuts(values: Array, weights: Array, n_bins: int) -> Array:
    """Choose the values after which a bin ends, so that the bins are about equally heavy.

    `values` ascend and differ, more than `n_bins` of them. A bin is closed before the value that would carry it
    further past its share than it is short of it; the share of the bins to come is that of the weight to come, so that
    a heavy value uses up one bin and not several.
    """
    ends = np.empty(n_bins - 1, np.int64)
    remaining = weights.sum()
    filled = 0.0
    n_ends = 0
    for i in range(len(values) - 1):
        filled += weights[i]
        share = remaining / (n_bins - n_ends)
        if n_ends < n_bins - 1 and filled + 0.5 * weights[i + 1] > share:
            ends[n_ends] = i
            n_ends += 1
            remaining -= filled
            filled = 0.0
    return ends[:n_ends].copy()


@kernel(types.void(float64[:, ::1], int64, float64[:, ::1], int64[::1], uint8[:, :]))
def encode(values: Array, n_rows: int, cuts: Array, n_cuts: Array, codes: Array) -> None:
    """Write codes[row, column] = 1 + the number of cuts below values[column, row]; 0 for NaN.

    A binary search whose steps do not depend on the value: the next rows are under way while one waits.
    """
    for column in range(values.shape[0]):
        widest = uint64(1)
        while widest <= uint64(n_cuts[column]):
            widest <<= uint64(1)
        widest >>= uint64(1)
        for row in range(uint64(n_rows)):
            x = values[uint64(column), row]
            position = uint64(0)
            step = widest
            while step > uint64(0):
                above = cuts[uint64(column), position + step - uint64(1)] < x
                position += step if above else uint64(0)
                step >>= uint64(1)
            codes[row, uint64(column)] = uint64(0) if x != x else position + uint64(1)
