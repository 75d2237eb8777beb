"""Grow a tree: take the next node of the frontier, part its rows, look for the best splits of the
children.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import int64, uint64

from ensembles.trees.compiling import bound, kernel, once
from ensembles.trees.deep.desk import signature
from ensembles.trees.deep.frontier import note_split, take_best
from ensembles.trees.deep.keeping import keeper
from ensembles.trees.deep.nodes import (
    BLOCK,
    OPEN,
    START,
    STOP,
    begin_children,
    bind_children,
)
from ensembles.trees.deep.pairs import close_pair
from ensembles.trees.deep.parting import part_rows
from ensembles.trees.deep.searching import searcher
from ensembles.trees.deep.settings import (
    CONSTRAINED,
    MAX_LEAF_NODES,
    N_BLOCKS,
    N_ROWS,
    SEED,
    TABULAR,
    USUAL,
)
from ensembles.trees.deep.totals import opener
from ensembles.trees.histogram import OUTPUTS, PACKED
from ensembles.trees.nodes import COLUMN, DEPTH, KEY
from ensembles.trees.table import mix

Array = Any


@once
def by_size(n_nodes: Any, n_new: Any, totals: Array) -> Any:
    """Return the larger and the smaller of the new nodes; the root is both."""
    larger = smaller = n_nodes - 1
    last = totals.shape[1] - 1
    if n_new == 2:
        smaller = n_nodes - 2
        if totals[smaller, last] >= totals[larger, last]:
            larger, smaller = smaller, larger
    return larger, smaller


MODE: int = PACKED
NEED: int = USUAL
open_node: Any = None
keep_histograms: Any = None
search: Any = None
"""What `grower` binds `grow` to."""


def grow(
    records: Array,
    codes: Array,
    reals: Array,
    settings: Any,
    least: float,
    enough: float,
    scale: float,
    kinds: Array,
    sizes: Array,
    signs: Array,
    units: Array,
    nodes: Array,
    errors: Array,
    totals: Array,
    sides: Array,
    bounds: Array,
    blocks: Array,
    free: Array,
    work: Array,
    bits: Array,
    bins: Array,
    sheet: Array,
    counts: Array,
    folded: Array,
    sums: Array,
    present: Array,
    keys: Array,
    order: Array,
    choice: Array,
    left_sums: Array,
    columns: Array,
    table: Array,
    best_sides: Array,
    some_sides: Array,
    sorted_rows: Array,
    go_left: Array,
    frontier: Array,
) -> int:
    """Grow a tree over the records; return the number of its nodes, whose fields are on the
    desk.

    `codes` and `reals` are views of `records`. A side lighter than `least` is not split off,
    and a split that decreases the weighted impurity (in units of `scale`) by less than
    `enough` is not made.
    """
    max_leaf_nodes, n_free = settings[MAX_LEAF_NODES], settings[N_BLOCKS]
    # Where nodes wait for the best of all, or bounds go down with them, two rows are as others.
    pairs = max_leaf_nodes <= 0 and not settings[CONSTRAINED]
    nodes[0, DEPTH], nodes[0, START], nodes[0, STOP] = 0, 0, settings[N_ROWS]
    nodes[0, KEY] = int64(mix(uint64(settings[SEED])))
    # A literal is a type of its own: what takes it would be compiled twice.
    n_nodes, n_new, n_frontier, parent = int64(1), int64(1), int64(0), int64(-1)
    while True:
        for node in range(n_nodes - n_new, n_nodes):
            open_node(records, reals, settings, least, node, nodes, totals, errors)
        if NEED == TABULAR and settings[CONSTRAINED] and parent >= 0:
            sign = signs[nodes[parent, COLUMN]]
            bind_children(n_nodes - 2, n_nodes - 1, parent, sign, totals, bounds)
        larger, smaller = by_size(n_nodes, n_new, totals)
        if MODE != OUTPUTS:
            n_free = keep_histograms(
                records,
                codes,
                settings,
                parent,
                larger,
                smaller,
                nodes,
                totals,
                sizes,
                columns,
                blocks,
                free,
                n_free,
            )
        # The larger child goes on the stack first: few histograms then wait at a time.
        for turn in range(n_new):
            node = larger if turn == 0 else smaller
            if not nodes[node, OPEN]:
                continue
            best = search(
                node,
                records,
                codes,
                settings,
                least,
                kinds,
                sizes,
                signs,
                units,
                nodes,
                totals,
                bounds,
                blocks,
                work,
                bits,
                bins,
                sheet,
                counts,
                folded,
                sums,
                present,
                keys,
                order,
                choice,
                left_sums,
                columns,
                table,
                best_sides,
                some_sides,
                sorted_rows,
            )
            if note_split(
                MODE,
                NEED,
                node,
                best,
                enough,
                scale,
                settings,
                kinds,
                units,
                choice,
                best_sides,
                nodes,
                errors,
                totals,
                sides,
            ):
                if MODE != OUTPUTS and pairs and nodes[node, STOP] - nodes[node, START] == 2:
                    close_pair(
                        MODE,
                        NEED,
                        node,
                        n_nodes,
                        records,
                        codes,
                        settings,
                        kinds,
                        nodes,
                        errors,
                        totals,
                        sides,
                    )
                    n_nodes += 2
                    continue
                frontier[n_frontier] = node
                n_frontier += 1
            elif nodes[node, BLOCK] >= 0:
                free[n_free] = nodes[node, BLOCK]
                n_free += 1

        n_leaves = (n_nodes + 1) // 2
        if n_frontier == 0 or (max_leaf_nodes > 0 and n_leaves >= max_leaf_nodes):
            break
        n_frontier -= 1
        if max_leaf_nodes > 0:
            take_best(frontier, n_frontier, errors)
        parent = frontier[n_frontier]
        begin, middle = part_rows(
            NEED, parent, settings, kinds, nodes, sides, records, codes, go_left
        )
        begin_children(parent, n_nodes, begin, middle, nodes)
        n_nodes += 2
        n_new = 2
    return int(n_nodes)


@lru_cache
def grower(mode: int, need: int) -> Any:
    """Return the kernel that grows trees for one mode; `need` is the last of the ways to look at a
    column that any column needs.

    What the mode does not need is cut out before it is compiled: a first fit waits for one kernel,
    not for all.
    """
    bare = bound(
        grow,
        MODE=mode,
        NEED=need,
        open_node=opener(mode),
        keep_histograms=keeper(mode),
        search=searcher(mode, need),
    )
    return kernel(signature(), name=f"grow_{mode}_{need}")(bare)
