"""Choose the way in which a node is searched, and each of its columns looked at."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import float64, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.deep.settings import (
    BY_ROWS,
    ENTROPY,
    EXACT,
    FIRST,
    GAPPED,
    KEEP,
    MIN_LEAF,
    N_SUMS,
    RANDOM,
    SHEET_WIDTH,
    TABULAR,
    USUAL,
)
from ensembles.trees.fields import in_eights
from ensembles.trees.histogram import CLASSES, OUTPUTS, SCALAR
from ensembles.trees.small import CELLS, LIGHT, LOWEST, RANKED, ROWS
from ensembles.trees.table import CATEGORICAL, MISSING

Array = Any

TABLED, SURVEYED, FILLED, KEPT, SORTED, COUNTED = range(6)
"""How the columns of a node are searched: each by a table of its codes; all at once, every row
against every other; by histograms filled for the node, or kept since its parent; each row by
row, in the order of the codes; or each by the sums up to the codes that occur.
"""


def tabulates(mode: int, need: int) -> bool:
    """Tell whether a kernel has columns that it looks at by a table of their codes."""
    return need == TABULAR or (need == GAPPED and mode == CLASSES)


@lru_cache
def chooser(mode: int, need: int) -> Any:
    """Return what chooses how a node is searched."""
    tables = need == TABULAR

    @once
    def choose(settings: Array, n_rows: Any, weight: Any, block: Any) -> Any:
        if mode == OUTPUTS:
            return TABLED
        if tables and (settings[RANDOM] or (settings[BY_ROWS] and settings[MIN_LEAF] > 1)):
            return TABLED
        small = n_rows <= RANKED
        if mode != SCALAR:
            small = n_rows <= ROWS and n_rows * settings[SHEET_WIDTH] <= CELLS
            small = small and float64(weight) <= LIGHT
        if mode == CLASSES:
            small = small and settings[EXACT] and not settings[ENTROPY]
        if small:
            return SURVEYED
        if block >= 0:
            return KEPT
        if mode == CLASSES and n_rows < settings[KEEP]:
            if in_eights(settings[N_SUMS] - 1, settings[EXACT], settings[ENTROPY], weight):
                return COUNTED
            return SORTED
        return FILLED

    return choose


@part
def has_missing(codes: Array, byte: Any, start: Any, stop: Any) -> Any:
    """Tell whether a column has missing values in a node."""
    missing = False
    for row in range(uint64(start), uint64(stop)):
        missing |= codes[row, uint64(byte)] == 0
    return missing


@lru_cache
def teller(mode: int, need: int) -> Any:
    """Return what tells the way in which a column is looked at, where it may not be the usual."""
    tables = need == TABULAR

    @once
    def tell_way(
        how: Any,
        lane: Any,
        column: Any,
        base: Any,
        start: Any,
        stop: Any,
        codes: Array,
        settings: Array,
        kinds: Array,
        signs: Array,
        sheet: Array,
        histogram: Array,
    ) -> Any:
        if mode == OUTPUTS:
            return TABULAR
        if tables and (how == TABLED or kinds[column] == CATEGORICAL or signs[column] != 0):
            return TABULAR
        if kinds[column] != MISSING:
            return USUAL
        if how == SURVEYED:
            return GAPPED if sheet[LOWEST + lane] == 0 else USUAL
        if mode != CLASSES:
            return GAPPED if histogram[base] != 0 else USUAL
        byte = settings[FIRST] + column
        return TABULAR if has_missing(codes, byte, start, stop) else USUAL

    return tell_way
