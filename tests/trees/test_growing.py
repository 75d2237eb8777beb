"""The engine against a slow grower that tries everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_tree import MASK, Problem, best_gain, columns_looked_at, grow_slowly, mix

from ensembles.trees import HistTreeClassifier, HistTreeRegressor

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


@st.composite
def problems(draw, n_targets, missing=False):
    """A table of few distinct values (ties, constants, duplicates), integer targets and counts."""
    n_rows, n_columns = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = rng.integers(0, draw(st.integers(1, 12)), (n_rows, n_columns)).astype(float)
    if missing:
        X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))] = np.nan
    y = rng.integers(0, n_targets, n_rows)
    counts = rng.integers(0 if draw(st.booleans()) else 1, draw(st.sampled_from([2, 4])), n_rows)
    counts[rng.integers(n_rows)] = 1
    return X, y, counts, draw(st.integers(0, 1000))


def fitted(tree, X, y, counts):
    prepared = tree.prepare(X, y)
    rows = np.flatnonzero(counts)
    return prepared, tree.fit_draw(prepared, rows, counts[rows])


def same_tree(tree, problem, seed):
    nodes = grow_slowly(problem, seed, tree.max_depth or 99, tree.max_features)
    assert [n[0] for n in nodes] == tree.tree_.feature.tolist()
    assert [n[1] for n in nodes] == tree.tree_.code.tolist()


@EXAMPLES
@given(problems(2), st.sampled_from([1, 3]))
def test_two_classes_grow_the_slow_tree(problem, min_leaf):
    X, y, counts, seed = problem
    prepared, tree = fitted(
        HistTreeClassifier(random_state=seed, min_samples_leaf=min_leaf), X, y, counts
    )
    y = np.searchsorted(tree.classes_, y)
    same_tree(tree, Problem(prepared.codes, y, counts, min_leaf=min_leaf), seed)


@EXAMPLES
@given(problems(5))
def test_many_classes_grow_the_slow_tree(problem):
    X, y, counts, seed = problem
    prepared, tree = fitted(HistTreeClassifier(random_state=seed), X, y, counts)
    same_tree(tree, Problem(prepared.codes, np.searchsorted(tree.classes_, y), counts), seed)


@EXAMPLES
@given(problems(9))
def test_squared_error_grows_the_slow_tree(problem):
    X, y, counts, seed = problem
    prepared, tree = fitted(HistTreeRegressor(random_state=seed), X, y, counts)
    same_tree(tree, Problem(prepared.codes, y[:, None], counts, "squared_error"), seed)


@pytest.mark.parametrize("n_classes", [0, 2, 4])
@pytest.mark.parametrize(("n_rows", "n_values"), [(150, 100), (700, 40), (1500, 255)])
def test_larger_nodes_grow_the_slow_tree(n_classes, n_rows, n_values):
    """Nodes of each size: compared pair by pair, counted alone, and taken as a difference of
    histograms.
    """
    rng = np.random.default_rng(n_rows)
    X = rng.integers(0, n_values, (n_rows, 5))
    signal = X[:, 0] + X[:, 1] * X[:, 2] / n_values + rng.normal(0, n_values / 10, n_rows)
    y = (
        (signal // 3).astype(int)
        if n_classes == 0
        else np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes))
    )
    counts = rng.poisson(1.0, n_rows)
    tree = (HistTreeClassifier if n_classes else HistTreeRegressor)(random_state=3, max_depth=6)
    prepared, tree = fitted(tree, X, y, counts)
    target = y if n_classes else y[:, None]
    same_tree(
        tree, Problem(prepared.codes, target, counts, "gini" if n_classes else "squared_error"), 3
    )


@pytest.mark.parametrize("n_classes", [0, 2, 4])
@pytest.mark.parametrize(
    ("n_rows", "n_columns", "max_features"),
    [(80, 12, None), (60, 20, None), (40, 70, None), (80, 12, 3), (60, 40, 20), (400, 40, 36)],
)
def test_wide_tables_grow_the_slow_tree(n_classes, n_rows, n_columns, max_features):
    """Rows of every width that nodes are laid out in, whole and drawn; a third of the columns have
    one value or nearly.
    """
    rng = np.random.default_rng(n_columns)
    X = rng.integers(0, 12, (n_rows, n_columns)) * (rng.random(n_columns) < 0.7)
    X[0] += 1
    y = rng.integers(0, n_classes or 9, n_rows)
    counts = rng.poisson(1.0, n_rows)
    counts[0] = 1
    tree = (HistTreeClassifier if n_classes else HistTreeRegressor)(
        random_state=n_rows, max_depth=5, max_features=max_features
    )
    prepared, tree = fitted(tree, X, y, counts)
    target = np.searchsorted(tree.classes_, y) if n_classes else y[:, None]
    criterion = "gini" if n_classes else "squared_error"
    same_tree(tree, Problem(prepared.codes, target, counts, criterion), n_rows)


def walk(tree, prepared, problem, categorical):
    """At every node: the split made is as good as the best of all, and a leaf has nothing worth
    splitting.
    """
    nodes, n_wanted = tree.tree_, tree.max_features
    leaves = {0: np.flatnonzero(problem.weights > 0)}
    bounds, keys, looked_at = {0: (-np.inf, np.inf)}, {0: mix(tree.random_state)}, None
    for node in range(nodes.node_count):
        rows, within, key = leaves.pop(node), bounds.pop(node), keys.pop(node)
        if n_wanted:
            looked_at = columns_looked_at(problem, rows, categorical, key, n_wanted)
        pure = problem.pure(rows)
        best = None if pure else best_gain(problem, rows, categorical, within, looked_at)
        column, right = nodes.feature[node], nodes.children_right[node]
        if right < 0:
            assert best is None
            continue
        codes = prepared.codes[rows, column]
        if categorical[column]:
            bits = nodes.category_codes[node]
            goes_left = np.array([bool(int(bits[c >> 6]) >> int(c & 63) & 1) for c in codes])
        else:
            goes_left = np.where(
                codes == 0, nodes.missing_go_to_left[node] == 1, codes <= nodes.code[node]
            )
            assert codes[goes_left].any()  # the missing alone go right, of all others whatever code
            assert codes[~goes_left].any() or nodes.code[node] == 255
        gain = problem.gain(rows, rows[goes_left])
        assert gain is not None
        assert problem.obeys(rows, rows[goes_left], column, within, -1e-9)
        if problem.signs:  # a split that obeys by less than rounding may be left out of `best`
            assert gain >= (best or 0.0) - 1e-9 * (1 + (best or 0.0))
        else:
            assert gain == pytest.approx(best, abs=1e-9 * (1 + abs(best)))
        leaves[node + 1], leaves[right] = rows[goes_left], rows[~goes_left]
        bounds[node + 1], bounds[right] = problem.bounds_below(
            leaves[node + 1], leaves[right], column, within
        )
        keys[node + 1], keys[right] = mix(2 * key & MASK), mix((2 * key + 1) & MASK)
    assert not leaves


@pytest.mark.parametrize(
    ("n_classes", "categories"), [(0, False), (2, False), (4, False), (0, True), (2, True)]
)
@pytest.mark.parametrize("n_rows", [25, 90, 400])
def test_no_split_of_the_columns_drawn_beats_one_made_with_missing_values(
    n_classes, categories, n_rows
):
    """A column with missing values is one column, looked at twice; one that is missing throughout
    is none.
    """
    rng = np.random.default_rng(n_rows)
    X = rng.integers(0, 6, (n_rows, 9)).astype(float)
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, :2], X[:, 2] = [np.nan, 3.0], rng.random(n_rows) < 0.1
    categorical = np.arange(9) % 3 == 0 if categories else np.zeros(9, bool)
    X[:, categorical] = np.nan_to_num(X[:, categorical], nan=1.0)
    y, counts = rng.integers(0, n_classes or 9, n_rows), rng.poisson(1.0, n_rows)
    wanted = 1 if n_rows == 90 else 3
    # Then a drawn column may have no split; of categories no order knows the best that is allowed.
    least = 6 if n_rows == 90 and not categories else 1
    tree = (HistTreeClassifier if n_classes else HistTreeRegressor)(
        random_state=7,
        max_features=wanted,
        min_samples_leaf=least,
        categorical_features=np.flatnonzero(categorical).tolist(),
    )
    prepared, tree = fitted(tree, X, y, counts)
    target, criterion = (y, "gini") if n_classes else (y[:, None], "squared_error")
    problem = Problem(prepared.codes, target, counts, criterion, min_leaf=least)
    walk(tree, prepared, problem, categorical)


@pytest.mark.parametrize("n_classes", [0, 2, 4])
@pytest.mark.parametrize(("n_rows", "n_values"), [(100, 30), (700, 20)])
def test_no_split_of_larger_nodes_beats_one_made_with_missing_values(n_classes, n_rows, n_values):
    """Nodes of each size; columns without, with few, with many, and with telling missing values,
    of codes that nodes below lack.
    """
    rng = np.random.default_rng(n_rows)
    X = rng.integers(0, n_values, (n_rows, 4)).astype(float)
    signal = X[:, 0] + X[:, 1] * (X[:, 2] > n_values / 2) + rng.normal(0, n_values / 10, n_rows)
    X[rng.random(n_rows) < 0.02, 1] = np.nan
    X[rng.random(n_rows) < 0.5, 2] = np.nan
    X[signal > np.quantile(signal, 0.8), 3] = np.nan
    cuts = np.quantile(signal, np.arange(1, max(n_classes, 2)) / max(n_classes, 2))
    y, counts = np.digitize(signal, cuts) if n_classes else signal, rng.poisson(1.0, n_rows)
    tree = (HistTreeClassifier if n_classes else HistTreeRegressor)(random_state=3)
    prepared, tree = fitted(tree, X, y, counts)
    target, criterion = (y, "gini") if n_classes else (y[:, None], "squared_error")
    assert (tree.tree_.missing_go_to_left[tree.tree_.children_left >= 0] == 1).any()
    walk(tree, prepared, Problem(prepared.codes, target, counts, criterion), np.zeros(4, bool))


@pytest.mark.parametrize("n_classes", [0, 2])
def test_no_partition_of_categories_beats_that_of_larger_nodes(n_classes):
    """Categories whose bins are counted with those of the numbers beside them."""
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(0, n, 700) for n in (6, 5, 30)], axis=1).astype(float)
    X[rng.random(700) < 0.1, 0] = np.nan
    signal = np.nan_to_num(X[:, 0], nan=2.5) % 3 + (X[:, 1] % 2) * X[:, 2] / 30
    signal += rng.normal(0, 0.3, 700)
    y, counts = (signal * 10).astype(int) if n_classes == 0 else signal > 1.5, rng.poisson(1.0, 700)
    tree = (HistTreeClassifier if n_classes else HistTreeRegressor)(
        categorical_features=[0, 1], random_state=1
    )
    prepared, tree = fitted(tree, X, y.astype(int), counts)
    target, criterion = (y * 1, "gini") if n_classes else (y[:, None], "squared_error")
    asked = Problem(prepared.codes, target, counts, criterion)
    walk(tree, prepared, asked, np.array([True, True, False]))


@EXAMPLES
@given(problems(3, missing=True), st.sampled_from(["gini", "entropy"]), st.booleans())
def test_no_split_beats_one_made_with_missing_values(problem, criterion, two):
    X, y, counts, seed = problem
    prepared, tree = fitted(
        HistTreeClassifier(criterion=criterion, random_state=seed), X, y % 2 if two else y, counts
    )
    y = np.searchsorted(tree.classes_, y % 2 if two else y)
    walk(tree, prepared, Problem(prepared.codes, y, counts, criterion), np.zeros(X.shape[1], bool))


@EXAMPLES
@given(problems(9, missing=True), st.integers(1, 3))
def test_no_split_beats_one_made_for_several_outputs(problem, n_outputs):
    X, y, counts, seed = problem
    targets = np.stack([np.roll(y, k) * (1.0 + k) for k in range(n_outputs)], axis=1)
    prepared, tree = fitted(HistTreeRegressor(random_state=seed), X, targets, counts)
    walk(
        tree,
        prepared,
        Problem(prepared.codes, targets, counts, "squared_error"),
        np.zeros(X.shape[1], bool),
    )


@EXAMPLES
@given(problems(2, missing=True), st.booleans())
def test_no_partition_of_categories_beats_the_one_made(problem, regression):
    """Fisher's theorem: ordered by the mean target, the best of all partitions is among the
    contiguous ones.
    """
    X, y, counts, seed = problem
    X = np.where(np.isnan(X), np.nan, X % 5)
    learner = HistTreeRegressor if regression else HistTreeClassifier
    prepared, tree = fitted(learner(random_state=seed, categorical_features=[0]), X, y, counts)
    categorical = np.arange(X.shape[1]) == 0
    target = y[:, None].astype(float) if regression else np.searchsorted(tree.classes_, y)
    if counts[prepared.codes[:, 0] == 0].any():
        return  # missing is a side of its own, ordered apart: see the next test
    walk(
        tree,
        prepared,
        Problem(prepared.codes, target, counts, "squared_error" if regression else "gini"),
        categorical,
    )


TARGETS = {"two": 2, "three": 3, "regression": 9}


def learner_of(target, **parameters):
    if target == "regression":
        return HistTreeRegressor(**parameters), "squared_error"
    return HistTreeClassifier(**parameters), "gini"


def target_of(tree, target, y):
    return y[:, None].astype(float) if target == "regression" else np.searchsorted(tree.classes_, y)


@EXAMPLES
@given(problems(9, missing=True), st.sampled_from(list(TARGETS)), st.sampled_from([1, 3]))
def test_no_split_beats_one_made_with_weights_that_are_no_counts(problem, target, min_rows):
    """Then limits on samples count rows, however heavy."""
    X, y, counts, seed = problem
    y, weights = y % TARGETS[target], 0.1 * counts**1.5
    tree, criterion = learner_of(target, random_state=seed, min_samples_leaf=min_rows)
    prepared = tree.prepare(X, y, weights)
    tree.fit_draw(prepared, weights=weights)
    y = target_of(tree, target, y)
    asked = Problem(prepared.codes, y, weights, criterion, min_leaf=0, min_rows=min_rows)
    walk(tree, prepared, asked, np.zeros(X.shape[1], bool))


@EXAMPLES
@given(problems(9, missing=True), st.sampled_from(["two", "regression"]), st.data())
def test_no_split_that_keeps_the_constraints_beats_the_one_made(problem, target, data):
    X, y, counts, seed = problem
    signs = tuple(data.draw(st.sampled_from([-1, 0, 1])) for _ in range(X.shape[1]))
    y = y % TARGETS[target]
    tree, criterion = learner_of(target, random_state=seed, monotonic_cst=signs)
    prepared, tree = fitted(tree, X, y, counts)
    y = target_of(tree, target, y)
    asked = Problem(prepared.codes, y, counts, criterion, signs=signs)
    walk(tree, prepared, asked, np.zeros(X.shape[1], bool))


@pytest.mark.parametrize("n_leaves", [2, 5, 17, 40])
def test_best_first_takes_the_best_split_next(n_leaves):
    """As if the whole tree were grown, and its splits taken greedily from the top."""
    rng = np.random.default_rng(n_leaves)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    whole = HistTreeRegressor(random_state=0).fit(X, y).tree_
    heavy = whole.weighted_n_node_samples * whole.impurity
    left, right = whole.children_left, whole.children_right
    decrease = heavy - heavy[left] - heavy[right]
    waiting, taken = [0], []
    for _ in range(n_leaves - 1):
        node = max((n for n in waiting if right[n] >= 0), key=lambda n: decrease[n])
        waiting.remove(node)
        waiting += [left[node], right[node]]
        taken.append(whole.threshold[node])
    grown = HistTreeRegressor(random_state=0, max_leaf_nodes=n_leaves).fit(X, y).tree_
    assert sorted(taken) == sorted(grown.threshold[grown.children_right >= 0])


def test_missing_category_takes_the_better_side():
    X = np.array([[0.0], [0.0], [1.0], [1.0], [np.nan], [np.nan]])
    for missing, others in ((1, [0, 0, 1, 1]), (0, [0, 0, 1, 1])):
        y = np.array([*others, missing, missing])
        tree = HistTreeClassifier(categorical_features=[0], random_state=0).fit(X, y)
        assert tree.get_n_leaves() == 2
        assert (tree.predict(X) == y).all()


@EXAMPLES
@given(problems(2))
def test_entropy_and_gini_agree_that_no_split_beats_theirs(problem):
    X, y, counts, seed = problem
    prepared, tree = fitted(
        HistTreeClassifier(criterion="entropy", random_state=seed), X, y, counts
    )
    y = np.searchsorted(tree.classes_, y)
    walk(tree, prepared, Problem(prepared.codes, y, counts, "entropy"), np.zeros(X.shape[1], bool))


@EXAMPLES
@given(problems(4), st.booleans())
def test_each_step_of_the_pruning_path_is_the_tree_pruned_so_far(problem, regression):
    """Ties among them: nodes lost at one alpha are one step."""
    X, y, counts, seed = problem
    learner = HistTreeRegressor if regression else HistTreeClassifier
    weights = counts.astype(float)
    path = learner(random_state=seed).cost_complexity_pruning_path(X, y, weights)
    assert (np.diff(path.ccp_alphas) > 0).all()
    for alpha, impurity in zip(path.ccp_alphas, path.impurities, strict=True):
        pruned = learner(random_state=seed, ccp_alpha=alpha).fit(X, y, weights).tree_
        leaf = pruned.children_left < 0
        risk = (pruned.impurity * pruned.weighted_n_node_samples)[leaf].sum()
        assert risk / weights.sum() == pytest.approx(impurity, abs=1e-12)
        assert (pruned.children_right[leaf] == -1).all()
        assert (pruned.feature[leaf] == -2).all()
        assert (pruned.threshold[leaf] == -2).all()
    assert pruned.node_count == 1


@EXAMPLES
@given(problems(3))
def test_weight_is_count(problem):
    """A row of weight k is k rows, exactly. (A class that only rows of weight 0 have is one.)"""
    X, y, counts, seed = problem
    y = np.where(counts > 0, y, y[counts.argmax()])
    repeated = np.repeat(np.arange(len(X)), counts)
    for learner in (HistTreeClassifier, HistTreeRegressor):
        weighted = learner(random_state=seed).fit(X, y, counts.astype(float))
        written = learner(random_state=seed).fit(X[repeated], y[repeated])
        for name in ("feature", "threshold", "value", "weighted_n_node_samples"):
            assert np.array_equal(getattr(weighted.tree_, name), getattr(written.tree_, name))
        assert np.allclose(weighted.tree_.impurity, written.tree_.impurity, rtol=1e-12, atol=1e-12)
        assert np.array_equal(weighted.predict(X), written.predict(X))


@pytest.mark.parametrize("power", [3, -40, 200])
def test_weights_scale_freely(power):
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(300, 4)), rng.integers(0, 2, 300), rng.exponential(size=300)
    one = HistTreeClassifier(random_state=0).fit(X, y, w)
    other = HistTreeClassifier(random_state=0).fit(X, y, w * 2.0**power)
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))


LIMITED = [
    {"max_leaf_nodes": 6},
    {"min_impurity_decrease": 0.05},
    {"min_weight_fraction_leaf": 0.1},
    {"ccp_alpha": 0.02},
]


@pytest.mark.parametrize("power", [-990, 1000])
@pytest.mark.parametrize("limit", LIMITED, ids=str)
@pytest.mark.parametrize("target", ["two", "three", "entropy", "regression", "outputs"])
def test_limits_do_not_depend_on_the_scale_of_weights(target, limit, power):
    """Nor on what a decrease is in the weights' units, which no number may hold."""
    rng = np.random.default_rng(1)
    X, w = rng.normal(size=(300, 4)), rng.exponential(size=300)
    y = X[:, 0] + rng.normal(size=300)
    learner = HistTreeRegressor if target in ("regression", "outputs") else HistTreeClassifier
    y = {
        "regression": y,
        "outputs": np.stack([y, y * X[:, 0]], axis=1),
        "three": np.digitize(y, [0, 1]),
    }.get(target, (y > 0).astype(int))
    rules = limit | ({"criterion": "entropy"} if target == "entropy" else {})
    one = learner(random_state=0, **rules).fit(X, y, w)
    other = learner(random_state=0, **rules).fit(X, y, w * 2.0**power)
    assert 1 < one.tree_.node_count < 200
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
    assert np.array_equal(one.tree_.value, other.tree_.value)
    assert np.allclose(one.feature_importances_, other.feature_importances_)


@pytest.mark.parametrize("power", [-500, 400])
def test_best_first_does_not_depend_on_the_scale_of_the_target(power):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(300, 4)), rng.normal(size=300)
    one = HistTreeRegressor(random_state=0, max_leaf_nodes=6).fit(X, y)
    other = HistTreeRegressor(random_state=0, max_leaf_nodes=6).fit(X, y * 2.0**power)
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)


@pytest.mark.parametrize("weighted", [False, True])
def test_order_of_rows_does_not_matter(weighted):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 5)).round(1)
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X[:, 0]) + rng.normal(size=600)
    w = rng.exponential(size=600) if weighted else np.ones(600)
    shuffled = rng.permutation(600)
    for learner, target in (
        (HistTreeRegressor, y),
        (HistTreeClassifier, np.digitize(y, [-1, 0, 1])),
    ):
        one = learner(random_state=0).fit(X, target, w)
        other = learner(random_state=0).fit(X[shuffled], target[shuffled], w[shuffled])
        assert np.array_equal(one.predict(X), other.predict(X))
        assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
