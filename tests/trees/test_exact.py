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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_monotonic_constraints_of_two_classes(sign, criterion, weighted):
    X, y = table(400, 6)
    labels, w = (y > y.mean()).astype(int), np.random.default_rng(0).exponential(size=400)
    given = {"random_state": 0, "criterion": criterion, "monotonic_cst": [sign, 0, 0, -sign]}
    tree = HistTreeClassifier(**given).fit(X, labels, w if weighted else None)
    grid = np.repeat(X[:20], 50, axis=0)
    grid[:, 0] = np.tile(np.linspace(X[:, 0].min(), X[:, 0].max(), 50), 20)
    steps = np.diff(tree.predict_proba(grid)[:, 1].reshape(20, 50), axis=1)
    assert (sign * steps >= -1e-12).all()
    ours = HistTreeClassifier(max_depth=4, **given).fit(X, labels, w if weighted else None)
    theirs = DecisionTreeClassifier(max_depth=4, **given).fit(X, labels, w if weighted else None)
    assert_same(ours, theirs)


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


# -------------------------------------------------------------------------------------------------
# The arrays of `tree_` mean what scikit-learn's do


def walked(nodes, row):
    """Send a row of raw numbers down a tree as a tool that knows scikit-learn's trees does."""
    node = 0
    while nodes.children_left[node] != -1:
        x = row[nodes.feature[node]]
        goes_left = nodes.missing_go_to_left[node] if np.isnan(x) else x <= nodes.threshold[node]
        node = nodes.children_left[node] if goes_left else nodes.children_right[node]
    return node


@pytest.mark.parametrize("type_", ["float64", "float32", "float16"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("task", ["two", "three", "regression", "outputs"])
def test_a_reader_of_scikit_learn_trees_reads_ours(task, missing, type_):
    """More values than bins, neighbours one rounding apart, and new rows on the very thresholds."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(900, 4))
    X[::2] = np.nextafter(X[1::2].astype(type_), np.array(9, type_))
    X = (X * [1, 1e-3, 1e3, 1]).astype(type_)
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 2]) / 1000 + rng.normal(0, 0.3, 900)
    y = {"outputs": np.stack([y, -y], axis=1), "regression": y}.get(
        task, np.digitize(y, [0.0] if task == "two" else [-1, 1])
    )
    learner = HistTreeRegressor if task in ("regression", "outputs") else HistTreeClassifier
    tree = learner(random_state=0).fit(X, y)
    nodes = tree.tree_
    edges = np.repeat(X[:1], nodes.node_count, axis=0)
    split = np.flatnonzero(nodes.children_left != -1)
    edges[split, nodes.feature[split]] = nodes.threshold[split]
    for table in (X, edges):
        leaves = np.array([walked(nodes, row) for row in table])
        if type_ == "float32":  # scikit-learn's own code rounds first
            assert np.array_equal(leaves, [walked(nodes, row.astype(type_)) for row in table])
        assert np.array_equal(leaves, tree.apply(table))
        said = tree.predict_proba(table) if hasattr(tree, "classes_") else tree.predict(table)
        assert np.array_equal(nodes.value[leaves].reshape(said.shape), said)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error"])
def test_what_the_nodes_say_of_their_rows(criterion, weighted):
    """Samples, weight, value and impurity of a node are those of the rows that pass it."""
    X, y = table(400, 12)
    rng = np.random.default_rng(0)
    w = rng.exponential(size=400) if weighted else np.ones(400)
    if criterion == "squared_error":
        tree = HistTreeRegressor(random_state=0, max_depth=6).fit(X, y, w)
    else:
        y = np.digitize(y, [-1, 1])
        tree = HistTreeClassifier(random_state=0, max_depth=6, criterion=criterion).fit(X, y, w)
    nodes, passed = tree.tree_, tree.decision_path(X).toarray().astype(bool)
    for node in range(nodes.node_count):
        own, weights = y[passed[:, node]], w[passed[:, node]]
        assert nodes.n_node_samples[node] == len(own)
        assert nodes.weighted_n_node_samples[node] == pytest.approx(weights.sum())
        if criterion == "squared_error":
            mean = np.average(own, weights=weights)
            said, spread = [mean], np.average((own - mean) ** 2, weights=weights)
        else:
            said = np.bincount(own, weights, minlength=3) / weights.sum()
            kept = said[said > 0]
            spread = 1 - (kept**2).sum() if criterion == "gini" else -(kept * np.log2(kept)).sum()
        assert np.allclose(nodes.value[node].ravel(), said, rtol=1e-9, atol=1e-12)
        assert nodes.impurity[node] == pytest.approx(spread, rel=1e-9, abs=1e-12)


def test_impurity_of_several_outputs_is_their_mean():
    X, y = table(300, 13)
    Y = np.stack([y, X[:, 0] * 3, np.cos(y)], axis=1)
    ours = HistTreeRegressor(random_state=0, max_depth=3).fit(X, Y)
    theirs = DecisionTreeRegressor(random_state=0, max_depth=3).fit(X, Y)
    assert ours.tree_.impurity[0] == pytest.approx(Y.var(axis=0).mean())
    assert np.allclose(ours.tree_.impurity, theirs.tree_.impurity)
