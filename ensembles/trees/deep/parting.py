"""Part a node's rows: the rows of the bag are copied once into records, and each split moves a
node's records so that every node is one contiguous block.
"""

from __future__ import annotations

from typing import Any

from numba import int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, once, reads
from ensembles.trees.deep.nodes import START, STOP
from ensembles.trees.deep.settings import FIRST
from ensembles.trees.nodes import CODE, COLUMN, MISSING_LEFT
from ensembles.trees.table import CATEGORICAL
from ensembles.trees.vectors import FOUR, TWO, copy_four, copy_two, mark_codes

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
def tell_sides(node: Any, categorical: Any, nodes: Array, sides: Array, go_left: Array) -> None:
    """Write which codes go left at a node's split."""
    mark_codes(go_left, nodes[node, CODE])
    if categorical:
        for code in range(256):
            go_left[code] = (sides[node, code >> 6] >> uint64(code & 63)) & 1
    if not categorical:
        go_left[0] = nodes[node, MISSING_LEFT] == 1


@once
def partition(
    records: Array, scratch: Array, codes: Array, byte: Any, start: Any, stop: Any, go_left: Array
) -> Any:
    """Move the records that go left before those that go right; return where the right begins.

    Every record is written to both ends and one of the two writes is then overwritten: cheaper
    than a branch that is mispredicted half of the time.
    """
    words = uint64(records.shape[1])
    fours = words & ~uint64(FOUR - 1)
    left = uint64(start) * words
    right = uint64(0)
    for row in range(uint64(start), uint64(stop)):
        goes = uint64(go_left[codes[row, uint64(byte)]]) * words
        for word in range(0, fours, FOUR):
            copy_four(scratch, right + word, records, row * words + word)
            copy_four(records, left + word, records, row * words + word)
        if fours < words:
            copy_two(scratch, right + fours, records, row * words + fours)
            copy_two(records, left + fours, records, row * words + fours)
        left += goes
        right += words - goes
    for word in range(0, right, TWO):
        copy_two(records, left + word, scratch, word)
    return int64(left // words)


@once
def part_rows(
    special: Any,
    node: Any,
    settings: Array,
    kinds: Array,
    nodes: Array,
    sides: Array,
    records: Array,
    scratch: Array,
    codes: Array,
    go_left: Array,
) -> Any:
    """Part a node's rows at its split; return where the right side begins."""
    column = nodes[node, COLUMN]
    tell_sides(node, special and kinds[column] == CATEGORICAL, nodes, sides, go_left)
    byte, start, stop = settings[FIRST] + column, nodes[node, START], nodes[node, STOP]
    return partition(records, scratch, codes, byte, start, stop, go_left)
