"""The contract with ensembles: prepare once, grow on draws, ask all trees at once."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone

from ensembles.trees import Forest, HistTreeClassifier, HistTreeRegressor, in_bag_bits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1300, 6))
X[RNG.random(X.shape) < 0.03] = np.nan
SCORE = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 + RNG.normal(0, 0.3, 1300)
TARGETS = {
    "two": (HistTreeClassifier, (SCORE > 1).astype(int)),
    "many": (HistTreeClassifier, np.digitize(SCORE, [0, 1, 2])),
    "regression": (HistTreeRegressor, SCORE),
    "outputs": (HistTreeRegressor, np.stack([SCORE, -(SCORE**2)], axis=1)),
}


def bag(learner, y, n_members=7, **parameters):
    base = learner(**parameters)
    prepared = base.prepare(X, y)
    draws = []
    members = []
    for i in range(n_members):
        counts = np.bincount(
            np.random.default_rng((0, i)).integers(len(X), size=len(X)), minlength=len(X)
        )
        draws.append(np.flatnonzero(counts))
        member = clone(base).set_params(random_state=i)
        members.append(member.fit_draw(prepared, draws[-1], counts[draws[-1]]))
    return prepared, draws, members


@pytest.fixture(scope="module", params=TARGETS)
def bagged(request):
    return bag(*TARGETS[request.param])


def answers(member, table):
    if hasattr(member, "predict_proba"):
        return member.predict_proba(table)
    return member.predict(table).reshape(len(table), -1)


def test_forest_is_the_mean_of_its_members_in_order(bagged):
    prepared, _, members = bagged
    total = np.zeros_like(answers(members[0], X))
    for member in members:
        total += answers(member, X)
    assert np.array_equal(Forest(members).mean(X), total / len(members))
    assert np.array_equal(Forest(members).mean(prepared), total / len(members))


def test_answers_do_not_depend_on_how_rows_are_cut(bagged):
    prepared, draws, members = bagged
    forest = Forest(members)
    bits = in_bag_bits(draws, len(X))
    cuts = [0, 1, 8, 9, 517, 1300]
    for table in (X, prepared):
        parts = [forest.mean(table, a, b) for a, b in pairwise(cuts)]
        assert np.array_equal(np.concatenate(parts), forest.mean(table))
        parts = [forest.held_out(table, bits, False, a, b).sums for a, b in pairwise(cuts)]
        assert np.array_equal(np.concatenate(parts), forest.held_out(table, bits).sums)


def test_held_out_rows_are_asked_of_those_not_shown_them(bagged):
    prepared, draws, members = bagged
    total, asked = np.zeros_like(answers(members[0], X)), np.zeros(len(X), int)
    for drawn, member in zip(draws, members, strict=True):
        rest = np.setdiff1d(np.arange(len(X)), drawn)
        total[rest] += answers(member, X[rest])
        asked[rest] += 1
    held_out = Forest(members).held_out(prepared, in_bag_bits(draws, len(X)))
    assert np.array_equal(held_out.n_members, asked)
    assert np.array_equal(held_out.sums, total)
    assert np.isnan(held_out.mean[asked == 0]).all()
    assert np.isfinite(held_out.mean[asked > 0]).all()


def test_votes_and_members(bagged):
    _, _, members = bagged
    each = Forest(members).members(X)
    assert np.array_equal(each, np.stack([answers(m, X) for m in members]))
    votes = np.stack([(each.argmax(axis=2) == k).sum(axis=0) for k in range(each.shape[2])], axis=1)
    assert np.array_equal(Forest(members).votes(X), votes)


def test_leaves_are_those_of_each_tree(bagged):
    _, _, members = bagged
    assert np.array_equal(
        Forest(members).leaves(X), np.stack([m.apply(X) for m in members], axis=1)
    )


def test_draw_equals_a_fit_on_the_rows_drawn():
    """But for the bins, which the whole table made: here every value has its own."""
    few = np.round(X, 1)
    y = TARGETS["two"][1]
    rows = np.arange(0, 1300, 2)
    base = HistTreeClassifier(random_state=0)
    drawn = clone(base).fit_draw(base.prepare(few, y), rows, np.full(650, 2))
    alone = clone(base).fit(np.repeat(few[rows], 2, axis=0), np.repeat(y[rows], 2))
    assert np.array_equal(drawn.predict_proba(few[rows]), alone.predict_proba(few[rows]))
    assert drawn.get_n_leaves() == alone.get_n_leaves()


def test_counts_are_samples_and_weights_are_not():
    x, y = np.arange(4.0)[:, None], np.array([0, 0, 0, 1])
    base = HistTreeClassifier(min_samples_leaf=2, random_state=0)
    prepared = base.prepare(x, y)
    assert (
        clone(base).fit_draw(prepared, np.arange(4), counts=np.array([1, 1, 1, 2])).get_n_leaves()
        == 2
    )
    with_weights = clone(base).fit_draw(prepared, np.arange(4), weights=np.array([1.0, 1, 1, 2]))
    assert with_weights.tree_.n_node_samples[1:].tolist() == [2, 2]


@pytest.mark.parametrize("features", [[4, 1], [1], [5, 0, 5, 2]])
def test_a_tree_of_some_columns_is_a_tree_fitted_on_them(features):
    """As if fitted on X[:, features]: what scikit-learn's estimators_features_ promises."""
    base = HistTreeRegressor(random_state=0)
    tree = clone(base).fit_draw(base.prepare(X, SCORE), features=features)
    alone = clone(base).fit(X[:, features], SCORE)
    assert tree.n_features_in_ == len(features)
    assert tree.feature_importances_.shape == (len(features),)
    assert np.array_equal(tree.predict(X[:, features]), alone.predict(X[:, features]))


def test_a_forest_of_trees_of_some_columns_is_asked_about_whole_tables():
    base = HistTreeRegressor(random_state=0)
    prepared, columns = base.prepare(X, SCORE), [[4, 1], None, [5, 0, 5, 2]]
    trees = [clone(base).fit_draw(prepared, features=features) for features in columns]
    forest = HistTreeRegressor.pack(trees, columns)
    alone = [
        tree.predict(X if features is None else X[:, features])
        for tree, features in zip(trees, columns, strict=True)
    ]
    assert np.array_equal(forest.members(X)[:, :, 0], alone)
    assert np.array_equal(forest.mean(X), forest.mean(prepared))


def test_rows_not_drawn_are_not_touched():
    base = HistTreeRegressor(random_state=0)
    prepared = base.prepare(X, SCORE)
    spoiled = base.prepare(X, SCORE)
    rows = np.arange(0, 1300, 3)
    rest = np.setdiff1d(np.arange(1300), rows)
    spoiled.codes[rest] = 200
    one, other = clone(base).fit_draw(prepared, rows), clone(base).fit_draw(spoiled, rows)
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
    assert np.array_equal(one.tree_.value, other.tree_.value)


def test_threads_grow_the_same_trees():
    base = HistTreeClassifier()
    prepared = base.prepare(X, TARGETS["many"][1])

    def grow(seed):
        return (
            clone(base)
            .set_params(random_state=seed)
            .fit_draw(prepared, np.arange(0, 1300, 1 + seed % 3))
        )

    alone = [grow(seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(grow, range(24)))
        asked = list(pool.map(lambda _: alone[0].predict_proba(X), range(24)))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.tree_.threshold, other.tree_.threshold)
    assert all(np.array_equal(asked[0], a) for a in asked)


def test_pickle_is_small_and_says_the_same(bagged):
    _, _, members = bagged
    kept = pickle.dumps(members)
    assert (
        len(kept) < 120 * sum(m.tree_.node_count * m.tree_.value[0].size for m in members) + 60_000
    )
    assert np.array_equal(Forest(pickle.loads(kept)).mean(X), Forest(members).mean(X))


def test_members_binned_apart_speak_together():
    y = TARGETS["two"][1]
    members = [
        HistTreeClassifier(random_state=i, max_depth=5).fit(X[i::3], y[i::3]) for i in range(3)
    ]
    total = sum(m.predict_proba(X) for m in members)
    assert np.allclose(Forest(members).mean(X), total / 3, rtol=1e-15)


def test_classes_must_agree():
    members = [HistTreeClassifier().fit(X, TARGETS[name][1]) for name in ("two", "many")]
    with pytest.raises(ValueError, match="same classes"):
        Forest(members)


def test_columns_drawn_for_each_split_and_random_splits_differ_by_seed():
    y = TARGETS["two"][1]
    for parameters in ({"max_features": "sqrt"}, {"splitter": "random"}):
        trees = [
            HistTreeClassifier(random_state=seed, **parameters).fit(X, y) for seed in (0, 0, 1)
        ]
        assert np.array_equal(trees[0].tree_.feature, trees[1].tree_.feature)
        assert not np.array_equal(trees[0].tree_.feature, trees[2].tree_.feature)
        assert trees[0].score(X, y) == 1.0


def test_best_first_growth_ends_where_depth_first_does():
    y = TARGETS["many"][1]
    deep = HistTreeClassifier(random_state=0).fit(X, y)
    best = HistTreeClassifier(random_state=0, max_leaf_nodes=10_000).fit(X, y)
    assert np.array_equal(deep.tree_.feature, best.tree_.feature)
    assert np.array_equal(deep.tree_.threshold, best.tree_.threshold)
