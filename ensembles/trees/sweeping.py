"""Send rows down all trees of a forest of small trees, a node at a time in place of a row.

Each node moves a whole block of rows at once: those that stand on it go to one of its children, the
others stay. Places and codes are bytes, and nothing branches, so that an instruction moves as many
rows as a vector has bytes. Nodes are those of `traversing`, where a parent precedes its children.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, reads, smaller_of
from ensembles.trees.vectors import FOUR, LANES, add_four, move_on

Array = Any
BLOCK = 512
"""Rows that are sent through one tree after the other."""
MEANS, VOTES = 0, 1


@kernel(
    types.void(
        reads(uint64, 1),
        reads(int64, 1),
        reads(int64, 1),
        reads(float64, 2),
        reads(int32, 1),
        int64,
        reads(uint8, 2),
        float64[:, ::1],
        int64[::1],
        int32[:, ::1],
        uint8[:, ::1],
        uint8[::1],
    )
)
def sweep(
    nodes: Array,
    roots: Array,
    sizes: Array,
    values: Array,
    votes: Array,
    how: int,
    codes: Array,
    sums: Array,
    n_asked: Array,
    leaves: Array,
    block: Array,
    at: Array,
) -> None:
    """Ask every tree about every row of `codes`, in order of the trees; see `traversing.ask`.

    `sizes` are the trees' numbers of nodes. `block` (n_columns, BLOCK) and `at` (BLOCK,) are room
    for the codes and the places of a block of rows.
    """
    n_rows, n_columns, n_values = sums.shape[0], codes.shape[1], values.shape[1]
    wide, fours = uint64(n_values), uint64(n_values) & ~uint64(FOUR - 1)
    for start in range(0, uint64(n_rows), BLOCK):
        n = smaller_of(BLOCK, uint64(n_rows) - start)
        groups = int64((n + LANES - 1) // LANES)
        for row in range(n):
            for column in range(uint64(n_columns)):
                block[column, row] = codes[start + row, column]
        for tree in range(uint64(len(roots))):
            root = uint64(roots[tree])
            for row in range(n):
                at[row] = uint8(0)
            for place in range(uint64(sizes[tree])):
                node = nodes[root + place]
                left = node >> 32
                # The left child of a leaf is the place before it: of the first leaf, all ones.
                if (left + 1) & 0xFFFFFFFF == root + place:
                    continue
                here, child = uint8(place), uint8(left - root)
                bound, less = uint8(node), uint8((node >> 8) & 1)
                codes_of = ((node >> 16) & 0xFFFF) * BLOCK
                move_on(at, 0, block, codes_of, groups, here, child, less, bound)
            if how == MEANS:
                if n_values == 1:
                    for row in range(n):
                        sums[start + row, 0] += values[root + uint64(at[row]), 0]
                elif n_values == 2:
                    for row in range(n):
                        sums[start + row, 0] += values[root + uint64(at[row]), 0]
                        sums[start + row, 1] += values[root + uint64(at[row]), 1]
                elif n_values == 3:
                    for row in range(n):
                        sums[start + row, 0] += values[root + uint64(at[row]), 0]
                        sums[start + row, 1] += values[root + uint64(at[row]), 1]
                        sums[start + row, 2] += values[root + uint64(at[row]), 2]
                else:
                    for row in range(n):
                        own, leaf = start + row, root + uint64(at[row])
                        for k in range(0, fours, FOUR):
                            add_four(sums, own * wide + k, values, leaf * wide + k)
                        for k in range(fours, wide):
                            sums[own, k] += values[leaf, k]
            elif how == VOTES:
                for row in range(n):
                    sums[start + row, uint64(votes[root + uint64(at[row])])] += 1.0
            else:
                for row in range(n):
                    leaves[tree, start + row] = int32(root + uint64(at[row]))
        if len(n_asked) > 0:
            for row in range(n):
                n_asked[start + row] += len(roots)
