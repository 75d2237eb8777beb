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

from ensembles.trees.compiling import part

Array = Any
"""What a kernel is handed; numba knows the rest."""

PACKED, SCALAR, CLASSES, OUTPUTS = 0, 1, 2, 3


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

        The bins of the i-th column begin at i * width. SCALAR keeps weight and target side by
        side. Cells behind a column's last code are not touched. For CLASSES see `fields`.
        """
        step = uint64(512 if mode == SCALAR else 256)
        for i in range(uint64(n_columns)):
            used = uint64(sizes[columns[i]]) << uint64(1 if mode == SCALAR else 0)
            for table in range(i * uint64(width), (i + 1) * uint64(width), step):
                for cell in range(table, table + used):
                    histogram[cell] = 0
        for row in range(uint64(start), uint64(stop)):
            word = records[row, 0]
            base = uint64(0)
            for i in range(uint64(n_columns)):
                code = uint64(codes[row, uint64(first + columns[i])])
                if mode == SCALAR:
                    cell = base + (code << 1)
                    histogram[cell] += word
                    histogram[cell + 1] += records[row, 1]
                else:
                    histogram[base + code] += word
                base += uint64(width)

    return fill


@part
def tabulate(
    mode: Any, records: Array, codes: Array, byte: Any, start: Any, stop: Any, table: Array
) -> None:
    """Count one column of rows start..stop into table[code, channel]: weight, then targets or
    classes, then rows.

    The slow, general histogram, used by what has no fast path: missing values, categories,
    constraints.
    """
    last = table.shape[1] - 1
    for code in range(256):
        for channel in range(last + 1):
            table[code, channel] = 0
    for row in range(start, stop):
        code = codes[row, byte]
        word = records[row, 0]
        table[code, last] += 1
        if mode == PACKED:
            table[code, 0] += int64(word & 0xFFFFFFFF)
            table[code, 1] += int64(word >> 32)
        else:
            table[code, 0] += int64(word)
            if mode == CLASSES:
                table[code, int64(records[row, 1]) + 1] += int64(word)
            else:
                for channel in range(1, last):
                    table[code, channel] += int64(records[row, channel])
