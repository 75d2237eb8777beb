"""Find the best split of a small node: all of its columns at once.

Most nodes of a full tree are small, and what they cost is not their cells but what is done once a
column. So the codes of a node's rows are laid side by side, `sheet[row * 32 + lane]` with 32
columns as lanes, and every row is compared with every other: quadratic in the rows, yet one
instruction for 32 columns, with nothing sorted and nothing mispredicted.

A survey writes the gain of the split "at most the code of row r" to `work[r * 32 + lane]` (for
SCALAR, of the r-th lowest code), and the best of each lane, as bits, behind them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import float64, int64, uint8, uint16, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.histogram import CLASSES, PACKED, SCALAR
from ensembles.trees.splitting import INVALID
from ensembles.trees.vectors import FEW, LANES, add_where, copy_lanes, keep_highest

Array = Any

SMALL = 64
"""Rows of a small node."""
PLANE = SMALL * LANES
"""Cells of a sheet."""
LIGHT = 255.0
"""The weight that a small node may have, where weights are summed in bytes."""


@once
def lay_sheet(
    codes: Array,
    first: Any,
    columns: Array,
    begin: Any,
    n_lanes: Any,
    whole: Any,
    start: Any,
    n: Any,
    sheet: Array,
) -> None:
    """Lay the codes of up to 32 columns of a node's rows side by side.

    Where `whole`, lane i is column begin + i, and what lies behind the last column is copied too:
    its gains are never looked at.
    """
    for row in range(uint64(n)):
        if whole:
            byte = (uint64(start) + row) * uint64(codes.shape[1]) + uint64(first + begin)
            copy_lanes(sheet, row * uint64(LANES), codes, byte)
        else:
            for lane in range(uint64(n_lanes)):
                byte = uint64(first + columns[uint64(begin) + lane])
                sheet[row * uint64(LANES) + lane] = codes[uint64(start) + row, byte]


@once
def survey_packed(
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    n_lanes: Any,
    sheet: Array,
    counts: Array,
    work: Array,
) -> None:
    """Gains of two classes: the weight of each on the left is a byte."""
    total, target = float64(totals[0]), float64(totals[1])
    for cell in range(uint64(n) * uint64(LANES)):
        counts[cell] = 0
        counts[uint64(PLANE) + cell] = 0
    for row in range(uint64(n)):
        word = records[uint64(start) + row, uint64(0)]
        plane = uint64(PLANE) if word >> uint64(32) else uint64(0)
        for other in range(uint64(n)):
            cell = other * uint64(LANES)
            add_where(
                counts, plane + cell, sheet, row * uint64(LANES), cell, uint8(word & uint64(0xFF))
            )
    for row in range(uint64(n)):
        for cell in range(row * uint64(LANES), row * uint64(LANES) + uint64(n_lanes)):
            ones = float64(np.int32(counts[uint64(PLANE) + cell]))
            left = float64(np.int32(counts[cell])) + ones
            right = total - left
            slope = ones * total - left * target
            gain = slope * slope / (left * right)
            work[cell] = gain if (left >= least) & (right >= least) else INVALID


@once
def survey_scalar(
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    n_lanes: Any,
    sheet: Array,
    counts: Array,
    sums: Array,
    work: Array,
) -> None:
    """Gains of a weight and a target: rows are put in the place of their rank, then summed up.

    Rows of one code share the place of the last of them; an empty place repeats the split before.
    """
    total, target = float64(totals[0]), float64(totals[1])
    for cell in range(uint64(n) * uint64(LANES)):
        counts[cell] = 0
    for row in range(uint64(n)):
        for cell in range(row * uint64(LANES), row * uint64(LANES) + uint64(n_lanes)):
            sums[cell] = 0
            sums[uint64(PLANE) + cell] = 0
        for other in range(uint64(n)):
            cell = other * uint64(LANES)
            add_where(counts, cell, sheet, row * uint64(LANES), cell, uint8(1))
    for row in range(uint64(n)):
        weight = int64(records[uint64(start) + row, uint64(0)])
        y = int64(records[uint64(start) + row, uint64(1)])
        for lane in range(uint64(n_lanes)):
            rank = uint64(counts[row * uint64(LANES) + lane]) - uint64(1)
            cell = rank * uint64(LANES) + lane
            sums[cell] += weight
            sums[uint64(PLANE) + cell] += y
    for row in range(uint64(n)):
        for cell in range(row * uint64(LANES), row * uint64(LANES) + uint64(n_lanes)):
            if row > uint64(0):
                sums[cell] += sums[cell - uint64(LANES)]
                sums[uint64(PLANE) + cell] += sums[uint64(PLANE) + cell - uint64(LANES)]
        for cell in range(row * uint64(LANES), row * uint64(LANES) + uint64(n_lanes)):
            left = float64(sums[cell])
            right = total - left
            slope = float64(sums[uint64(PLANE) + cell]) * total - left * target
            gain = slope * slope / (left * right)
            work[cell] = gain if (left >= least) & (right >= least) else INVALID


@once
def survey_classes(
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    n_lanes: Any,
    sheet: Array,
    counts: Array,
    folded: Array,
    work: Array,
) -> None:
    """Gains of many classes: the rows of a class follow each other, so one plane of bytes counts
    them all in turn.

    `folded` holds the weight on the left, and the sums over the classes of the squared weights on
    the left and on the right: at most 255 squared, two bytes each.
    """
    total = float64(totals[0])
    for cell in range(uint64(n) * uint64(LANES)):
        counts[cell] = 0
        folded[cell] = 0
        folded[uint64(PLANE) + cell] = 0
        folded[uint64(2 * PLANE) + cell] = 0
    row = uint64(0)
    while row < uint64(n):
        k = records[uint64(start) + row, uint64(1)]
        while row < uint64(n) and records[uint64(start) + row, uint64(1)] == k:
            weight = uint8(records[uint64(start) + row, uint64(0)])
            for other in range(uint64(n)):
                cell = other * uint64(LANES)
                add_where(counts, cell, sheet, row * uint64(LANES), cell, weight)
            row += uint64(1)
        whole = uint16(totals[k + uint64(1)])
        for cell in range(uint64(n) * uint64(LANES)):
            left = uint16(counts[cell])
            right = whole - left
            folded[cell] += left
            folded[uint64(PLANE) + cell] += left * left
            folded[uint64(2 * PLANE) + cell] += right * right
            counts[cell] = 0
    for row in range(uint64(n)):
        for cell in range(row * uint64(LANES), row * uint64(LANES) + uint64(n_lanes)):
            left = float64(np.int32(folded[cell]))
            right = total - left
            squares = float64(np.int32(folded[uint64(PLANE) + cell]))
            others = float64(np.int32(folded[uint64(2 * PLANE) + cell]))
            gain = squares / left + others / right
            work[cell] = gain if (left >= least) & (right >= least) else INVALID


@lru_cache
def surveyor(mode: int) -> Any:
    """Return the survey of a mode: writes the gains, and the best of each lane."""

    @once
    def survey(
        records: Array,
        start: Any,
        n: Any,
        totals: Array,
        least: Any,
        n_lanes: Any,
        sheet: Array,
        counts: Array,
        folded: Array,
        sums: Array,
        work: Array,
        bits: Array,
    ) -> None:
        n_eights = (uint64(n_lanes) + uint64(FEW - 1)) // uint64(FEW)
        wide = n_eights * uint64(FEW)
        if mode == PACKED:
            survey_packed(records, start, n, totals, least, wide, sheet, counts, work)
        if mode == SCALAR:
            survey_scalar(records, start, n, totals, least, wide, sheet, counts, sums, work)
        if mode == CLASSES:
            survey_classes(records, start, n, totals, least, wide, sheet, counts, folded, work)
        for lane in range(wide):
            bits[uint64(PLANE) + lane] = -1
        for row in range(uint64(n)):
            for eight in range(n_eights):
                lane = eight * uint64(FEW)
                keep_highest(bits, uint64(PLANE) + lane, bits, row * uint64(LANES) + lane)

    return survey


@part
def is_constant(sheet: Array, lane: Any, n: Any) -> Any:
    """Tell whether all rows have one code."""
    constant = True
    for row in range(uint64(n)):
        constant &= sheet[row * uint64(LANES) + uint64(lane)] == sheet[uint64(lane)]
    return constant


@lru_cache
def placer(mode: int) -> Any:
    """Return what finds the codes on either side of a lane's best split."""

    @once
    def find_place(
        sheet: Array, lane: Any, n: Any, counts: Array, bits: Array, place: Array
    ) -> None:
        top = bits[uint64(PLANE) + uint64(lane)]
        lowest, above = np.uint16(256), np.uint16(256)
        for row in range(uint64(n)):
            cell = row * uint64(LANES) + uint64(lane)
            at = cell
            if mode == SCALAR:
                rank = uint64(counts[cell]) - uint64(1)
                at = rank * uint64(LANES) + uint64(lane)
            if bits[at] == top:
                lowest = min(lowest, np.uint16(sheet[cell]))
        for row in range(uint64(n)):
            code = np.uint16(sheet[row * uint64(LANES) + uint64(lane)])
            if code > lowest:
                above = min(above, code)
        place[0], place[1] = int64(lowest), int64(above)

    return find_place
