"""Classes that share words are counted as if each had its own."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_tree import Problem
from test_growing import fitted, same_tree

from ensembles.trees import HistTreeClassifier

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)
EIGHTS, FOURS = 255, 65_535


@lru_cache
def kernels():
    """Scan a column by fours from a histogram, and by eights from rows."""
    from numba import float64, int64, types, uint8, uint64

    from ensembles.trees import fields
    from ensembles.trees.compiling import kernel

    words, numbers, whole = uint64[::1], float64[::1], int64[::1]
    rows = uint64[:, ::1], uint8[:, ::1]

    @kernel(types.void(int64, *rows, int64, float64, whole, whole, words, words, numbers))
    def by_fours(joined, records, codes, n_classes, total, columns, sizes, histogram, bins, work):
        n, width = records.shape[0], 256 * n_classes
        fields.fill_classes(
            not joined, records, codes, 16, columns, 1, n_classes, sizes, width, 0, n, histogram
        )
        if joined:
            fields.join_fours(n_classes, 1, width, histogram)
        fields.scan_fours(histogram, 0, 256, n_classes, total, 1.0, bins, work)

    @kernel(int64(*rows, int64, float64, int64[:, ::1], whole, words, numbers))
    def by_eights(records, codes, n_classes, total, spelt, present, bins, work):
        n = records.shape[0]
        fields.spell_eights(records, 0, n, spelt)
        found = fields.sum_eights(codes, 16, 0, n, n_classes, spelt, bins, present)
        fields.scan_eights(found, n_classes, total, 1.0, bins, work)
        return found

    return by_fours, by_eights


@st.composite
def nodes(draw, heaviest):
    """Classes, codes and weights of a node's rows, of the weight given or less."""
    n_classes = draw(st.sampled_from([3, 4, 5, 8, 9, 16, 17, 64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_rows = draw(st.integers(2, 200))
    y = np.sort(rng.integers(0, draw(st.integers(1, n_classes)), n_rows))
    codes = rng.integers(0, draw(st.sampled_from([2, 5, 256])), n_rows)
    weights = np.ones(n_rows, int)
    if draw(st.booleans()):  # one row holds nearly all that a field can
        weights[rng.integers(n_rows)] += heaviest - n_rows
    return n_classes, y, codes, weights


def laid_out(y, codes, weights):
    records = np.zeros((len(y), 3), np.uint64)
    records[:, 0], records[:, 1] = weights, y
    records.view(np.uint8)[:, 16] = codes
    return records, records.view(np.uint8)


def class_by_class(n_classes, y, codes, weights):
    """(256,) weights up to each code, and gains after it, from a table of whole numbers."""
    table = np.zeros((256, n_classes), np.int64)
    np.add.at(table, (codes, y), weights)
    inside = np.cumsum(table, axis=0)
    beside = inside[-1] - inside
    left, right = inside.sum(axis=1), beside.sum(axis=1)
    with np.errstate(invalid="ignore"):
        gains = (inside**2).sum(axis=1) / left + (beside**2).sum(axis=1) / right
    return left, np.where((left > 0) & (right > 0), gains, -1.0)


@EXAMPLES
@given(nodes(FOURS), st.booleans())
def test_four_classes_a_word_give_the_gains_of_whole_numbers(node, joined):
    """Whether they were counted so, or joined afterwards."""
    from ensembles.trees import fields

    n_classes, y, codes, weights = node
    bins, work = np.zeros(fields.BINS, np.uint64), np.zeros(4 * fields.STEP)
    histogram = np.full(256 * n_classes, 7, np.uint64)
    column, size = np.array([0]), np.array([256])
    by_fours, _ = kernels()
    table = laid_out(y, codes, weights)
    by_fours(joined, *table, n_classes, weights.sum(), column, size, histogram, bins, work)
    left, gains = class_by_class(n_classes, y, codes, weights)
    assert work[fields.LEFT :][:256].tolist() == left.tolist()
    assert work[fields.SPARE :][:256].tolist() == gains.tolist()


@EXAMPLES
@given(nodes(EIGHTS))
def test_eight_classes_a_word_give_the_gains_of_whole_numbers(node):
    """And leave no word behind in the bins."""
    from ensembles.trees import fields

    n_classes, y, codes, weights = node
    bins, work = np.zeros(fields.BINS, np.uint64), np.zeros(4 * fields.STEP)
    spelt, present = np.empty((len(y), 2), np.int64), np.zeros(257, np.int64)
    _, by_eights = kernels()
    n_present = by_eights(
        *laid_out(y, codes, weights), n_classes, weights.sum(), spelt, present, bins, work
    )
    assert present[:n_present].tolist() == np.unique(codes).tolist()
    left, gains = class_by_class(n_classes, y, codes, weights)
    assert work[fields.LEFT :][:n_present].tolist() == left[np.unique(codes)].tolist()
    assert work[fields.SPARE :][:n_present].tolist() == gains[np.unique(codes)].tolist()
    assert not bins[: fields.RUNNING].any()


@pytest.mark.parametrize("n_classes", [3, 4, 5, 8, 9, 64, 65])
@pytest.mark.parametrize(
    ("n_rows", "weight"),
    [
        (140, EIGHTS),
        (140, EIGHTS + 1),
        (140, 3 * EIGHTS),
        (255, EIGHTS),
        (400, FOURS),
        (400, FOURS + 1),
        (400, 3 * FOURS),
    ],
)
def test_trees_at_the_edges_of_fields_are_the_slow_tree(n_classes, n_rows, weight):
    """Nodes as heavy as a field can hold, and heavier; classes that fill words, and one more."""
    rng = np.random.default_rng(n_rows + n_classes)
    X = rng.integers(0, 60, (n_rows, 4))
    signal = X[:, 0] + X[:, 1] * X[:, 2] / 60 + rng.normal(0, 6, n_rows)
    y = np.argsort(np.argsort(signal)) * n_classes // n_rows
    counts = np.ones(n_rows, int)
    heavy = rng.integers(n_rows, size=3)
    counts += rng.multinomial((weight - n_rows) // 2, np.full(n_rows, 1 / n_rows))
    counts[heavy] += rng.multinomial(weight - counts.sum(), [0.8, 0.1, 0.1])
    assert counts.sum() == weight
    learner = HistTreeClassifier(random_state=1, max_depth=4)
    prepared, tree = fitted(learner, X, y, counts)
    same_tree(tree, Problem(prepared.codes, y, counts), 1)
