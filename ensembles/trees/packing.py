"""Write a tree's nodes as the words that predictions walk through, children side by side."""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, uint8, uint64

from ensembles.trees.compiling import kernel, reads

Array = Any
CATEGORY = 1 << 9
"""The bit of a node that asks for a category; see `traversing`."""


@kernel(
    int64(
        reads(int32, 1),
        reads(int32, 1),
        reads(uint8, 1),
        reads(uint8, 1),
        reads(uint64, 2),
        reads(float64, 2),
        reads(uint8, 1),
        reads(int64, 1),
        int64,
        int64,
        uint64[::1],
        int32[::1],
        int32[::1],
        uint64[:, ::1],
        float64[:, ::1],
        int32[::1],
        int64[::1],
    )
)
def pack_tree(
    right: Array,
    feature: Array,
    code: Array,
    missing_left: Array,
    category_codes: Array,
    value: Array,
    categorical: Array,
    numbers: Array,
    root: int,
    n_asked: int,
    nodes: Array,
    names: Array,
    asks: Array,
    sides: Array,
    values: Array,
    votes: Array,
    places: Array,
) -> int:
    """Pack a tree, whose nodes are listed depth first, left before right, from place `root` on.

    The children of a split get the next two places, so a parent stands before them. `numbers` are
    the numbers that columns have in the forest, `categorical` says which hold categories. Where
    node i of the tree stands, `names` says i, and its value and its vote (the first of its largest
    values) stand. The categories that go left are written to sides[n_asked] on, and `asks` says
    where. `places` is room for the place of each node. Returns how many nodes, of all trees so
    far, ask for categories.
    """
    places[0] = root
    free = uint64(root) + 1
    for node in range(uint64(len(right))):
        place = uint64(places[node])
        word = (place - 1) << 32 | 1 << 8
        if right[node] >= 0:
            column = uint64(feature[node])
            left = uint64(missing_left[node])
            word = free << 32 | uint64(numbers[column]) << 16
            word |= (1 - left) << 8
            if categorical[column]:
                word |= CATEGORY
                asks[place] = n_asked
                for side in range(4):
                    sides[n_asked, side] = category_codes[node, side]
                n_asked += 1
            else:
                word |= uint64(code[node]) + left
            places[node + 1] = int64(free)
            places[uint64(right[node])] = int64(free) + 1
            free += 2
        nodes[place] = word
        names[place] = int32(node)
        vote = uint64(0)
        for k in range(uint64(value.shape[1])):
            values[place, k] = value[node, k]
            if value[node, k] > value[node, vote]:
                vote = k
        votes[place] = int32(vote)
    return n_asked
