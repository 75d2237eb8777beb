"""Find the best split of a small node: all of its columns at once.

Most nodes of a full tree are small, and what they cost is not their cells but what is done once a
column. So the codes of a node's rows are laid side by side, `sheet[row * width + lane]` with up to
32 columns as lanes, and every row is compared with every other: quadratic in the rows, yet one
instruction for 32 cells, with nothing sorted and nothing mispredicted. Few columns stand narrow,
so that the instruction compares a row with several.

A survey writes the gain of the split "at most the code of row r" to `work[r * width + lane]`, and
the best of each lane, as bits, behind them. That of a weight and a target (SCALAR) writes the best
alone, and after what it splits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import float64, int64, uint8, uint16, uint64

from ensembles.trees.compiling import larger_of, once, part, smaller_of
from ensembles.trees.histogram import CLASSES, PACKED, PAIRS, SCALAR
from ensembles.trees.splitting import INVALID
from ensembles.trees.vectors import (
    CODES,
    EIGHT,
    FOUR,
    LANES,
    TWO,
    add_pair,
    add_where,
    best_and_empty,
    best_in_order,
    best_with_and_empty,
    copy_lanes,
    highest_lanes,
    keep_highest,
    lowest_bit,
    rank_cells,
    rank_codes,
    repeat_eight,
    repeat_four,
    repeat_sixteen,
)

Array = Any

PLANE = 8192
"""Cells of a sheet."""
SPLITS = PLANE + LANES
"""Where it is written, behind the best gain of each lane, after what the lane is split (SCALAR)."""
FOUND = 2 * LANES
"""Cells of both; behind them stand those with the missing on the left."""
MANY = 96
"""Rows of a node from which they are ranked among the codes (SCALAR)."""
LOWEST = PLANE + LANES
"""Where a sheet has the lowest code of each lane, once it was looked for; before that a wide write
may reach over the end.
"""
PATTERN = LOWEST + LANES
"""Where a sheet has room for narrow rows, each over and over."""
SHEET = PATTERN + MANY * LANES
"""Bytes of a sheet."""
ROWS, CELLS = 128, 2048
"""Rows of a small node, and cells, where every row is compared with every other."""
RANKED = 255
"""Rows of a small node, if they are ranked."""
TABLE = 2 * PLANE
"""Where the ranks of codes lie, behind the counts."""
COUNTS = TABLE + CODES * LANES
"""Bytes of the counts, and of the ranks."""
LIGHT = 255.0
"""The weight that a small node may have, where weights are summed in bytes."""


def sheet_width(n_columns: int) -> int:
    """Return how many cells of a sheet a row takes, where so many columns are looked at."""
    return next(width for width in (4, 8, 16, LANES) if width >= min(n_columns, LANES))


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
    width: Any,
    sheet: Array,
) -> None:
    """Lay the codes of up to 32 columns of a node's rows side by side.

    Where `whole`, lane i is column begin + i, and what lies behind the last column is copied too:
    the next row is written over it, or its gains are never looked at.
    """
    for row in range(uint64(n)):
        if whole:
            byte = (uint64(start) + row) * uint64(codes.shape[1]) + uint64(first + begin)
            copy_lanes(sheet, row * uint64(width), codes, byte)
        else:
            for lane in range(uint64(n_lanes)):
                byte = uint64(first + columns[uint64(begin) + lane])
                sheet[row * uint64(width) + lane] = codes[uint64(start) + row, byte]


@once
def find_lowest(sheet: Array, n: Any, width: Any) -> None:
    """Write the lowest code of each lane."""
    for lane in range(uint64(LANES)):
        sheet[LOWEST + lane] = 255
    for row in range(uint64(n)):
        for lane in range(uint64(width)):
            code = sheet[row * uint64(width) + lane]
            sheet[LOWEST + lane] = smaller_of(sheet[LOWEST + lane], code)


@once
def turn_codes(sheet: Array, n: Any, width: Any, step: Any) -> None:
    """Add a byte to every code: of 255, the lowest code becomes the highest and all others are one
    less; of one, they are as they were.
    """
    for cell in range(uint64(n) * uint64(width)):
        sheet[cell] += uint8(step)


@part
def repeat_row(sheet: Array, row: Any, width: Any, at: Any) -> Any:
    """Lay a row's codes side by side until they fill a register; return where they are."""
    place = row * uint64(width)
    if width == LANES:
        return place
    if width == 4:
        repeat_four(sheet, at, place)
    elif width == 8:
        repeat_eight(sheet, at, place)
    else:
        repeat_sixteen(sheet, at, place)
    return at


@once
def survey_packed(
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    width: Any,
    n_spans: Any,
    span: Any,
    sheet: Array,
    counts: Array,
    work: Array,
) -> None:
    """Gains of two classes: the weight of each on the left is a byte."""
    total, target = float64(totals[0]), float64(totals[1])
    n_cells = uint64(n) * uint64(width)
    for cell in range(n_cells):
        counts[cell] = 0
        counts[PLANE + cell] = 0
    for row in range(uint64(n)):
        word = records[uint64(start) + row, 0]
        plane = uint64(PLANE) if word >> uint64(32) else uint64(0)
        weight = uint8(word & 0xFF)
        mine = repeat_row(sheet, row, width, uint64(PATTERN))
        for cell in range(0, n_cells, LANES):
            add_where(counts, plane + cell, sheet, mine, cell, weight)
    for begin in range(0, n_spans * LANES, LANES):
        for cell in range(begin, begin + span):
            ones = float64(np.int32(counts[PLANE + cell]))
            left = float64(np.int32(counts[cell])) + ones
            right = total - left
            slope = ones * total - left * target
            gain = slope * slope / (left * right)
            work[cell] = gain if (left >= least) & (right >= least) else INVALID


@once
def rank_by_rows(sheet: Array, n: Any, width: Any, counts: Array) -> Any:
    """Write for each cell how many rows have no higher code; return the highest rank."""
    rows = uint64(0)
    if width != LANES:
        rows = uint64(PATTERN)
        for row in range(uint64(n)):
            repeat_row(sheet, row, width, rows + row * LANES)
    for cell in range(0, uint64(n) * uint64(width), LANES):
        rank_cells(counts, cell, sheet, rows, int64(n))
    return uint64(n)


@once
def rank_by_codes(
    gapped: Any, sheet: Array, n: Any, n_lanes: Any, width: Any, counts: Array
) -> Any:
    """Write for each cell how many codes that occur are no higher; return the highest rank, which
    is that of the missing in every lane.
    """
    for cell in range(uint64(TABLE), uint64(TABLE + CODES * LANES)):
        counts[cell] = 0
    lanes = (uint64(n_lanes) + 3) & ~uint64(3)
    for row in range(uint64(n)):
        for lane in range(lanes):
            code = uint64(sheet[row * uint64(width) + lane])
            counts[TABLE + code * LANES + lane] = 1
    rank_codes(counts, uint64(TABLE))
    last, most = uint64(TABLE + (CODES - 1) * LANES), uint8(0)
    for lane in range(lanes):
        most = larger_of(most, counts[last + lane])
    if gapped:
        for lane in range(lanes):
            counts[last + lane] = most
    for row in range(uint64(n)):
        for lane in range(lanes):
            cell = row * uint64(width) + lane
            counts[cell] = counts[TABLE + uint64(sheet[cell]) * LANES + lane]
    return uint64(most)


@once
def survey_scalar(
    gapped: Any,
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    n_lanes: Any,
    width: Any,
    sheet: Array,
    counts: Array,
    sums: Array,
    work: Array,
    bits: Array,
) -> None:
    """Best splits of a weight and a target: rows are put in the place of their rank, then summed
    up; a split is told by its place.

    Rows of one code share a place; an empty place repeats the split before. A rank is found among
    the rows or, where they are many, among the codes. Where `gapped`, the missing are the highest
    of all codes, in the last place: splits with them on the left are then looked for too.
    """
    if n < MANY:
        n_places = rank_by_rows(sheet, n, width, counts)
    else:
        n_places = rank_by_codes(gapped, sheet, n, n_lanes, width, counts)
    plane = n_places * PAIRS
    # Eight columns from beginning to end, since their places fit into the nearest cache.
    for begin in range(0, uint64(n_lanes), EIGHT):
        lanes = smaller_of(uint64(EIGHT), (uint64(n_lanes) - begin + 3) & ~uint64(3))
        for row in range(uint64(n)):
            weight = int64(records[uint64(start) + row, 0])
            target = int64(records[uint64(start) + row, 1])
            for four in range(0, lanes, FOUR):
                for lane in range(uint64(FOUR)):
                    rank = uint64(counts[row * uint64(width) + begin + four + lane])
                    place = rank * PAIRS + TWO * (four + lane) - PAIRS
                    add_pair(sums, place, weight, target)
        eight = smaller_of(EIGHT, uint64(n_lanes) - begin)
        top, split, last = uint64(PLANE) + begin, uint64(SPLITS) + begin, int64(n_places) - 1
        total, target = float64(totals[0]), float64(totals[1])
        if gapped:
            best_in_order(
                work, top, bits, split, sums, uint64(0), eight, last, total, target, least
            )
            top, split = top + FOUND, split + FOUND
            missing = plane - PAIRS
            best_with_and_empty(
                work, top, bits, split, sums, uint64(0), eight, last, total, target, least, missing
            )
        else:
            best_and_empty(
                work, top, bits, split, sums, uint64(0), eight, last, total, target, least
            )
        for cell in range(plane - PAIRS, plane):  # nothing lies right of the last
            sums[cell] = 0


@part
def first_of_lanes(lanes: Any, first: Any) -> Any:
    """Return the first of some lanes from a lane on; where there is none, the first of all."""
    passed = uint64(smaller_of(larger_of(int64(first), 0), LANES))
    ahead = lanes >> passed << passed
    return int64(lowest_bit(ahead if ahead else lanes))


@part
def highest_lane(tops: Array, n_lanes: Any, first: Any) -> Any:
    """Return the lane of the highest gain; of equals the first of those from a lane on, then of
    those before; the first of all where no gain is one.
    """
    found = highest_lanes(tops, uint64(PLANE), uint64(n_lanes))
    return first_of_lanes(found, first) if found else int64(0)


@once
def survey_classes(
    records: Array,
    start: Any,
    n: Any,
    totals: Array,
    least: Any,
    width: Any,
    n_spans: Any,
    span: Any,
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
    n_cells = uint64(n) * uint64(width)
    for cell in range(n_cells):
        counts[cell] = 0
        folded[cell] = 0
        folded[PLANE + cell] = 0
        folded[uint64(2 * PLANE) + cell] = 0
    row = uint64(0)
    while row < uint64(n):
        k = records[uint64(start) + row, 1]
        while row < uint64(n) and records[uint64(start) + row, 1] == k:
            weight = uint8(records[uint64(start) + row, 0])
            mine = repeat_row(sheet, row, width, uint64(PATTERN))
            for cell in range(0, n_cells, LANES):
                add_where(counts, cell, sheet, mine, cell, weight)
            row += 1
        whole = uint16(totals[k + 1])
        for cell in range(n_cells):
            left = uint16(counts[cell])
            right = whole - left
            folded[cell] += left
            folded[PLANE + cell] += left * left
            folded[uint64(2 * PLANE) + cell] += right * right
            counts[cell] = 0
    for begin in range(0, n_spans * LANES, LANES):
        for cell in range(begin, begin + span):
            left = float64(np.int32(folded[cell]))
            right = total - left
            squares = float64(np.int32(folded[PLANE + cell]))
            others = float64(np.int32(folded[uint64(2 * PLANE) + cell]))
            gain = squares / left + others / right
            work[cell] = gain if (left >= least) & (right >= least) else INVALID


@once
def keep_best(n: Any, width: Any, n_spans: Any, span: Any, work: Array) -> None:
    """Write the best gain of each lane behind the gains."""
    for lane in range(uint64(LANES)):
        work[PLANE + lane] = INVALID
    if width < EIGHT:  # two rows fill a register
        for cell in range(uint64(n) * FOUR, uint64(n + 1) * FOUR):
            work[cell] = INVALID
    for begin in range(0, n_spans * LANES, LANES):
        for cell in range(begin, begin + span, EIGHT):
            lane = (cell - begin) & uint64(larger_of(width, EIGHT) - 1)
            keep_highest(work, PLANE + lane, work, cell)
    if width < EIGHT:
        for lane in range(PLANE, uint64(PLANE + FOUR)):
            work[lane] = larger_of(work[lane], work[lane + FOUR])


@once
def turn_found(surveyed: Any, sheet: Array, work: Array) -> None:
    """Put what was found with the missing on the left in the place of what was found with them on
    the right; a survey found nothing of columns that have no missing.
    """
    for cell in range(uint64(PLANE), uint64(PLANE + FOUND)):
        work[cell] = work[cell + FOUND]
    if surveyed:
        for lane in range(uint64(LANES)):
            whole = sheet[LOWEST + lane] != 0
            work[PLANE + lane] = INVALID if whole else work[PLANE + lane]


@lru_cache
def surveyor(mode: int, gaps: bool) -> Any:
    """Return the survey of a mode: writes the gains, and the best of each lane.

    With `gaps`, columns of which some values are missing take two turns, the missing on the right
    first, as the highest of all codes, then on the left, as the lowest.
    """

    @once
    def survey(
        turn: Any,
        n_turns: Any,
        records: Array,
        start: Any,
        n: Any,
        totals: Array,
        least: Any,
        n_lanes: Any,
        width: Any,
        sheet: Array,
        counts: Array,
        folded: Array,
        sums: Array,
        work: Array,
        bits: Array,
    ) -> None:
        if gaps and n_turns == 2:
            turn_codes(sheet, n, width, 1 if turn else 255)
        if mode == SCALAR:
            gapped = gaps and n_turns == 2
            survey_scalar(
                gapped,
                records,
                start,
                n,
                totals,
                least,
                n_lanes,
                width,
                sheet,
                counts,
                sums,
                work,
                bits,
            )
            return
        # Of wide rows only the eights in use are looked at, of narrow ones all cells as one row.
        n_spans, span = uint64(1), uint64(n) * uint64(width)
        if width == LANES:
            n_eights = (uint64(n_lanes) + uint64(EIGHT - 1)) // EIGHT
            n_spans, span = uint64(n), n_eights * EIGHT
        if mode == PACKED:
            survey_packed(
                records, start, n, totals, least, width, n_spans, span, sheet, counts, work
            )
        if mode == CLASSES:
            survey_classes(
                records, start, n, totals, least, width, n_spans, span, sheet, counts, folded, work
            )
        keep_best(n, width, n_spans, span, work)

    return survey


@part
def is_constant(sheet: Array, lane: Any, n: Any, width: Any) -> Any:
    """Tell whether all rows have one code."""
    constant = True
    for row in range(uint64(n)):
        constant &= sheet[row * uint64(width) + uint64(lane)] == sheet[uint64(lane)]
    return constant


@part
def place_of_split(
    sheet: Array, lane: Any, n: Any, width: Any, counts: Array, bits: Array, place: Array
) -> None:
    """Write the codes on either side of a lane's best split, which is told by the place of the
    last code's rank.
    """
    last, lowest, above = bits[SPLITS + uint64(lane)], np.uint16(0), np.uint16(256)
    for row in range(uint64(n)):
        cell = row * uint64(width) + uint64(lane)
        code = np.uint16(sheet[cell])
        at = int64(counts[cell]) - 1
        lowest = larger_of(lowest, code if at <= last else np.uint16(0))
        above = smaller_of(above, code if at > last else np.uint16(256))
    place[0], place[1] = int64(lowest), int64(above)


@lru_cache
def placer(mode: int) -> Any:
    """Return what finds the codes on either side of a lane's best split."""

    @once
    def find_place(
        sheet: Array, lane: Any, n: Any, width: Any, counts: Array, bits: Array, place: Array
    ) -> None:
        if mode == SCALAR:
            place_of_split(sheet, lane, n, width, counts, bits, place)
            return
        top = bits[PLANE + uint64(lane)]
        lowest, gap = np.uint16(256), np.uint16(0xFFFF)
        for row in range(uint64(n)):
            cell = row * uint64(width) + uint64(lane)
            above = np.uint16(bits[cell] != top) << np.uint16(8)
            lowest = smaller_of(lowest, np.uint16(np.uint16(sheet[cell]) | above))
        # What is not above the lowest wraps around: no branch asks for it.
        for row in range(uint64(n)):
            code = np.uint16(sheet[row * uint64(width) + uint64(lane)])
            gap = smaller_of(gap, np.uint16(code - lowest - np.uint16(1)))
        above = int64(lowest) + int64(gap) + 1
        place[0], place[1] = int64(lowest), int64(above)

    return find_place
