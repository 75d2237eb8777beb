"""Count the rows of a level of nodes into the histograms of its columns."""

from __future__ import annotations

from typing import Any

from numba import int64, types, uint8, uint32, uint64

from ensembles.trees.compiling import kernel, once, part, reads, smaller_of
from ensembles.trees.nodes import RIGHT

Array = Any

COLUMNS, FEWER = 8, 4
"""Columns counted in one pass: their histograms stay in the nearest cache."""
ROWS = 256
"""Rows counted for one group of columns before the next: their codes stay in the cache."""


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
