"""Nodes of two rows are split, and closed, as plain loops over their columns do it."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import float64, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel
from ensembles.trees.deep.choosing import TABULAR
from ensembles.trees.deep.nodes import BLOCK, START
from ensembles.trees.deep.pairs import close_pair, search_pair
from ensembles.trees.deep.settings import Settings
from ensembles.trees.histogram import CLASSES, PACKED, SCALAR
from ensembles.trees.nodes import CHILD, CODE, COLUMN, DEPTH, MISSING_LEFT, SAMPLES
from ensembles.trees.table import CATEGORICAL, MISSING, PLAIN

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
PAYLOAD = 16
"""Bytes before the codes."""
INTS, TABLE = int64[::1], int64[:, ::1]


def told(**settings):
    return np.array(Settings(**dict.fromkeys(Settings._fields, 0) | {"first": PAYLOAD} | settings))


def laid_out(start, payload, codes):
    """Records that hold the two rows from `start` on, and others around them."""
    room = 4 + codes.shape[1] // 8  # a wide read goes over the end
    records = np.full((start + 8, room), 2**63 + 5, np.uint64)
    cells = records.view(np.uint8)
    cells[start : start + 2, PAYLOAD : PAYLOAD + codes.shape[1]] = codes
    records[start : start + 2, :2] = payload
    return records, cells


# Searching


@kernel(float64(int64, uint64[:, ::1], uint8[:, ::1], INTS, float64, int64, INTS, INTS))
def search(start, records, codes, told, least, offset, totals, choice):
    return search_pair(start, records, codes, told, least, offset, totals, choice)


def best_of_columns(codes, weights, targets, least, offset):
    """The gain, the column, and the last code on the left: the first of the best in cyclic order
    from a column on.
    """
    total, target, n_columns = float(sum(weights)), float(sum(targets)), codes.shape[1]
    best = (-1.0, None, None)
    for turn in range(n_columns):
        column = (offset + turn) % n_columns
        one, other = codes[:, column].tolist()
        if one == other or min(weights) < least:
            continue
        row = 0 if one < other else 1
        left = float(weights[row])
        slope = float(targets[row]) * total - left * target
        gain = slope * slope / (left * (total - left))
        if gain > best[0]:
            best = gain, column, (one + other - 1) // 2
    return best


@st.composite
def pairs(draw):
    """Two rows of few and of many codes, equal or one apart in most columns; and a first column."""
    d = draw(st.sampled_from([1, 2, 3, 8, 31, 32, 33, 64, 65, 70]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = rng.integers(0, draw(st.sampled_from([1, 2, 3, 256])), (2, d)).astype(np.uint8)
    equal = rng.random(d) < draw(st.sampled_from([0.0, 0.5, 0.95, 1.0]))
    codes[1, equal] = codes[0, equal]
    heaviest = draw(st.sampled_from([1, 3, 2**31]))
    furthest = draw(st.sampled_from([0, 1, 5, 2**46]))
    weights = rng.integers(1, heaviest + 1, 2)
    targets = rng.integers(-furthest, furthest + 1, 2)
    return codes, weights, targets, int(rng.integers(d)), int(rng.integers(3))


@EXAMPLES
@given(pairs(), st.sampled_from([1.0, 2.0]))
def test_two_rows_are_split_as_by_plain_loops(pair, least):
    codes, weights, targets, offset, start = pair
    payload = np.stack([weights, targets], axis=1).view(np.uint64)
    choice = np.full(6, 99)
    gain = search(
        start,
        *laid_out(start, payload, codes),
        told(n_columns=codes.shape[1]),
        least,
        offset,
        np.array([weights.sum(), targets.sum()]),
        choice,
    )
    wanted, column, code = best_of_columns(codes, weights.tolist(), targets.tolist(), least, offset)
    assert gain == wanted
    if column is not None:
        assert choice[3:].tolist() == [column, code, 2]


def test_of_two_ways_to_part_two_rows_the_better_by_a_rounding_wins():
    """Weights and targets for which one row on the left is better than the other by the last bit,
    so that the order of columns does not decide.
    """
    rng, n_told_apart = np.random.default_rng(0), 0
    codes, two = np.array([[1, 2], [2, 1]], np.uint8), told(n_columns=2)
    for _ in range(200):
        weights, targets = rng.integers(1, 2**20, 2), rng.integers(-(2**50), 2**50, 2)
        payload = np.stack([weights, targets], axis=1).view(np.uint64)
        totals = np.array([weights.sum(), targets.sum()])
        columns = []
        for offset in range(2):
            choice = np.zeros(6, np.int64)
            search(0, *laid_out(0, payload, codes), two, 1.0, offset, totals, choice)
            plain = best_of_columns(codes, weights.tolist(), targets.tolist(), 1.0, offset)
            assert choice[3] == plain[1]
            columns.append(int(choice[3]))
        n_told_apart += columns[0] == columns[1]
    assert n_told_apart > 20


# Closing


@lru_cache
def closer(mode):
    """Close a pair in one mode, whatever its columns hold."""

    @kernel(
        types.void(
            int64,
            int64,
            uint64[:, ::1],
            uint8[:, ::1],
            INTS,
            uint8[::1],
            TABLE,
            float64[:, ::1],
            TABLE,
            uint64[:, ::1],
        ),
        name=f"close_{mode}",
    )
    def close(node, left, records, codes, told, kinds, nodes, errors, totals, sides):
        close_pair(
            mode, TABULAR, node, left, records, codes, told, kinds, nodes, errors, totals, sides
        )

    return close


def asked(kind, code, last, missing_left, sides):
    """Whether a row goes left."""
    if kind == CATEGORICAL:
        return code in sides
    return missing_left == 1 if code == 0 and kind == MISSING else code <= last


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("kind", [PLAIN, MISSING, CATEGORICAL])
@pytest.mark.parametrize("mode", [PACKED, SCALAR, CLASSES])
def test_the_rows_of_a_pair_become_leaves_side_by_side(mode, kind, by_rows):
    rng, node, left, start = np.random.default_rng(mode), 2, 5, 3
    orders = set()
    for _ in range(100):
        weights, targets = rng.integers(1, 9, 2), rng.integers(0, 3, 2)
        one, other = rng.choice(np.arange(kind != MISSING, 256), 2, replace=False)
        if kind == MISSING and rng.random() < 0.7:
            one, other = rng.permutation([0, max(one, other)])
        codes = np.zeros((2, 3), np.uint8)
        codes[:, 1] = one, other
        first_is_left = bool(rng.integers(2)) if kind != PLAIN else one < other
        sides, last, missing_left = {int(one if first_is_left else other)}, 0, 0
        if kind == MISSING:  # alone on its side, whatever the other's code
            missing_left = int(first_is_left == (one == 0))
            last = 255 if missing_left == 0 else 0
            if 0 not in (one, other):
                last, first_is_left, missing_left = min(one, other), one < other, 2
        elif kind == PLAIN:
            last = (int(one) + int(other) - 1) // 2
        payload = {
            PACKED: np.stack([weights + ((weights * (targets > 0)) << 32), [0, 0]], axis=1),
            SCALAR: np.stack([weights, targets - 1], axis=1),
            CLASSES: np.stack([weights, targets], axis=1),
        }[mode].view(np.uint64)
        words = np.zeros((8, 4), np.uint64)
        for code in sides:
            words[node, code >> 6] |= np.uint64(1) << np.uint64(code & 63)
        n_sums = 4 if mode == CLASSES else 2
        nodes, errors = np.full((8, 12), 77), np.full((8, 2), 7.0)
        totals = np.full((8, n_sums + 1), 7)
        nodes[node, [START, DEPTH, COLUMN, CODE]] = start, 4, 1, last
        nodes[node, MISSING_LEFT] = missing_left
        closer(mode)(
            node,
            left,
            *laid_out(start, payload, codes),
            told(n_columns=3, by_rows=by_rows),
            np.array([PLAIN, kind, PLAIN], np.uint8),
            nodes,
            errors,
            totals,
            words,
        )
        assert asked(kind, one, last, missing_left, sides) == first_is_left
        orders.add(bool(first_is_left))
        assert nodes[node, CHILD] == left
        for child, row in enumerate((0, 1) if first_is_left else (1, 0)):
            sums = {
                PACKED: [weights[row] * (targets[row] > 0)],
                SCALAR: [targets[row] - 1],
                CLASSES: [weights[row] * (targets[row] == k) for k in range(3)],
            }[mode]
            assert totals[left + child].tolist() == [weights[row], *sums, 1]
            assert errors[left + child].tolist() == [0, 0]
            fields = nodes[left + child, [COLUMN, CHILD, BLOCK, DEPTH, SAMPLES]].tolist()
            assert fields == [-2, -1, -1, 5, 1 if by_rows else weights[row]]
        untouched = np.setdiff1d(np.arange(8), [left, left + 1])
        assert (totals[untouched] == 7).all()
    assert orders == {False, True}
