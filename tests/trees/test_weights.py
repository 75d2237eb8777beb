"""A weight is a count: a row of weight k is the row written k times, to the last bit."""

from itertools import product

import numpy as np
import pytest

from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.trees.preparing import HEAVIEST, whole_weights
from ensembles.trees.tree import times_two_to

RNG = np.random.default_rng(0)
N = 500
FEW = RNG.integers(0, 9, (N, 5)).astype(float)
MANY = RNG.normal(size=(N, 5))
"""More distinct values than bins, so that the weights decide where the cuts lie."""
HOLED = np.where(RNG.random(MANY.shape) < 0.2, np.nan, MANY)
TABLES = {"few values": FEW, "more values than bins": MANY, "missing": HOLED}
COUNTS = RNG.poisson(1.0, N)
SIGNAL = np.nan_to_num(HOLED[:, 0]) + FEW[:, 1] * (FEW[:, 2] > 4) + RNG.normal(size=N)
TARGETS = {
    "two classes": (HistTreeClassifier, (SIGNAL > 2).astype(int)),
    "four classes": (HistTreeClassifier, np.digitize(SIGNAL, [0, 2, 4])),
    "regression": (HistTreeRegressor, SIGNAL),
    "three outputs": (HistTreeRegressor, np.stack([SIGNAL, FEW[:, 3], SIGNAL**2], axis=1)),
}
PARAMETERS = [
    {},
    {"max_features": 2},
    {"splitter": "random"},
    {"splitter": "random", "max_features": "sqrt"},
    {"max_leaf_nodes": 20},
    {"max_depth": 4, "min_weight_fraction_leaf": 0.02},
    {"min_impurity_decrease": 0.002},
    {"ccp_alpha": 0.002},
    {"categorical_features": [1, 3]},
    {"categorical_features": [1], "splitter": "random"},
    {"max_bins": 7},
]
CASES = [
    *product(TABLES, TARGETS, PARAMETERS),
    *product(TABLES, ["two classes", "four classes"], [{"criterion": "entropy"}]),
    *product(TABLES, ["two classes", "regression"], [{"monotonic_cst": [1, 0, -1, 0, 0]}]),
    *product(TABLES, ["two classes"], [{"class_weight": {0: 3, 1: 2}}]),
]


def assert_same_tree(one, other, rtol=0.0):
    for name in (
        "children_left",
        "children_right",
        "feature",
        "threshold",
        "missing_go_to_left",
        "category_codes",
        "weighted_n_node_samples",
    ):
        same = np.array_equal(
            getattr(one.tree_, name), getattr(other.tree_, name), equal_nan="codes" not in name
        )
        assert same, name
    assert np.allclose(one.tree_.value, other.tree_.value, rtol=rtol, atol=rtol)
    # Sums of squared errors are the one thing that is added up as floats, and chooses nothing.
    assert np.allclose(one.tree_.impurity, other.tree_.impurity, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("table", "target", "parameters"), CASES, ids=str)
def test_a_weight_is_a_count(table, target, parameters):
    X, (learner, y) = TABLES[table], TARGETS[target]
    if "categorical_features" in parameters:
        X = np.where(np.isnan(X), np.nan, np.round(X * 2))
    repeated = np.repeat(np.arange(N), COUNTS)
    tree = learner(random_state=3, **parameters)
    weighted = learner(random_state=3, **parameters).fit(X, y, COUNTS)
    assert weighted.get_n_leaves() > 3
    assert_same_tree(weighted, tree.fit(X[repeated], y[repeated]))


@pytest.mark.parametrize("target", TARGETS)
def test_counts_of_a_draw_are_samples_too(target):
    """Where rows are drawn with repeats, as in a bag, limits on samples count the repeats."""
    learner, y = TARGETS[target]
    parameters = {"random_state": 0, "min_samples_leaf": 4, "min_samples_split": 11}
    repeated, rows = np.repeat(np.arange(N), COUNTS), np.flatnonzero(COUNTS)
    prepared = learner(**parameters).prepare(FEW, y)
    drawn = learner(**parameters).fit_draw(prepared, rows, counts=COUNTS[rows])
    written = learner(**parameters).fit(FEW[repeated], y[repeated])
    assert np.array_equal(drawn.tree_.n_node_samples, written.tree_.n_node_samples)
    # The targets of a draw are counted from the middle of all rows, not of those drawn.
    assert_same_tree(drawn, written, rtol=1e-12)
    assert drawn.tree_.n_node_samples.min() >= 4


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "parameters", [{}, {"max_features": 2}, {"splitter": "random"}, {"max_leaf_nodes": 20}], ids=str
)
def test_the_order_of_the_rows_does_not_matter(table, target, weighted, parameters):
    X, (learner, y) = TABLES[table], TARGETS[target]
    weights = RNG.exponential(size=N) if weighted else None
    shuffled = RNG.permutation(N)
    one = learner(random_state=1, **parameters).fit(X, y, weights)
    other = learner(random_state=1, **parameters)
    other.fit(X[shuffled], y[shuffled], None if weights is None else weights[shuffled])
    assert np.array_equal(one.tree_.feature, other.tree_.feature)
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
    assert np.array_equal(one.tree_.value, other.tree_.value)
    assert np.array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("target", TARGETS)
def test_a_row_of_no_weight_is_no_row(target):
    """Not even its values make bins, nor its label a place among the targets."""
    learner, y = TARGETS[target]
    kept = COUNTS > 0
    spoiled_X, spoiled_y = MANY.copy(), y.copy()
    spoiled_X[~kept] = 1e30
    if learner is HistTreeRegressor:
        spoiled_y[~kept] = -1e30
    one = learner(random_state=0).fit(spoiled_X, spoiled_y, COUNTS)
    other = learner(random_state=0).fit(MANY[kept], y[kept], COUNTS[kept])
    assert_same_tree(one, other)


def test_weights_that_are_rounded_up_stay_lighter_than_the_last_bits_of_a_double():
    weights = np.full(1024, np.ldexp(2.0**42 - 0.5, -52))  # rounded, they would add up to 2^52
    share, power, total = whole_weights(len(weights), None, weights)
    assert power == 51
    assert share.sum() < HEAVIEST
    assert len(set(share)) == 1
    assert total == weights.sum()
    with pytest.raises(ValueError, match=r"counts must have a sum below 2\^52; got 4.5036e\+15"):
        whole_weights(2, np.array([2**52 - 1, 1]), None)


@pytest.mark.parametrize("power", [0, 3, -61, 1023, 1500, -1070, -1500])
def test_a_product_with_a_power_of_two_rounds_as_the_power_does(power):
    numbers = np.array([1.0, -3.0, 1 / 3, 0.0, 2.0**-500, 1.7e308, 5e-324])
    with np.errstate(over="ignore", under="ignore"):
        assert np.array_equal(times_two_to(power, numbers.copy()), np.ldexp(numbers, power))
