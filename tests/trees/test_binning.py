"""Cuts and codes against their definitions, in plain Python."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.trees.binning import Bins, find_bins, ordered_cuts

LARGEST = np.finfo(float).max
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-3, 3).map(float),
    st.sampled_from([-0.0, np.nan, np.inf, -np.inf]),
)


def slow_cuts(values, weights, max_bins):
    """The docstring of `choose_cuts`, said again."""
    heavy = {}
    for value, weight in zip(values, weights, strict=True):
        if weight > 0 and value == value:
            heavy[value] = heavy.get(value, 0.0) + weight
    values = sorted(heavy)
    n_bins, filled, remaining, cuts = max_bins - 1, 0.0, sum(heavy.values()), []
    for low, high in pairwise(values):
        filled += heavy[low]
        closes = n_bins - len(cuts) > 1 and (
            filled + heavy[high] / 2 > remaining / (n_bins - len(cuts))
        )
        if len(values) <= n_bins or closes:
            cuts.append((low, high))
            remaining, filled = remaining - filled, 0.0
    return cuts


@settings(max_examples=200, deadline=None)
@given(
    cells=st.lists(st.tuples(NUMBERS, st.integers(0, 5)), min_size=1, max_size=60),
    weighted=st.booleans(),
    max_bins=st.integers(3, 20),
)
def test_cuts_lie_where_bins_are_about_equally_heavy(cells, weighted, max_bins):
    values, weights = (np.array(part, float) for part in zip(*cells, strict=True))
    cuts = ordered_cuts(values, weights if weighted else None, max_bins)
    wanted = slow_cuts(values, weights if weighted else np.ones(len(values)), max_bins)
    assert len(cuts) == len(wanted)
    for cut, (low, high) in zip(cuts, wanted, strict=True):
        assert low <= cut < high
        if np.isfinite(low) and np.isfinite(high) and low < low / 2 + high / 2 < high:
            assert cut == low / 2 + high / 2
        assert np.isfinite(cut) or low == -np.inf


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.one_of(NUMBERS, st.floats(width=32)), min_size=1, max_size=60),
    weighted=st.booleans(),
)
def test_single_precision_has_the_cuts_of_its_doubles(values, weighted):
    """Midway between doubles, which no single may hold."""
    with np.errstate(over="ignore"):
        single = np.array(values).astype(np.float32)[:, None]
    weights = np.arange(len(values)) % 3 + 1.0 if weighted else None
    found, wanted = (find_bins(X, weights, 8, None, ["a"]) for X in (single, single.astype(float)))
    np.testing.assert_array_equal(found.cuts[0], wanted.cuts[0])
    assert found.missing == wanted.missing


@pytest.mark.parametrize("n_cuts", [0, 1, 2, 7, 8, 14, 15, 16, 17, 31, 128, 253, 254])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_a_code_counts_the_cuts_below(n_cuts, dtype):
    rng = np.random.default_rng(n_cuts)
    cuts = np.sort(rng.normal(0, 50, n_cuts))
    column = np.concatenate([rng.normal(0, 60, 300), cuts]).astype(dtype)
    if dtype is not np.int32:
        column[:4] = np.nan, np.inf, -np.inf, -0.0
    codes = Bins((cuts, cuts[::2]), (True, True), ("a", "b")).encode(np.stack([column] * 2, axis=1))
    for own, place in ((cuts, 0), (cuts[::2], 1)):
        wanted = np.searchsorted(own, column.astype(float), side="left") + 1
        np.testing.assert_array_equal(codes[:, place], np.where(np.isnan(column), 0, wanted))


def test_the_table_that_is_binned_is_not_written_to():
    column = np.asfortranarray(np.random.default_rng(0).normal(size=(500, 2)))
    before = column.copy()
    column.flags.writeable = False
    find_bins(column, None, 16, None, ["a", "b"])
    np.testing.assert_array_equal(column, before)


@pytest.mark.parametrize("unit", [0.1, 3.0, 1e-300, 1e100, 1e300])
def test_cuts_do_not_depend_on_the_unit_of_the_weights(unit):
    """Of 300 values in 254 bins of equal weight many stand at the very edge."""
    X = np.random.default_rng(0).normal(size=(300, 1))
    for weights in (np.ones(300), np.arange(300) % 4 + 1.0):
        plain, scaled = (find_bins(X, each, 255, None, ["a"]) for each in (weights, unit * weights))
        np.testing.assert_array_equal(plain.cuts[0], scaled.cuts[0])
    np.testing.assert_array_equal(
        find_bins(X, None, 255, None, ["a"]).cuts[0],
        find_bins(X, np.full(300, unit), 255, None, ["a"]).cuts[0],
    )
