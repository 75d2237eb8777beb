"""Small nodes of two and of many classes: every column's gains, and the best of each, are those of
plain loops.
"""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import float64, int64, types, uint8, uint16, uint64

from ensembles.trees.compiling import kernel
from ensembles.trees.histogram import CLASSES, PACKED
from ensembles.trees.small import (
    CELLS,
    COUNTS,
    FOUND,
    LIGHT,
    PLANE,
    ROWS,
    SHEET,
    lay_sheet,
    placer,
    sheet_width,
    surveyor,
)

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
BYTES, INTS, FLOATS = uint8[::1], int64[::1], float64[::1]
FIRST = 16
"""Bytes before the codes."""


@lru_cache
def surveying(mode):
    """Lay some columns side by side, survey them, and write the codes on either side of the best
    split of each.
    """
    survey, find_place = surveyor(mode, False), placer(mode)

    @kernel(
        types.void(
            uint64[:, ::1],
            uint8[:, ::1],
            INTS,
            int64,
            int64,
            int64,
            int64,
            int64,
            INTS,
            float64,
            BYTES,
            BYTES,
            uint16[::1],
            INTS,
            FLOATS,
            INTS,
            int64[:, ::1],
        ),
        name=f"surveying_{mode}",
    )
    def run(
        records,
        codes,
        columns,
        begin,
        n_lanes,
        start,
        n,
        width,
        totals,
        least,
        sheet,
        counts,
        folded,
        sums,
        work,
        bits,
        places,
    ):
        whole = len(columns) == 0
        lay_sheet(codes, FIRST, columns, begin, n_lanes, whole, start, n, width, sheet)
        survey(
            0,
            1,
            records,
            start,
            n,
            totals,
            least,
            n_lanes,
            width,
            sheet,
            counts,
            folded,
            sums,
            work,
            bits,
        )
        for lane in range(n_lanes):
            if work[PLANE + lane] >= 0.0:
                find_place(sheet, lane, n, width, counts, bits, places[lane])

    return run


def best_cut(mode, codes, classes, weights, least):
    """The gain of one column's best split, and the codes on either side of it."""
    best, held = (-1.0, -1, -1), np.unique(codes)
    for last, above in zip(held[:-1].tolist(), held[1:].tolist(), strict=True):
        left = codes <= last
        inside, beside = (
            [float(weights[side & (classes == k)].sum()) for k in range(9)]
            for side in (left, ~left)
        )
        heavy, light = sum(inside), sum(beside)
        if mode == PACKED:
            slope = inside[1] * (heavy + light) - heavy * (inside[1] + beside[1])
            gain = slope * slope / (heavy * light)
        else:
            gain = sum(w**2 for w in inside) / heavy + sum(w**2 for w in beside) / light
        if min(heavy, light) >= least and gain > best[0]:
            best = gain, last, above
    return best


@st.composite
def nodes(draw):
    """Codes, classes in order, and weights of a small node, of which up to 32 columns are looked
    at.
    """
    d = draw(st.sampled_from([1, 3, 4, 5, 8, 9, 16, 17, 31, 32]))
    n = draw(st.integers(2, min(ROWS, CELLS // sheet_width(d))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = rng.integers(0, draw(st.sampled_from([1, 2, 5, 256])), (n, d + 3)).astype(np.uint8)
    classes = np.sort(rng.integers(0, draw(st.sampled_from([1, 2, 9])), n))
    weights = np.ones(n, int)
    if draw(st.booleans()):
        weights += rng.multinomial(int(LIGHT) - n, rng.dirichlet(np.full(n, 0.3)))
    return codes, classes, weights, d, draw(st.integers(0, 3)), draw(st.booleans())


@pytest.mark.parametrize("mode", [PACKED, CLASSES])
@EXAMPLES
@given(nodes(), st.sampled_from([1.0, 2.0, 20.0]))
def test_small_nodes_are_cut_as_by_plain_loops(mode, node, least):
    """Columns that follow each other, and columns drawn; weights up to what a byte holds."""
    codes, classes, weights, d, begin, whole = node
    n, start, width = len(codes), 2, sheet_width(d)
    rng = np.random.default_rng(n)
    if mode == PACKED:
        classes = np.minimum(classes, 1)
        rng.shuffle(classes)
        payload = [weights + (weights * classes << 32), np.zeros(n, int)]
    else:
        payload = [weights, classes]
    drawn = rng.permutation(codes.shape[1])
    columns = np.arange(codes.shape[1]) if whole else drawn
    records = np.full((n + 8, 8), 2**63 + 5, np.uint64)
    cells = records.view(np.uint8)
    cells[start : start + n, FIRST : FIRST + codes.shape[1]] = codes
    records[start : start + n, :2] = np.array(payload).T.view(np.uint64)
    by_class = [weights[classes == k].sum() for k in range(2 if mode == PACKED else 9)]
    totals = np.array([weights.sum(), *(by_class[1:] if mode == PACKED else by_class), n])
    work, places = np.full(PLANE + 2 * FOUND, np.nan), np.full((d, 2), -1)
    surveying(mode)(
        records,
        cells,
        columns[:0] if whole else columns,
        begin,
        d,
        start,
        n,
        width,
        totals,
        least,
        np.full(SHEET, 77, np.uint8),
        np.full(COUNTS, 250, np.uint8),
        np.full(3 * PLANE, 999, np.uint16),
        np.zeros(2 * PLANE, np.int64),
        work,
        work.view(np.int64),
        places,
    )
    for lane, column in enumerate(columns[begin : begin + d]):
        gain, *place = best_cut(mode, codes[:, column], classes, weights, least)
        assert work[PLANE + lane] == gain
        assert places[lane].tolist() == place
