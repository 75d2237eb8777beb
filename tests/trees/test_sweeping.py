"""Small trees are swept, larger ones walked: every answer is the same, to the last bit."""

import numpy as np
import pytest

from ensembles.trees import Forest, HistTreeClassifier, HistTreeRegressor
from ensembles.trees import forest as forests


def table(n_rows, n_columns=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns)).round(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 0] = rng.normal(size=n_rows)
    return X, rng.normal(size=n_rows) + np.nan_to_num(X[:, 0] * X[:, 1])


def forest(n_classes, depths, X, y):
    trees = []
    for seed, depth in enumerate(depths):
        if n_classes:
            tree = HistTreeClassifier(max_depth=depth, max_features=2, random_state=seed)
            y_seen = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
        else:
            tree, y_seen = HistTreeRegressor(max_depth=depth, max_features=2, random_state=seed), y
        trees.append(tree)
    prepared = trees[0].prepare(X, y_seen)
    for tree in trees:
        tree.fit_draw(prepared)
    return Forest(trees)


@pytest.mark.parametrize("n_asked", [1, 31, 511, 512, 513, 1300])
@pytest.mark.parametrize("n_classes", [0, 2, 3, 5, 11])
def test_swept_as_walked(n_classes, n_asked, monkeypatch):
    fitted = forest(n_classes, [1, 2, 3, 4, 5, 1, 3], *table(2000))
    assert len(fitted.runs) == 1
    sizes = np.diff(fitted.runs[0].roots, append=len(fitted.runs[0].nodes))
    assert sizes.max() <= forests.LARGEST
    asked = table(n_asked, seed=1)[0]
    swept = [ask(asked) for ask in (fitted.sums, fitted.votes, fitted.leaves, fitted.members)]
    shown = np.zeros((7, (n_asked + 7) // 8), np.uint8)
    held_out = fitted.held_out(asked, shown)
    monkeypatch.setattr(forests, "LARGEST", 0)
    walked = [ask(asked) for ask in (fitted.sums, fitted.votes, fitted.leaves, fitted.members)]
    for one, other in zip(swept, walked, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(held_out.sums, swept[0])
    np.testing.assert_array_equal(held_out.n_members, 7)


def test_trees_of_a_single_leaf_are_swept():
    X, _ = table(20)
    fitted = forest(0, [3] * 40, X, np.full(20, 1.5))
    assert fitted.runs[0].columns.size == 0
    np.testing.assert_array_equal(fitted.mean(X), np.full((20, 1), 1.5))
    np.testing.assert_array_equal(fitted.leaves(X), 0)


def test_a_parent_precedes_its_children():
    """What sweeping relies on: a row that moves on is moved again by the node it came to."""
    run = forest(2, [5] * 20, *table(1000)).runs[0]
    places = np.arange(len(run.nodes))
    left = (run.nodes >> np.uint64(32)).astype(np.int64)
    inner = left + 1 != places
    assert inner.any()
    assert (left[inner] > places[inner]).all()


def leaf_by_loop(tree, row):
    """The number of the leaf that a row of a table reaches, one question after the other."""
    node = 0
    while tree.children_right[node] >= 0:
        x = row[tree.feature[node]]
        left = tree.missing_go_to_left[node] if np.isnan(x) else x <= tree.threshold[node]
        node = tree.children_left[node] if left else tree.children_right[node]
    return node


@pytest.mark.parametrize("n_values", [1, 2, 3, 4, 5])
def test_swept_as_walked_by_a_loop(n_values):
    """Trees of 1 to 63 nodes, asked about 1 to 70 rows: whatever part of a register is left."""
    X, y = table(1000)
    Y = np.column_stack([y * k + X[:, 0] for k in range(n_values)])
    trees = [
        HistTreeRegressor(max_leaf_nodes=n, max_features=3, random_state=n) for n in range(2, 33)
    ]
    prepared = trees[0].prepare(X, Y)
    for tree in trees:
        tree.fit_draw(prepared)
    trees.append(HistTreeRegressor(min_samples_split=2000).fit_draw(prepared))
    assert {tree.tree_.node_count for tree in trees} == set(range(1, 64, 2))
    asked = table(70, seed=1)[0]
    leaves = np.array([[leaf_by_loop(tree.tree_, row) for tree in trees] for row in asked])
    values = [tree.tree_.value[leaves[:, i], :, 0] for i, tree in enumerate(trees)]
    sums = np.zeros((70, n_values))
    for own in values:
        sums += own
    fitted = Forest(trees)
    for n_asked in range(1, 71):
        np.testing.assert_array_equal(fitted.leaves(asked[:n_asked]), leaves[:n_asked])
        np.testing.assert_array_equal(fitted.sums(asked[:n_asked]), sums[:n_asked])
    np.testing.assert_array_equal(fitted.members(asked), values)
