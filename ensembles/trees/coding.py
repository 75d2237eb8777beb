"""Kernels of the binning: where to cut a column, and which bin a value falls in."""

from __future__ import annotations

from typing import Any

from numba import float64, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, reads

Array = Any


@kernel(int64(reads(float64, 1), reads(float64, 1), int64, int64[::1]))
def choose_cuts(values: Array, weights: Array, n_bins: int, ends: Array) -> int:
    """Choose the values after which a bin ends, so that the bins are about equally heavy; return
    how many they are, their places in `ends`.

    `values` ascend and differ, more than `n_bins` of them. A bin is closed before the value that
    would carry it further past its share than it is short of it; the share of the bins to come is
    that of the weight to come, so that a heavy value uses up one bin and not several.
    """
    remaining, filled = 0.0, 0.0
    for i in range(len(weights)):
        remaining += weights[i]
    n_ends = 0
    for i in range(len(values) - 1):
        filled += weights[i]
        share = remaining / (n_bins - n_ends)
        if n_ends < n_bins - 1 and filled + 0.5 * weights[i + 1] > share:
            ends[n_ends] = i
            n_ends += 1
            remaining -= filled
            filled = 0.0
    return n_ends


@kernel(
    types.void(
        reads(float64, 2), int64, reads(float64, 2), reads(int64, 1), float64[::1], uint8[:, :]
    )
)
def encode(
    values: Array, n_rows: int, cuts: Array, n_cuts: Array, coarse: Array, codes: Array
) -> None:
    """Write codes[row, column] = 1 + the number of cuts below values[column, row]; 0 for NaN.

    Each row of `cuts` is filled up to 256 with infinity. Every 16th cut is compared, then the 16
    of one segment: more comparisons than a binary search makes, but in a few vector instructions
    and without a branch to mispredict. `coarse` is room for 16 cuts.
    """
    for column in range(uint64(values.shape[0])):
        wide = n_cuts[column] > 15
        for k in range(uint64(16)):
            coarse[k] = cuts[column, uint64(16) * k + uint64(15)]
        for row in range(uint64(n_rows)):
            x = values[column, row]
            segment = uint64(0)
            if wide:
                for k in range(uint64(16)):
                    segment += uint64(coarse[k] < x)
            segment <<= uint64(4)
            code = segment + uint64(1)
            for k in range(uint64(16)):
                code += uint64(cuts[column, segment + k] < x)
            codes[row, column] = uint64(0) if x != x else code
