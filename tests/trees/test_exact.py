"""With few distinct values a column, the exact tree of scikit-learn."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles.trees import HistTreeClassifier, HistTreeRegressor

PARAMETERS = [
    {},
    {"max_depth": 4},
    {"min_samples_leaf": 7},
    {"min_samples_split": 0.1},
    {"min_weight_fraction_leaf": 0.02},
    {"max_leaf_nodes": 12},
    {"min_impurity_decrease": 0.004},
    {"ccp_alpha": 0.003},
]


def table(n_rows, seed):
    """Columns of at most 255 distinct values, unevenly spaced, so that no two splits tie."""
    rng = np.random.default_rng(seed)
    X = np.stack(
        [np.sort(rng.normal(size=200))[rng.integers(0, 200, n_rows)] for _ in range(4)], axis=1
    )
    return X, X[:, 0] * 2 + np.sin(3 * X[:, 1]) + X[:, 2] * X[:, 3] + rng.normal(0, 0.3, n_rows)


def decrease(tree, node):
    """What the split of a node takes off the weighted impurity."""
    heavy = tree.weighted_n_node_samples * tree.impurity
    return heavy[node] - heavy[tree.children_left[node]] - heavy[tree.children_right[node]]


def assert_same(ours, theirs):
    """Same splits, but where two splits are equally good: there the trees may part, and are
    followed no further.
    """
    a, b = ours.tree_, theirs.tree_
    pairs, n_compared = [(0, 0)], 0
    while pairs:
        i, j = pairs.pop()
        assert a.n_node_samples[i] == b.n_node_samples[j]
        assert a.impurity[i] == pytest.approx(b.impurity[j], abs=1e-9)
        assert np.allclose(a.value[i].ravel(), b.value[j].ravel(), atol=1e-9)
        assert (a.children_left[i] < 0) == (b.children_left[j] < 0)
        if b.children_left[j] < 0:
            continue
        n_compared += 1
        left, right = (
            (a.children_left[i], b.children_left[j]),
            (a.children_right[i], b.children_right[j]),
        )
        if a.feature[i] == b.feature[j] and a.n_node_samples[left[0]] == b.n_node_samples[left[1]]:
            pairs += [left, right]
        else:
            assert decrease(a, i) == pytest.approx(decrease(b, j), rel=1e-9, abs=1e-9)
    assert n_compared >= 5


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_regression(parameters):
    X, y = table(500, 0)
    ours = HistTreeRegressor(random_state=0, **parameters).fit(X, y)
    theirs = DecisionTreeRegressor(random_state=0, **parameters).fit(X, y)
    assert_same(ours, theirs)


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_classification(parameters, n_classes, criterion):
    X, y = table(600, 1)
    y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    ours = HistTreeClassifier(random_state=0, criterion=criterion, **parameters).fit(X, y)
    theirs = DecisionTreeClassifier(random_state=0, criterion=criterion, **parameters).fit(X, y)
    assert_same(ours, theirs)


def test_thresholds_lie_at_the_same_gaps():
    X, y = table(500, 2)
    ours, theirs = (
        HistTreeRegressor(random_state=0).fit(X, y),
        DecisionTreeRegressor(random_state=0).fit(X, y),
    )
    column = X[:, ours.tree_.feature[0]]
    for tree in (ours, theirs):
        assert (column <= tree.tree_.threshold[0]).sum() == ours.tree_.n_node_samples[1]


def test_several_outputs():
    X, y = table(400, 3)
    Y = np.stack([y, X[:, 0] * 3, np.cos(y)], axis=1)
    ours = HistTreeRegressor(random_state=0, max_depth=5).fit(X, Y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=5).fit(X, Y)
    assert np.allclose(ours.predict(X), theirs.predict(X))
    assert ours.predict(X).shape == (400, 3)


def test_float_weights():
    X, y = table(400, 4)
    w = np.random.default_rng(0).exponential(size=400)
    ours = HistTreeRegressor(random_state=0, max_depth=5).fit(X, y, w)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=5).fit(X, y, w)
    assert np.allclose(ours.predict(X), theirs.predict(X))
    labels = (y > 0).astype(int)
    ours = HistTreeClassifier(random_state=0, max_depth=4, min_samples_leaf=5).fit(X, labels, w)
    theirs = DecisionTreeClassifier(random_state=0, max_depth=4, min_samples_leaf=5).fit(
        X, labels, w
    )
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0}])
def test_class_weight(class_weight):
    X, y = table(400, 5)
    y = (y > 1).astype(int)
    ours = HistTreeClassifier(random_state=0, max_depth=4, class_weight=class_weight).fit(X, y)
    theirs = DecisionTreeClassifier(random_state=0, max_depth=4, class_weight=class_weight).fit(
        X, y
    )
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X))


@pytest.mark.parametrize("sign", [-1, 1])
def test_monotonic_constraints(sign):
    X, y = table(400, 6)
    signs = [sign, 0, 0, -sign]
    ours = HistTreeRegressor(random_state=0, monotonic_cst=signs).fit(X, y)
    theirs = DecisionTreeRegressor(random_state=0, monotonic_cst=signs, max_depth=4).fit(X, y)
    grid = np.repeat(X[:20], 50, axis=0)
    grid[:, 0] = np.tile(np.linspace(X[:, 0].min(), X[:, 0].max(), 50), 20)
    steps = np.diff(ours.predict(grid).reshape(20, 50), axis=1)
    assert (sign * steps >= 0).all()
    assert (sign * steps > 0).any() or sign < 0
    shallow = HistTreeRegressor(random_state=0, monotonic_cst=signs, max_depth=4).fit(X, y)
    assert_same(shallow, theirs)


def test_pruning_path_is_that_of_scikit_learn():
    X, y = table(300, 7)
    ours = HistTreeRegressor(random_state=0, max_depth=5).cost_complexity_pruning_path(X, y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=5).cost_complexity_pruning_path(X, y)
    assert np.allclose(ours.ccp_alphas, theirs.ccp_alphas)
    assert np.allclose(ours.impurities, theirs.impurities)
    assert np.array_equal(ours["ccp_alphas"], ours.ccp_alphas)


def test_importances():
    X, y = table(500, 8)
    ours = HistTreeRegressor(random_state=0, max_depth=3).fit(X, y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=3).fit(X, y)
    assert np.allclose(ours.feature_importances_, theirs.feature_importances_)
    assert HistTreeRegressor().fit(X, np.ones(500)).feature_importances_.tolist() == [0.0] * 4


def test_path_and_leaves():
    X, y = table(200, 9)
    tree = HistTreeRegressor(random_state=0, max_depth=3).fit(X, y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=3).fit(X, y)
    assert np.array_equal(tree.apply(X), theirs.apply(X))
    assert (tree.decision_path(X) != theirs.decision_path(X)).nnz == 0
    assert (tree.get_depth(), tree.get_n_leaves()) == (theirs.get_depth(), theirs.get_n_leaves())


def test_missing_values_go_where_scikit_learn_sends_them():
    X, y = table(500, 10)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    ours = HistTreeRegressor(random_state=0, max_depth=4).fit(X, y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=4).fit(X, y)
    assert np.allclose(ours.predict(X), theirs.predict(X))
