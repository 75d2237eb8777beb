"""Count a node's rows into bins.

A row in the bag is a record of 64-bit words: first its payload, then its codes, one byte a column.
All sums are integers (see `targets`), so a histogram does not depend on the order of the rows, and
a sibling is exactly its parent minus its twin.

The payload, and what a bin holds, by mode:

=========  ===============================  ==================================
mode       payload words                    bin
=========  ===============================  ==================================
PACKED     count | count * class << 32      the sum of the word
SCALAR     weight, weight * y, y            weight, weight * y
CLASSES    weight, class                    weight of each class; see `fields`
OUTPUTS    weight, weight * y of each       weight, weight * y of each
=========  ===============================  ==================================

`y` is a float64 behind its bits: it is only used for the node's spread.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import int64, uint64

from ensembles.trees.compiling import larger_of, part, smaller_of
from ensembles.trees.vectors import EIGHT, TWO, add_pair

Array = Any
"""What a kernel is handed; numba knows the rest."""

PACKED, SCALAR, CLASSES, OUTPUTS = 0, 1, 2, 3
PAIRS = 2 * EIGHT
"""Words of a code in the bins of eight columns: of each its weight and its target."""


@part
def most_codes(columns: Array, begin: Any, end: Any, sizes: Array) -> Any:
    """Return how many codes a column has, at most, of eight from `begin` and before `end`."""
    most = int64(0)
    for i in range(begin, smaller_of(begin + EIGHT, end)):
        most = larger_of(most, sizes[columns[i]])
    return uint64(most)


@part
def bins_of(i: Any, width: Any) -> Any:
    """Return where the bins of the i-th column's weights and targets begin; see `fill_pairs`."""
    lane = uint64(i) & uint64(EIGHT - 1)
    return (uint64(i) - lane) * uint64(width) + TWO * lane


@part
def clear_pairs(columns: Array, n_columns: Any, sizes: Array, width: Any, histogram: Array) -> None:
    """Empty the bins of columns' weights and targets, up to the last code of each eight."""
    end = uint64(n_columns)
    for begin in range(0, end, EIGHT):
        base = begin * uint64(width)
        for cell in range(base, base + most_codes(columns, begin, end, sizes) * PAIRS):
            histogram[cell] = 0


@part
def clear_tables(
    columns: Array, n_columns: Any, n_tables: Any, sizes: Array, width: Any, histogram: Array
) -> None:
    """Empty the tables of columns, up to the last code of each."""
    for i in range(uint64(n_columns)):
        first, used = i * uint64(width), uint64(sizes[columns[i]])
        for table in range(first, first + uint64(n_tables) * 256, 256):
            for cell in range(table, table + used):
                histogram[cell] = 0


@part
def fill_pairs(
    records: Array,
    codes: Array,
    first: Any,
    columns: Array,
    n_columns: Any,
    sizes: Array,
    width: Any,
    start: Any,
    stop: Any,
    histogram: Array,
) -> None:
    """Add rows start..stop to the bins of weights and targets of neighbouring columns; a row is
    read once.

    Eight columns stand together, code by code, so that their splits are searched side by side. The
    bins of the i-th begin at (i - i % 8) * width + 2 (i % 8), a code is 16 words further. Their
    codes are one word of the record; what is counted of a word behind the last column is not
    looked at.
    """
    clear_pairs(columns, n_columns, sizes, width, histogram)
    word = uint64(first + columns[0]) >> 3
    for row in range(uint64(start), uint64(stop)):
        weight, target = int64(records[row, 0]), int64(records[row, 1])
        for begin in range(0, uint64(n_columns), EIGHT):
            base, eight = begin * uint64(width), records[row, word + (begin >> 3)]
            for lane in range(uint64(EIGHT)):
                code = (eight >> (8 * lane)) & 255
                add_pair(histogram, base + code * PAIRS + TWO * lane, weight, target)


@part
def fill_drawn_pairs(
    records: Array,
    codes: Array,
    first: Any,
    columns: Array,
    n_columns: Any,
    sizes: Array,
    width: Any,
    start: Any,
    stop: Any,
    histogram: Array,
) -> None:
    """Add rows start..stop to the bins of weights and targets of any columns, as `fill_pairs`."""
    clear_pairs(columns, n_columns, sizes, width, histogram)
    for row in range(uint64(start), uint64(stop)):
        weight, target = int64(records[row, 0]), int64(records[row, 1])
        for i in range(uint64(n_columns)):
            code = uint64(codes[row, uint64(first + columns[i])])
            add_pair(histogram, bins_of(i, width) + code * PAIRS, weight, target)


@lru_cache
def filler(mode: int) -> Any:
    """Return what adds rows to the histograms of columns, for a mode."""

    @part
    def fill(
        records: Array,
        codes: Array,
        first: Any,
        columns: Array,
        n_columns: Any,
        sizes: Array,
        width: Any,
        start: Any,
        stop: Any,
        histogram: Array,
    ) -> None:
        """Add rows start..stop; a row is read once, from one place.

        The bins of the i-th column begin at i * width; of SCALAR see `fill_pairs`, of CLASSES
        `fields`. Cells behind a column's last code are not touched.
        """
        clear_tables(columns, n_columns, 1, sizes, width, histogram)
        for row in range(uint64(start), uint64(stop)):
            word = records[row, 0]
            base = uint64(0)
            for i in range(uint64(n_columns)):
                code = uint64(codes[row, uint64(first + columns[i])])
                histogram[base + code] += word
                base += uint64(width)

    return fill_pairs if mode == SCALAR else fill
