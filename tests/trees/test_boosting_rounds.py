"""Trees grown round by round over all rows: the very trees that a plain fit grows."""

from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.trees import Forest, HistTreeClassifier, HistTreeRegressor

FIELDS = ("children_right", "feature", "code", "missing_go_to_left", "n_node_samples")


@st.composite
def tasks(draw):
    """A table of few or many distinct values, some missing, and a target of 0 (numbers), 2 or more
    classes.
    """
    n_rows, n_columns = draw(st.integers(2, 300)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = rng.integers(0, draw(st.integers(2, 300)), (n_rows, n_columns)).astype(float)
    X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.0, 0.2]))] = np.nan
    n_classes = draw(st.sampled_from([0, 2, 3, 5]))
    y = rng.integers(0, n_classes or 20, n_rows).astype(float)
    weights = rng.integers(0, 50, n_rows)
    weights[rng.integers(n_rows)] = 1
    return X, y, weights, n_classes


def tree_for(n_classes, **settings):
    return (HistTreeClassifier if n_classes else HistTreeRegressor)(**settings)


def assert_same(tree, other):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(tree.tree_, field), getattr(other.tree_, field))
    assert tree.get_depth() == other.get_depth() == max(map(len, other.tree_.paths().values())) - 1
    np.testing.assert_allclose(tree.tree_.value, other.tree_.value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tree.tree_.impurity, other.tree_.impurity, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        tree.tree_.weighted_n_node_samples, other.tree_.weighted_n_node_samples
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(tasks(), st.integers(1, 6), st.integers(0, 1000), st.booleans())
def test_a_round_grows_the_tree_of_a_plain_fit(task, depth, seed, counted):
    """Whole weights: what both growers sum is the same, so are the trees, to the node."""
    X, y, weights, n_classes = task
    tree = tree_for(n_classes, max_depth=depth, random_state=seed)
    prepared = tree.prepare(X, y)
    rounds = tree.rounds(prepared)
    other = copy(tree)
    if counted:
        leaves = rounds.grow(tree, counts=weights)
        other.fit_draw(prepared, counts=weights)
    else:
        leaves = rounds.grow(tree, weights=weights.astype(float))
        other.fit_draw(prepared, weights=weights.astype(float))
    assert_same(tree, other)
    np.testing.assert_array_equal(leaves, other.apply(X))


@pytest.mark.parametrize("n_classes", [0, 2, 4])
@pytest.mark.parametrize("depth", [1, 3])
def test_real_weights_grow_the_tree_of_a_plain_fit(n_classes, depth):
    """Weights are rounded to 2^-31 of their total, which on real data changes no split."""
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(3000, 7))
    signal = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=3000)
    y = np.digitize(signal, np.linspace(-1, 1, n_classes - 1)) if n_classes else signal
    tree = tree_for(n_classes, max_depth=depth, random_state=0)
    prepared = tree.prepare(X, y)
    rounds = tree.rounds(prepared)
    for _ in range(5):
        weights = rng.exponential(size=3000) ** 3
        grown, plain = copy(tree), copy(tree)
        leaves = rounds.grow(grown, weights=weights / weights.sum())
        plain.fit_draw(prepared, weights=weights / weights.sum())
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(grown.tree_, field), getattr(plain.tree_, field))
        np.testing.assert_allclose(grown.tree_.value, plain.tree_.value, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(leaves, plain.apply(X))


def test_a_round_may_aim_at_another_target():
    rng = np.random.default_rng(0)
    X, first, second = rng.normal(size=(500, 3)), rng.normal(size=500), rng.normal(size=500)
    tree = HistTreeRegressor(max_depth=3, random_state=0)
    rounds = tree.rounds(tree.prepare(X, first))
    leaves = rounds.grow(tree, target=second)
    other = HistTreeRegressor(max_depth=3, random_state=0).fit(X, second, np.ones(500))
    assert_same(tree, other)
    np.testing.assert_allclose(tree.tree_.value[leaves, 0, 0], other.predict(X))


@pytest.mark.parametrize(
    "unusual",
    [
        {"max_depth": None},
        {"min_samples_leaf": 5},
        {"max_features": 2},
        {"criterion": "entropy"},
        {"splitter": "random"},
        {"max_leaf_nodes": 3},
        {"ccp_alpha": 0.01},
        {"class_weight": "balanced"},
        {"monotonic_cst": [1, 0, -1]},
        {"min_impurity_decrease": 0.02},
        {"categorical_features": [0]},
    ],
    ids=str,
)
def test_unusual_rules_are_kept(unusual):
    """What the fast kernel does not know is grown by the general one."""
    rng = np.random.default_rng(0)
    X, weights = rng.integers(0, 9, (400, 3)).astype(float), rng.random(400)
    y = (X[:, 0] + X[:, 1] + rng.normal(scale=3, size=400) > 8).astype(int)
    tree = HistTreeClassifier(**({"max_depth": 2, "random_state": 0} | unusual))
    prepared, other = tree.prepare(X, y), copy(tree)
    leaves = tree.rounds(prepared).grow(tree, weights=weights)
    other.fit_draw(prepared, weights=weights)
    assert_same(tree, other)
    np.testing.assert_array_equal(leaves, other.apply(X))


def test_rows_without_weight_are_not_learned_from_and_reach_a_leaf():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 0, 0])
    tree = HistTreeClassifier(max_depth=3, random_state=0)
    leaves = tree.rounds(tree.prepare(X, y)).grow(tree, weights=np.array([1, 1, 1, 1, 0, 0.0]))
    assert tree.tree_.node_count == 3
    assert tree.tree_.n_node_samples.tolist() == [4, 2, 2]
    np.testing.assert_array_equal(leaves, [1, 1, 2, 2, 2, 2])


def test_no_weight_at_all_is_an_error():
    tree = HistTreeClassifier(max_depth=1, random_state=0)
    rounds = tree.rounds(tree.prepare([[0.0], [1.0]], [0, 1]))
    with pytest.raises(ValueError, match="at least one row of positive weight"):
        rounds.grow(tree, weights=np.zeros(2))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([1.0, 5.0, 40.0]))
def test_rows_are_drawn_as_numpy_draws_them(seed, n_rows, unevenness):
    rng = np.random.default_rng(seed)
    shares = rng.random(n_rows) ** unevenness
    shares[rng.random(n_rows) < 0.2] = 0.0
    shares[rng.integers(n_rows)] = 1.0
    shares /= shares.sum()
    tree = HistTreeRegressor(max_depth=1, random_state=0)
    rounds = tree.rounds(tree.prepare(np.zeros((n_rows, 1)), np.zeros(n_rows)))
    counts = rounds.drawn(shares, np.random.RandomState(seed).random_sample(n_rows))
    chosen = np.random.RandomState(seed).choice(n_rows, n_rows, p=shares)
    np.testing.assert_array_equal(counts, np.bincount(chosen, minlength=n_rows))
    again = rounds.drawn(8.0 * shares, np.random.RandomState(seed).random_sample(n_rows))
    np.testing.assert_array_equal(again, counts)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.integers(1, 40),
    st.sampled_from(["equal", "few", "real", "light", "faint"]),
)
def test_the_weighted_median_is_that_of_sorting_each_row(seed, n_trees, kind):
    """Equal weights tie at the half; few values tie among themselves; light weights vanish beside
    others, where they are told in 32 bits.
    """
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    if kind == "few":
        y = np.sign(y)
    weights = np.ones(n_trees) if kind == "equal" else rng.exponential(size=n_trees)
    if kind == "light":
        weights = np.where(rng.random(n_trees) < 0.7, 1e-13 * weights, np.rint(weights) + 1)
    if kind == "faint":
        weights *= 1e-300
    trees = []
    for depth in rng.integers(1, 6, n_trees):
        trees.append(HistTreeRegressor(max_depth=int(depth), max_features=1, random_state=depth))
        trees[-1].fit(X, y)
    answers = np.array([tree.predict(X) for tree in trees])
    order = np.argsort(answers, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0)
    place = np.argmax(reached >= 0.5 * reached[-1], axis=0)
    expected = answers[order[place, np.arange(80)], np.arange(80)]
    forest = Forest(trees)
    np.testing.assert_array_equal(forest.weighted_median(X, weights=weights), expected)
    np.testing.assert_array_equal(
        forest.weighted_median(X, 20, 50, weights=weights), expected[20:50]
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_node_whose_rows_are_all_alike_is_a_leaf(n_classes):
    """However mixed its targets: no split is found where each leaves a side empty."""
    X = np.repeat([[0.0, 0.0], [0.0, np.nan], [1.0, 0.0]], [40, 30, 20], axis=0)
    y = np.arange(90) % n_classes
    tree = HistTreeClassifier(max_depth=4, random_state=0)
    weights = np.random.default_rng(0).exponential(size=90)
    tree.rounds(tree.prepare(X, y)).grow(tree, weights=weights)
    assert tree.get_n_leaves() == 3
    assert sorted(tree.tree_.n_node_samples[tree.tree_.children_right < 0]) == [20, 30, 40]
