"""The arrays that a kernel works in."""

from __future__ import annotations

from threading import local
from typing import Any, NamedTuple

import numpy as np
from numba import float64, int8, int64, typeof, uint8, uint64

from ensembles.trees.deep.choosing import tabulates
from ensembles.trees.deep.settings import TABULAR, Settings
from ensembles.trees.fields import BINS
from ensembles.trees.histogram import CLASSES, PAIRS, SCALAR
from ensembles.trees.small import COUNTS, FOUND, PLANE, SHEET
from ensembles.trees.vectors import CODES, EIGHT, LANES

Array = Any


class Desk(NamedTuple):
    """The arrays a kernel works in; made by the caller, since numba takes long to compile what
    makes arrays.
    """

    nodes: Array
    errors: Array
    totals: Array
    sides: Array
    bounds: Array
    blocks: Array
    free: Array
    work: Array
    bits: Array
    bins: Array
    sheet: Array
    counts: Array
    folded: Array
    sums: Array
    present: Array
    keys: Array
    order: Array
    choice: Array
    left_sums: Array
    columns: Array
    table: Array
    best_sides: Array
    some_sides: Array
    sorted_rows: Array
    go_left: Array
    frontier: Array


LINE = 64
"""Bytes of a line of the cache, and of the widest register."""


def in_lines(n: int, kind: Any) -> Array:
    """Return zeros that begin where a line of the cache does: a register is then filled from one
    line, not from two.
    """
    room = np.zeros(n * np.dtype(kind).itemsize + LINE, np.uint8)
    return room[-room.ctypes.data % LINE :][: n * np.dtype(kind).itemsize].view(kind)


class Scratch(local):
    """The arrays whose size does not depend on the tree; each thread has its own."""

    def __init__(self) -> None:
        self.work = in_lines(PLANE + 2 * FOUND, np.float64)
        self.bits = self.work.view(np.int64)
        self.bins = in_lines(BINS, np.uint64)
        self.sheet = in_lines(SHEET, np.uint8)
        self.counts = in_lines(COUNTS, np.uint8)
        self.folded = in_lines(3 * PLANE, np.uint16)
        self.sums = in_lines(CODES * PAIRS, np.int64)
        self.present = np.zeros(257, np.int64)
        self.keys = np.zeros(256)
        self.order = np.zeros(257, np.int64)
        self.choice = np.zeros(6, np.int64)
        self.best_sides = np.zeros(4, np.uint64)
        self.some_sides = np.zeros(4, np.uint64)
        self.go_left = np.zeros(256, np.uint8)


SCRATCH = Scratch()
FREE = np.array([[-np.inf, np.inf]])
"""The bounds of a node that nothing constrains."""


def desk_for(mode: int, need: int, capacity: int, settings: Settings) -> Desk:
    """Set a desk for one tree of so many nodes."""
    n_sums, n_columns = settings.n_sums, settings.n_columns
    rows = capacity if need == TABULAR else 1
    n_kept = n_columns if settings.n_blocks else min(n_columns, LANES)
    n_kept += -n_kept % EIGHT if mode == SCALAR else 0
    return Desk(
        nodes=np.empty((capacity, 12), np.int64),
        errors=np.empty((capacity, 2)),
        totals=np.empty((capacity, n_sums + 1), np.int64),
        sides=np.zeros((rows, 4), np.uint64),
        bounds=np.repeat(FREE, rows, axis=0) if settings.constrained else FREE,
        blocks=np.empty((settings.n_blocks + 1, n_kept * settings.width), np.uint64),
        free=np.arange(settings.n_blocks + 1),
        left_sums=np.zeros(n_sums + 1, np.int64),
        columns=np.arange(n_columns),
        table=np.zeros((256 if tabulates(mode, need) else 1, n_sums + 1), np.int64),
        sorted_rows=np.empty((settings.n_rows if mode == CLASSES else 1, 2), np.int64),
        frontier=np.empty(capacity + 1, np.int64),
        **SCRATCH.__dict__,
    )


def signature() -> Any:
    """Return what a growing kernel takes and gives."""
    settings = Settings(*[1] * len(Settings._fields))
    some = desk_for(CLASSES, TABULAR, 1, settings)
    return int64(
        uint64[:, ::1],
        uint8[:, ::1],
        float64[:, ::1],
        int64[::1],
        float64,
        float64,
        float64,
        uint8[::1],
        int64[::1],
        int8[::1],
        float64[::1],
        *map(typeof, some),
    )
