"""Send rows down all trees of a forest in one call.

A node is one 64-bit word: the last code that goes left (bits 0-7, plus one), whether codes are
taken less one so that missing (0) becomes the largest and goes right (8), whether it asks for a
category (9), its column (16-31), its left child (32-63). The right child follows the left one, so
that the next node is the sum of a word and a comparison: no branch, which would be mispredicted
half of the time. A leaf sends everything right and is its own right child, so that eight rows can
go down together, each to its own depth, until none moves; see `lockstep`.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, reads, smaller_of
from ensembles.trees.lockstep import LANES, go_down, go_down_by_categories
from ensembles.trees.vectors import FOUR, add_four

Array = Any
BLOCK = 512
"""Rows that are sent through one tree after the other while their codes are in the cache."""
MEANS, VOTES, LEAVES = 0, 1, 2


@kernel(
    types.void(
        reads(uint64, 1),
        reads(int64, 1),
        reads(int32, 1),
        reads(uint64, 2),
        reads(float64, 2),
        reads(int32, 1),
        int64,
        reads(uint8, 1),
        int64,
        reads(uint8, 2),
        int64,
        float64[:, ::1],
        int64[::1],
        int32[:, ::1],
        uint64[::1],
        uint64[:, ::1],
    )
)
def ask(
    nodes: Array,
    roots: Array,
    asks: Array,
    sides: Array,
    values: Array,
    votes: Array,
    how: int,
    codes: Array,
    n_columns: int,
    in_bag: Array,
    first_row: int,
    sums: Array,
    n_asked: Array,
    leaves: Array,
    wanted: Array,
    places: Array,
) -> None:
    """Ask every tree about every row of `codes` (`n_columns` a row), in order of the trees.

    Adds the leaf's values (MEANS) or one vote (VOTES) to sums[row], or writes the leaf's place to
    leaves[tree, row] (LEAVES). Where `in_bag` (n_trees, bytes) has the bit of a row (`first_row`
    on) the tree is not asked. The sums of a row do not depend on the other rows. `wanted` is
    room for BLOCK + LANES row numbers, `places` for two of each of LANES rows.
    """
    n_rows, n_values = sums.shape[0], values.shape[1]
    held_out = in_bag.shape[1] > 0
    categorical, fours = len(asks) > 0, uint64(n_values) & ~uint64(FOUR - 1)
    at, cells = places[0], places[1]
    for start in range(0, n_rows, BLOCK):
        stop, n_wanted = smaller_of(start + BLOCK, n_rows), uint64(0)
        for tree in range(len(roots)):
            if held_out or tree == 0:
                n_wanted = uint64(0)
                for row in range(start, stop):
                    wanted[n_wanted] = row
                    bit = first_row + row
                    known = (in_bag[tree, bit >> 3] >> (bit & 7)) & 1 if held_out else 0
                    n_wanted += 1 - uint64(known)
                if n_wanted == 0:
                    continue
                for lane in range(uint64(LANES)):
                    wanted[n_wanted + lane] = wanted[n_wanted - 1]
            for base in range(0, n_wanted, LANES):
                for lane in range(uint64(LANES)):
                    at[lane] = roots[tree]
                    cells[lane] = wanted[base + lane] * uint64(n_columns)
                if categorical:
                    go_down_by_categories(at, cells, nodes, codes, asks, sides)
                else:
                    go_down(at, cells, nodes, codes, asks, sides)
                for lane in range(smaller_of(LANES, n_wanted - base)):
                    row = wanted[base + lane]
                    if how == MEANS:
                        for k in range(0, fours, FOUR):
                            to, of = row * uint64(n_values) + k, at[lane] * uint64(n_values) + k
                            add_four(sums, to, values, of)
                        for k in range(fours, uint64(n_values)):
                            sums[row, k] += values[at[lane], k]
                        n_asked[row] += 1
                    elif how == VOTES:
                        sums[row, uint64(votes[at[lane]])] += 1.0
                        n_asked[row] += 1
                    else:
                        leaves[tree, row] = at[lane]


@kernel(types.void(reads(int64, 1), uint8[::1]))
def mark(rows: Array, bits: Array) -> None:
    """Set the bit of every row."""
    for i in range(len(rows)):
        bits[uint64(rows[i]) >> 3] |= uint8(1) << uint8(rows[i] & 7)
