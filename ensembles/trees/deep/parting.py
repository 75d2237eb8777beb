"""Part a node's rows: the rows of the bag are copied once into records, and each split copies a
node's records so that every node is one contiguous block.

There is room for the records twice over: the children of a node that stands in one half stand in
the other, at the same place, so that a record is written once a split.
"""

from __future__ import annotations

from typing import Any

from numba import int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, once, reads
from ensembles.trees.deep.nodes import START, STOP
from ensembles.trees.deep.settings import FIRST, TABULAR, USUAL
from ensembles.trees.nodes import CODE, COLUMN, MISSING_LEFT
from ensembles.trees.table import CATEGORICAL
from ensembles.trees.vectors import FOUR, copy_four, copy_two, mark_codes

Array = Any


@kernel(
    types.void(
        reads(uint8, 2),
        reads(int64, 1),
        reads(int64, 1),
        reads(uint64, 2),
        uint64[:, ::1],
        uint8[:, ::1],
    )
)
def gather(
    codes: Array, rows: Array, columns: Array, payload: Array, records: Array, cells: Array
) -> None:
    """Copy the drawn rows into records: their payload, then the codes of the drawn columns."""
    whole = len(columns) == codes.shape[1]
    first = uint64(8 * payload.shape[1])
    for i in range(uint64(len(rows))):
        row = uint64(rows[i])
        for word in range(uint64(payload.shape[1])):
            records[i, word] = payload[i, word]
        if whole:
            for column in range(uint64(codes.shape[1])):
                cells[i, first + column] = codes[row, column]
        else:
            for column in range(uint64(len(columns))):
                cells[i, first + column] = codes[row, uint64(columns[column])]


@once
def tell_sides(need: Any, node: Any, kind: Any, nodes: Array, sides: Array, go_left: Array) -> None:
    """Write which codes go left at a node's split."""
    mark_codes(go_left, nodes[node, CODE])
    go_left[0] = nodes[node, MISSING_LEFT] == 1
    if need == TABULAR and kind == CATEGORICAL:
        for code in range(256):
            go_left[code] = (sides[node, code >> 6] >> uint64(code & 63)) & 1


@once
def goes_left(need: Any, code: Any, last: Any, go_left: Array) -> Any:
    """Tell, as a number, whether a row of this code goes left."""
    return uint64(code <= last) if need == USUAL else uint64(go_left[code])


@once
def copy_record(records: Array, place: Any, source: Any, words: Any) -> None:
    """Copy a record from one place to another."""
    fours = words & ~uint64(FOUR - 1)
    for word in range(0, fours, FOUR):
        copy_four(records, place + word, records, source + word)
    if fours < words:
        copy_two(records, place + fours, records, source + fours)


@once
def part_rows(
    need: Any,
    node: Any,
    settings: Array,
    kinds: Array,
    nodes: Array,
    sides: Array,
    records: Array,
    codes: Array,
    go_left: Array,
) -> Any:
    """Copy a node's rows to the other half, those that go left before those that go right; return
    where they begin there, and where the right side begins.
    """
    start, stop, half = nodes[node, START], nodes[node, STOP], len(records) // 2
    column, last = nodes[node, COLUMN], uint64(nodes[node, CODE])
    byte, words = uint64(settings[FIRST] + column), uint64(records.shape[1])
    if need != USUAL:
        tell_sides(need, node, kinds[column], nodes, sides, go_left)
    n_left = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        n_left += goes_left(need, uint64(codes[row, byte]), last, go_left)
    begin = start + half if start < half else start - half
    middle = uint64(begin) + n_left
    left, right = uint64(begin) * words, middle * words
    for row in range(uint64(start), uint64(stop)):
        goes = goes_left(need, uint64(codes[row, byte]), last, go_left)
        copy_record(records, left if goes else right, row * words, words)
        left += goes * words
        right += words - goes * words
    return int64(begin), int64(middle)
