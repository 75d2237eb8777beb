"""Keep the histograms of large nodes: the smaller child is counted, the larger is what is left of
its parent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import uint64

from ensembles.trees.compiling import larger_of, once, smaller_of
from ensembles.trees.deep.nodes import BLOCK, OPEN, START, STOP
from ensembles.trees.deep.settings import FIRST, KEEP, N_COLUMNS, WIDTH, holds_fours
from ensembles.trees.fields import fill_classes, join_fours
from ensembles.trees.histogram import CLASSES, PAIRS, SCALAR, filler, most_codes
from ensembles.trees.vectors import EIGHT

Array = Any


@lru_cache
def keeper(mode: int) -> Any:
    """Return what gives two new nodes, or the root, the histograms that are worth keeping."""
    fill = filler(mode)

    @once
    def keep_histograms(
        records: Array,
        codes: Array,
        settings: Array,
        parent: Any,
        larger: Any,
        smaller: Any,
        nodes: Array,
        totals: Array,
        sizes: Array,
        every: Array,
        blocks: Array,
        free: Array,
        n_free: Any,
    ) -> Any:
        """Count the smaller child; the larger is what is left of the parent. Return the number of
        free blocks.
        """
        last = totals.shape[1] - 1
        keep = nodes[larger, OPEN] and totals[larger, last] >= settings[KEEP]
        keep_smaller = nodes[smaller, OPEN] and totals[smaller, last] >= settings[KEEP]
        above = nodes[parent, BLOCK] if parent >= 0 else -1
        counted = -1
        if keep and n_free > 0 and (above >= 0 or parent < 0):
            counted = free[n_free - 1]
        elif keep_smaller and above >= 0:
            counted = above
        if counted >= 0 and mode == CLASSES:
            fours = holds_fours(settings, totals[parent if parent >= 0 else larger, 0])
            fill_classes(
                fours,
                records,
                codes,
                settings[FIRST],
                every,
                settings[N_COLUMNS],
                last - 1,
                sizes,
                settings[WIDTH],
                nodes[smaller, START],
                nodes[smaller, STOP],
                blocks[counted],
            )
        if counted >= 0 and mode != CLASSES:
            fill(
                records,
                codes,
                settings[FIRST],
                every,
                settings[N_COLUMNS],
                sizes,
                settings[WIDTH],
                nodes[smaller, START],
                nodes[smaller, STOP],
                blocks[counted],
            )
        if counted >= 0 and keep_smaller:
            nodes[smaller, BLOCK] = counted
            n_free -= counted != above
        if counted >= 0 and above >= 0 and counted != above:
            step = EIGHT * settings[WIDTH] if mode == SCALAR else 256
            for table in range(0, settings[N_COLUMNS] * settings[WIDTH], step):
                column = table // settings[WIDTH]
                used = uint64(sizes[column])
                if mode == SCALAR:
                    used = most_codes(every, column, settings[N_COLUMNS], sizes) * PAIRS
                for cell in range(uint64(table), uint64(table) + used):
                    blocks[above, cell] -= blocks[counted, cell]
            nodes[larger, BLOCK] = above
        elif above >= 0 and counted != above:
            free[n_free] = above
            n_free += 1
        if mode == CLASSES and counted >= 0 and not fours:
            for child in range(smaller_of(smaller, larger), larger_of(smaller, larger) + 1):
                if nodes[child, BLOCK] >= 0 and holds_fours(settings, totals[child, 0]):
                    block = blocks[nodes[child, BLOCK]]
                    join_fours(last - 1, settings[N_COLUMNS], settings[WIDTH], block)
        return n_free

    return keep_histograms
