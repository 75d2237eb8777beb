"""What a tree is told of its draw, what it is told of its parameters, and what it tells of its
nodes.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.trees.preparing import draw_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
COUNTS = RNG.integers(0, 4, 60)
ROWS = np.flatnonzero(COUNTS)


# Rows and counts


def test_of_two_classes_a_word_holds_both_counts():
    y = RNG.integers(0, 2, 60)
    prepared = HistTreeClassifier().prepare(X, y)
    draw = draw_of(prepared, ROWS, COUNTS[ROWS], None, False)
    assert draw.payload[:, 0].tolist() == [
        int(c) + (int(c * k) << 32) for c, k in zip(COUNTS[ROWS], y[ROWS], strict=True)
    ]
    assert draw.total == COUNTS.sum()


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_counted_targets_are_whole_targets_times_counts(n_outputs):
    y = RNG.normal(size=(60, n_outputs))
    prepared = HistTreeRegressor().prepare(X, y)
    draw = draw_of(prepared, ROWS, COUNTS[ROWS], None, False)
    share, sums, reals = np.split(draw.payload, [1, 1 + n_outputs], axis=1)
    whole = np.rint(prepared.y * 2.0**draw.powers).astype(int)
    assert_array_equal(share[:, 0], COUNTS[ROWS])
    assert_array_equal(sums.view(np.int64), whole[ROWS] * COUNTS[ROWS, np.newaxis])
    assert_array_equal(reals.view(float), prepared.y[ROWS])


def test_what_is_prepared_is_the_same_after_a_draw():
    prepared = HistTreeRegressor().prepare(X, X[:, 0])
    words = prepared.words.copy()
    draw_of(prepared, ROWS, COUNTS[ROWS], None, False)
    assert_array_equal(prepared.words, words)


def test_a_row_of_no_count_is_as_good_as_absent():
    y = RNG.integers(0, 2, 60)
    tree = HistTreeClassifier(random_state=0)
    prepared = tree.prepare(X, y)
    whole = clone(tree).fit_draw(prepared, counts=COUNTS)
    drawn = clone(tree).fit_draw(prepared, ROWS, COUNTS[ROWS])
    assert whole.export_text() == drawn.export_text()


def test_a_target_out_of_range_is_refused_only_where_it_is_drawn():
    y = np.concatenate([X[:58, 0], [1e200, -1e200]])
    tree = HistTreeRegressor(random_state=0)
    prepared = tree.prepare(X, y)
    with pytest.raises(ValueError, match="finite squared error"):
        clone(tree).fit_draw(prepared, np.arange(60), np.ones(60, int))
    near = clone(tree).fit_draw(prepared, np.arange(58), np.ones(58, int))
    assert near.tree_.n_node_samples[0] == 58


# Parameters, which are looked at once for all members


def test_a_share_of_one_is_not_one_sample():
    y = RNG.integers(0, 2, 60)
    one, share = HistTreeClassifier(min_samples_leaf=1), HistTreeClassifier(min_samples_leaf=1.0)
    assert one.fit(X, y).get_n_leaves() > 1
    assert share.fit(X, y).get_n_leaves() == 1
    with pytest.raises(ValueError, match=r"min_samples_leaf must be .*got True"):
        HistTreeClassifier(min_samples_leaf=True).fit(X, y)


@pytest.mark.parametrize("name", ["max_depth", "criterion", "min_impurity_decrease"])
def test_a_list_is_refused_by_the_name_of_the_parameter(name):
    with pytest.raises(ValueError, match=rf"{name} must .*got \[3\]"):
        HistTreeClassifier(**{name: [3]}).fit(X, RNG.integers(0, 2, 60))


def test_a_tree_set_to_other_limits_forgets_the_old_ones():
    y = RNG.integers(0, 2, 60)
    tree = HistTreeClassifier(max_depth=1, random_state=0)
    assert tree.fit(X, y).get_depth() == 1
    assert tree.set_params(max_depth=2).fit(X, y).get_depth() == 2


# Nodes


def listed_slowly(children, node=0):
    """List the nodes of a tree depth first, left before right."""
    if children[node] < 0:
        return [node]
    return [
        node,
        *listed_slowly(children, children[node]),
        *listed_slowly(children, children[node] + 1),
    ]


@pytest.mark.parametrize("n_sums", [1, 4])
def test_a_description_lists_what_was_grown(n_sums):
    from ensembles.trees.describing import describe

    n, columns = 9, np.array([2, 5, 6])
    nodes, totals = RNG.integers(0, 3, (n, 12)), RNG.integers(1, 9, (n, n_sums + 2))
    children = nodes[:, 6] = [3, 7, -1, 1, 5, -1, -1, -1, -1]
    order = listed_slowly(children)
    errors, listed, waiting = RNG.random((n, 2)), np.empty(n, np.int64), np.empty(n + 1, np.int64)
    ints = [np.empty(n, kind) for kind in (np.int32, np.int32, np.uint8, np.uint8, np.int64)]
    weight, squares = np.empty(n), np.empty(n)
    values = np.empty((n, max(n_sums, 2)))
    depth = describe(
        nodes, errors, totals, columns, waiting, listed, *ints, weight, values, squares
    )
    right, feature, code, missing_left, samples = (array.tolist() for array in ints)
    assert listed.tolist() == order
    for place, node in enumerate(order):
        child, share = children[node], totals[node, 1 : 1 + n_sums] / totals[node, 0]
        if child < 0:
            assert [right[place], feature[place], code[place], missing_left[place]] == [
                -1,
                -2,
                0,
                0,
            ]
        else:
            assert right[place] == order.index(child + 1)
            assert [feature[place], code[place]] == [columns[nodes[node, 2]], nodes[node, 3]]
            more = 2 * totals[child, 0] > totals[node, 0]
            assert missing_left[place] == (more if nodes[node, 4] == 2 else nodes[node, 4])
        assert samples[place] == nodes[node, 5]
        assert weight[place] == totals[node, 0]
        assert values[place].tolist() == ([1 - share[0], share[0]] if n_sums == 1 else [*share])
        assert squares[place] == errors[node, 0] / totals[node, 0]
    assert depth == nodes[order, 1].max()
