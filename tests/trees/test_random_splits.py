"""Extremely random splits are drawn evenly: edges between a node's lowest and highest code, sets of
categories, and the side of the missing.
"""

from itertools import product

import numpy as np
import pytest
from numba import int64, types, uint64
from scipy.stats import chisquare

from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.trees.compiling import kernel
from ensembles.trees.table import draw_sides

N = 6000
"""Splits drawn."""
WHOLE = int64[::1]


@kernel(types.void(int64, WHOLE, int64, int64, int64[:, ::1], WHOLE, WHOLE, uint64))
def draw_many(categorical, codes, n, missing, orders, found, missing_left, first_key):
    for i in range(len(found)):
        for code in range(n):
            orders[i, code] = codes[code]
        found[i], _, missing_left[i] = draw_sides(
            first_key + uint64(i) * uint64(1000), categorical != 0, orders[i], n, missing != 0
        )


def drawn(codes, categorical, missing=False):
    """The codes on the left of each split, and whether the missing go there."""
    orders = np.zeros((N, 257), np.int64)
    n_left, missing_left = np.empty(N, np.int64), np.empty(N, np.int64)
    codes = np.array(codes)
    draw_many(categorical, codes, len(codes), missing, orders, n_left, missing_left, 2**63 + 11)
    for order in orders:
        assert sorted(order[: len(codes)]) == codes.tolist()
    return [frozenset(order[:k]) for order, k in zip(orders, n_left, strict=True)], missing_left


def evenly(found, wanted):
    counts = [found.count(each) for each in wanted]
    assert sum(counts) == len(found)
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("codes", [[4, 9], [2, 7, 130], [1, 2, 3, 255], [5, 6, 80, 81, 200]])
def test_every_set_of_categories_is_as_likely_to_go_left(codes):
    sets = [
        frozenset(code for code, side in zip(codes, sides, strict=True) if side)
        for sides in product([0, 1], repeat=len(codes))
    ]
    found, missing_left = drawn(codes, True)
    evenly(found, [each for each in sets if 0 < len(each) < len(codes)])
    assert not missing_left.any()


def test_half_of_many_categories_go_left_each_as_often():
    found, missing_left = drawn(range(1, 256), True, missing=True)
    shares = np.array([[code in each for code in range(1, 256)] for each in found[:1500]])
    errors = (shares.mean(axis=0) - 0.5) * np.sqrt(4 * len(shares))
    assert np.abs(errors).max() < 4.5
    assert 0.9 < errors.std() < 1.1
    assert abs(missing_left.mean() - 0.5) < 3 / np.sqrt(4 * N)


@pytest.mark.parametrize("codes", [[3, 4], [1, 11], [2, 5, 9, 30], list(range(1, 9))])
def test_every_edge_between_lowest_and_highest_is_as_likely(codes):
    """However few codes stand between, a gap counts by its edges."""
    found, _ = drawn(codes, False)
    edges = [
        frozenset(code for code in codes if code <= edge) for edge in range(codes[0], codes[-1])
    ]
    counts = [found.count(each) for each in dict.fromkeys(edges)]
    shares = [edges.count(each) * N / len(edges) for each in dict.fromkeys(edges)]
    assert sum(counts) == N
    if len(counts) > 1:
        assert chisquare(counts, shares).pvalue > 1e-3


@pytest.mark.parametrize("learner", [HistTreeClassifier, HistTreeRegressor])
def test_trees_split_their_root_at_every_edge_as_often(learner):
    X = np.repeat(np.arange(7.0), [50, 1, 1, 3, 1, 9, 2])[:, None]
    y = np.random.default_rng(0).integers(0, 2, len(X))
    prepared = learner().prepare(X, y)
    found = []
    for seed in range(1200):
        tree = learner(splitter="random", max_depth=1, random_state=seed).fit_draw(prepared)
        found.append(float(tree.tree_.threshold[0]))
    evenly(found, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
