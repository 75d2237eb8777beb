"""Folds of continuous targets, of groups and of time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score

from ensembles import cross_validate
from ensembles.validation import (
    ContinuousStratifiedKFold,
    GroupTimeSeriesSplit,
    StratifiedGroupKFold,
)


def assert_partition(pairs, n_rows):
    held_out = np.concatenate([test for _, test in pairs])
    np.testing.assert_array_equal(np.sort(held_out), np.arange(n_rows))
    for train, test in pairs:
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(n_rows))


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=60),
    n_splits=st.integers(2, 6),
    shuffle=st.booleans(),
)
def test_neighbours_in_value_go_to_different_folds(values, n_splits, shuffle):
    y = np.asarray(values)
    splitter = ContinuousStratifiedKFold(
        n_splits, shuffle=shuffle, random_state=0 if shuffle else None
    )
    pairs = list(splitter.split(y, y))
    assert_partition(pairs, len(y))
    sizes = [len(test) for _, test in pairs]
    assert max(sizes) - min(sizes) <= 1
    ordered = np.sort(y)
    for _, test in pairs:
        own = np.sort(y[test])
        for k, value in enumerate(own):
            assert ordered[k * n_splits] <= value <= ordered[min((k + 1) * n_splits, len(y)) - 1]


def test_folds_of_a_skewed_target_agree_better_than_plain_ones():
    y = np.random.default_rng(0).exponential(size=203)
    X = np.arange(203.0)[:, None]

    def spread(splitter):
        return np.std([y[test].mean() for _, test in splitter.split(X, y)])

    ours = spread(ContinuousStratifiedKFold(5, shuffle=True, random_state=0))
    plain = np.median([spread(KFold(5, shuffle=True, random_state=k)) for k in range(20)])
    assert ours < plain / 2
    assert len(cross_val_score(Ridge(), X, y, cv=ContinuousStratifiedKFold(4))) == 4
    twice = cross_validate(Ridge(), X, y, cv=ContinuousStratifiedKFold(4), n_repeats=2)
    assert (twice.oof_count_ == 2).all()
    assert not np.array_equal(twice.splits_[0][1], twice.splits_[4][1])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_groups_stay_whole_and_no_fold_is_empty(data):
    n_groups = data.draw(st.integers(3, 15))
    n_rows = data.draw(st.integers(n_groups, 60))
    n_splits = data.draw(st.integers(2, min(5, n_groups)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    groups = rng.permutation(
        np.r_[np.arange(n_groups), rng.integers(0, n_groups, n_rows - n_groups)]
    )
    kind = data.draw(st.sampled_from(["two", "text", "number"]))
    y = {
        "two": rng.integers(0, 2, n_rows),
        "text": rng.choice(["a", "b", "c"], n_rows),
        "number": rng.normal(size=n_rows),
    }[kind]
    shuffle = data.draw(st.booleans())
    splitter = StratifiedGroupKFold(n_splits, shuffle=shuffle, random_state=0 if shuffle else None)
    pairs = list(splitter.split(np.zeros(n_rows), y, groups))
    assert_partition(pairs, n_rows)
    for train, test in pairs:
        assert len(test)
        assert not set(groups[train]) & set(groups[test])


def test_classes_and_values_are_spread_over_folds_of_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(1, 20, 60))
    rate = rng.random(60)
    y = (rng.random(len(groups)) < rate[groups]).astype(int)
    shares = [y[test].mean() for _, test in StratifiedGroupKFold(5).split(y, y, groups)]
    assert np.ptp(shares) < 0.03
    level = rng.normal(size=60)
    values = level[groups] + 0.1 * rng.normal(size=len(groups))
    means = [values[test].mean() for _, test in StratifiedGroupKFold(5).split(y, values, groups)]
    assert np.ptp(means) < 0.3
    sizes = [len(test) for _, test in StratifiedGroupKFold(5).split(y, values, groups)]
    assert np.ptp(sizes) < 0.15 * len(groups)


@settings(max_examples=100, deadline=None)
@given(
    n_groups=st.integers(4, 40),
    n_splits=st.integers(1, 5),
    gap=st.integers(0, 3),
    embargo=st.integers(0, 3),
)
def test_time_goes_forward_past_gap_and_embargo(n_groups, n_splits, gap, embargo):
    groups = np.repeat(np.arange(n_groups) * 7, 2)
    splitter = GroupTimeSeriesSplit(n_splits, gap=gap, embargo=embargo)
    size = n_groups // (n_splits + 1)
    if n_groups - 1 < n_splits or n_groups - n_splits * size - gap < 1:
        with pytest.raises(ValueError, match="n_splits"):
            list(splitter.split(groups, groups=groups))
        return
    pairs = list(splitter.split(groups, groups=groups))
    ends = []
    for train, test in pairs:
        assert len(train)
        first = groups[test].min()
        assert groups[train].max() + 7 * (gap + 1) <= first
        for end in ends:
            inside = (groups[train] > end) & (groups[train] <= end + 7 * embargo)
            assert not inside.any()
        ends.append(groups[test].max())
    assert groups[pairs[-1][1]].max() == groups.max()


def test_groups_in_the_order_of_their_first_rows():
    groups = np.array(["tue", "tue", "mon", "wed", "mon", "thu"])
    (train, test), (train_2, test_2) = GroupTimeSeriesSplit(2).split(groups, groups=groups)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 4], [3])
    assert (train_2.tolist(), test_2.tolist()) == ([0, 1, 2, 3, 4], [5])
    latest = list(GroupTimeSeriesSplit(2, max_train_size=1).split(groups, groups=groups))
    assert latest[0][0].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("splitter", "given", "message"),
    [
        (ContinuousStratifiedKFold(1), {"y": [1.0, 2.0]}, "n_splits must be an integer >= 2"),
        (ContinuousStratifiedKFold(3), {"y": [1.0, 2.0]}, "n_splits must not exceed the number of"),
        (ContinuousStratifiedKFold(2), {"y": ["a", "b"]}, "y must hold one number"),
        (ContinuousStratifiedKFold(2), {"y": [1.0, np.nan]}, "y must not hold missing"),
        (ContinuousStratifiedKFold(2), {}, "y must be given"),
        (ContinuousStratifiedKFold(2, random_state=1), {"y": [1.0, 2.0]}, "random_state must be"),
        (StratifiedGroupKFold(2), {"y": [0, 1]}, "groups must be given"),
        (StratifiedGroupKFold(2), {"y": [0, 1], "groups": [1, 1]}, "n_splits must not exceed"),
        (StratifiedGroupKFold(2), {"y": [0, 1], "groups": [1]}, "groups must hold one group"),
        (StratifiedGroupKFold(2), {"groups": [1, 2]}, "y must hold one class or number"),
        (GroupTimeSeriesSplit(3), {"groups": [1, 2]}, "n_splits must not exceed"),
        (GroupTimeSeriesSplit(1, gap=1), {"groups": [1, 2]}, "leave none of the 2 groups"),
        (GroupTimeSeriesSplit(1, gap=-1), {"groups": [1, 2]}, "gap must be an integer >= 0"),
        (GroupTimeSeriesSplit(1), {"groups": [1, 2], "y": [0]}, "inconsistent numbers of samples"),
    ],
)
def test_what_is_refused(splitter, given, message):
    with pytest.raises(ValueError, match=message):
        list(splitter.split(np.zeros(2), given.get("y"), given.get("groups")))
