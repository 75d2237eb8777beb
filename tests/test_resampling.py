"""Laws of the draws: what is in, what is out, how often, and that each has one address."""

from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import floor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta, chisquare, kstest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, PredefinedSplit, cross_val_score

from ensembles.resampling import (
    FAMILY,
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
    allocate,
    generator,
    listed_draws,
    seed_of,
)

laws = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 2**40)
splitters = [
    Bootstrap(3, random_state=0),
    Bootstrap(3, max_samples=0.7, stratify=True, random_state=0),
    Subsample(3, random_state=0),
    Subsample(3, max_samples=7, stratify=True, random_state=0),
    GroupBootstrap(3, random_state=0),
    GroupBootstrap(3, max_groups=0.5, random_state=0),
    BlockBootstrap(3, random_state=0),
    BlockBootstrap(3, block_length=4, circular=True, random_state=0),
    BayesianBootstrap(3, random_state=0),
    BayesianBootstrap(3, concentration=0.3, random_state=0),
]
every_splitter = pytest.mark.parametrize("splitter", splitters, ids=repr)

GROUPS = np.array(list("aabbbcdddeef"))
CLASSES = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0])
COLUMN = np.arange(12.0)[:, None]


def same(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def columns_of(n_rows, elements):
    return st.lists(elements, min_size=n_rows, max_size=n_rows).map(np.array)


@st.composite
def weights_of(draw, n_rows, least=0.0):
    weights = draw(columns_of(n_rows, st.sampled_from([least, 0.5, 1.0, 2.0, 3.7])))
    weights[draw(st.integers(0, n_rows - 1))] = 1.3
    return weights


@st.composite
def row_draws(draw):
    """Draws of single rows: their number of rows, and a plan of any size, strata and weights."""
    n_rows = draw(st.integers(2, 15))
    weights = draw(st.none() | weights_of(n_rows))
    n_eligible = n_rows if weights is None else int(np.sum(weights > 0))
    size = draw(st.none() | st.integers(1, n_eligible))
    kind = draw(st.sampled_from([Bootstrap, Subsample]))
    splitter = kind(max_samples=size, stratify=draw(st.booleans()), random_state=draw(seeds))
    classes = draw(columns_of(n_rows, st.integers(0, 3)))
    return n_eligible if size is None else size, splitter.plan(n_rows, classes, None, weights)


@st.composite
def group_draws(draw):
    n_rows = draw(st.integers(1, 15))
    groups = draw(columns_of(n_rows, st.integers(0, 5)))
    weights = draw(st.none() | weights_of(n_rows))
    size = draw(st.sampled_from([None, 1, 3, 0.5, 1.0]))
    splitter = GroupBootstrap(max_groups=size, random_state=draw(seeds))
    return groups, weights, splitter.plan(n_rows, None, groups, weights)


@st.composite
def block_draws(draw):
    n_rows = draw(st.integers(1, 20))
    length = draw(st.none() | st.integers(1, n_rows))
    circular = draw(st.booleans())
    splitter = BlockBootstrap(block_length=length, circular=circular, random_state=draw(seeds))
    return length, circular, splitter.plan(n_rows)


def bayesian_draws():
    concentrations = st.floats(1e-3, 10)
    return st.builds(
        lambda n_rows, concentration, seed, weighted: BayesianBootstrap(
            concentration=concentration
        ).plan(n_rows, seed=seed, weighted=weighted),
        st.integers(1, 15),
        concentrations,
        seeds,
        st.booleans(),
    )


def every_kind_of_draws():
    return st.one_of(
        row_draws().map(lambda case: case[1]),
        group_draws().filter(lambda case: case[1] is None).map(lambda case: case[2]),
        block_draws().map(lambda case: case[2]),
        bayesian_draws(),
    )


# What is in and what is out


@settings(max_examples=200, deadline=None)
@given(every_kind_of_draws(), st.integers(0, 1000))
def test_rows_in_the_bag_and_rows_held_out_partition_all_rows(draws, i):
    train, test = draws[i]
    assert sorted(set(train.tolist()) | set(test.tolist())) == list(range(draws.n_rows))
    assert not set(train.tolist()) & set(test.tolist())
    assert_array_equal(test, np.unique(test))
    assert len(train) >= 1


@laws
@given(every_kind_of_draws(), st.integers(0, 1000))
def test_a_draw_is_its_train_and_its_test(draws, i):
    assert same(draws[i], (draws.train(i), draws.test(i)))


@laws
@given(row_draws())
def test_counts_say_how_often_each_row_was_drawn(case):
    _, draws = case
    expected = [np.sum(draws.train(3) == row) for row in range(draws.n_rows)]
    assert_array_equal(draws.counts(3), expected)


@laws
@given(st.integers(1, 15), st.data())
def test_a_draw_without_replacement_holds_no_row_twice(n_rows, data):
    size = data.draw(st.integers(1, n_rows))
    train = Subsample(max_samples=size, random_state=data.draw(seeds)).plan(n_rows).train(0)
    assert len(set(train.tolist())) == len(train) == size


@laws
@given(group_draws(), st.integers(0, 50))
def test_groups_never_straddle(case, i):
    groups, _, draws = case
    train, test = draws[i]
    assert not set(groups[train]) & set(groups[test])


@laws
@given(group_draws(), st.integers(0, 50))
def test_a_row_of_a_group_that_is_not_in_the_bag_is_held_out(case, i):
    groups, _, draws = case
    train, test = draws[i]
    absent = ~np.isin(groups, groups[train])
    assert_array_equal(test, np.flatnonzero(absent))


@laws
@given(group_draws(), st.integers(0, 50))
def test_unweighted_groups_are_drawn_whole_and_as_often_as_counted(case, i):
    groups, weights, draws = case
    if weights is None:
        train = draws.train(i).tolist()
        known = np.unique(groups).tolist()
        times = draws.counts(i).tolist()
        expected = Counter(
            {row: times[known.index(group)] for row, group in enumerate(groups.tolist())}
        )
        assert Counter(train) == +expected


@laws
@given(group_draws(), st.integers(0, 50))
def test_as_many_groups_are_drawn_as_asked(case, i):
    groups, weights, draws = case
    shown = groups if weights is None else groups[weights > 0]
    assert len(draws.counts(i)) == len(set(shown.tolist()))
    assert draws.counts(i).sum() == draws.size


@pytest.mark.parametrize(
    ("max_groups", "n_drawn"), [(None, 4), (1, 1), (9, 9), (0.5, 2), (0.7, 2), (0.1, 1), (1.0, 4)]
)
def test_max_groups_is_a_count_or_a_share_of_the_groups(max_groups, n_drawn):
    groups = ["a", "a", "b", "b", "c", "c", "d", "d"]
    draws = GroupBootstrap(max_groups=max_groups, random_state=0).plan(8, groups=groups)
    assert len(draws.train(0)) == 2 * n_drawn


@pytest.mark.parametrize(
    "groups",
    [
        ["b", "a", "b"],
        [7, -3, 7],
        [0.5, 0.1, 0.5],
        np.array(["b", "a", "b"], dtype=object),
        pd.Series(["b", "a", "b"], dtype="category"),
        pd.Series([2, 1, 2], dtype="Int64"),
    ],
    ids=lambda groups: str(getattr(groups, "dtype", type(groups[0]).__name__)),
)
def test_only_which_rows_share_a_group_matters(groups):
    by_code = GroupBootstrap(random_state=0).plan(3, groups=[1, 0, 1])
    by_label = GroupBootstrap(random_state=0).plan(3, groups=groups)
    assert all(same(by_label[i], by_code[i]) for i in range(5))


# One address for every draw


def draws_of(splitter, seed=None):
    return splitter.plan(12, CLASSES, GROUPS, seed=seed)


@every_splitter
def test_draws_do_not_depend_on_the_order_in_which_they_are_asked_for(splitter):
    forwards, backwards = draws_of(splitter), draws_of(splitter)
    first = {i: forwards[i] for i in range(6)}
    second = {i: backwards[i] for i in reversed(range(6))}
    assert all(same(first[i], second[i]) for i in range(6))
    assert len({first[i].train.tobytes() for i in range(6)}) > 1


@every_splitter
def test_split_yields_the_draws_of_the_plan_that_hold_rows_out(splitter):
    draws = draws_of(splitter)
    usable = [draws[i] for i in range(50) if len(draws[i].test)][:3]
    pairs = list(splitter.split(COLUMN, CLASSES, GROUPS))
    assert len(pairs) == splitter.get_n_splits() == 3
    assert all(same(pair, draw) for pair, draw in zip(pairs, usable, strict=True))


@every_splitter
def test_the_seed_of_whoever_asks_stands_in_for_a_random_state(splitter):
    own = clone(splitter).set_params(random_state=5)
    borrowed = clone(splitter).set_params(random_state=None)
    assert same(draws_of(own)[2], draws_of(borrowed, seed=5)[2])
    assert same(draws_of(own)[2], draws_of(own, seed=6)[2])


def ask(draws, i):
    return draws[i]


def test_draws_are_the_same_in_another_process():
    plans = [draws_of(splitter) for splitter in splitters]
    asked = [(draws, i) for draws in plans for i in (4, 0)]
    elsewhere = Parallel(n_jobs=2, backend="loky")(delayed(ask)(*question) for question in asked)
    assert all(same(there, draws[i]) for there, (draws, i) in zip(elsewhere, asked, strict=True))


def test_more_splits_begin_with_the_same_ones():
    few = list(Bootstrap(2, random_state=0).split(COLUMN))
    many = list(Bootstrap(7, random_state=0).split(COLUMN))
    assert all(same(one, other) for one, other in zip(few, many[:2], strict=True))


def test_addresses_do_not_share_streams():
    streams = [generator(*address).random() for address in [(0, 1), (1, 0), (0, 1, 1), (0, 2)]]
    assert len(set(streams)) == 4


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**32, 2**63 - 1, 3**80])
@pytest.mark.parametrize("address", [(), (0,), (5, 1), (2**32 - 1,), (2**33, 3)])
def test_an_address_is_a_key_of_numpys_sequence(seed, address):
    sequence = np.random.SeedSequence(seed, spawn_key=(FAMILY, *address))
    same = np.random.default_rng(sequence).random(3)
    assert_array_equal(generator(seed, *address).random(3), same)


@every_splitter
def test_numpys_global_generator_is_left_alone(splitter):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    list(clone(splitter).set_params(random_state=None).split(COLUMN, CLASSES, GROUPS))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_integer_is_the_seed_itself():
    assert seed_of(7) == seed_of(np.int64(7)) == 7
    assert seed_of(2**40) == 2**40


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_generator_is_asked_once_and_moves_on(kind):
    random_state = kind(0)
    first, second = seed_of(random_state), seed_of(random_state)
    assert first == seed_of(kind(0))
    assert first != second


def test_no_random_state_is_different_every_time():
    assert seed_of(None) != seed_of(None)


@pytest.mark.parametrize("random_state", [-1, 1.0, "seed", True, [1]])
def test_any_other_random_state_is_refused(random_state):
    with pytest.raises(ValueError, match=r"random_state must be None, .*; got"):
        list(Bootstrap(random_state=random_state).split(COLUMN))


# How many


@laws
@given(row_draws(), st.integers(0, 50))
def test_a_draw_has_exactly_the_size_asked_for(case, i):
    size, draws = case
    assert len(draws.train(i)) == size


@pytest.mark.parametrize("splitter", [Bootstrap, Subsample])
@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize(
    ("max_samples", "size"), [(None, 12), (1, 1), (5, 5), (0.5, 6), (0.3, 3), (0.01, 1), (1.0, 12)]
)
def test_max_samples_is_a_count_or_a_share_rounded_down(splitter, stratify, max_samples, size):
    draws = splitter(max_samples=max_samples, stratify=stratify, random_state=0).plan(12, CLASSES)
    assert len(draws.train(0)) == size


def test_more_rows_than_there_are_can_be_drawn_with_replacement():
    assert len(Bootstrap(max_samples=30, random_state=0).plan(12).train(0)) == 30


def test_with_weights_none_means_the_rows_that_have_weight():
    weights = np.array([0, 2.0, 0, 5.0, 1.0])
    assert len(Bootstrap(random_state=0).plan(5, sample_weight=weights).train(0)) == 3


def test_with_weights_a_share_is_of_their_sum_and_a_small_one_warns():
    weights = np.full(100, 0.5)
    draws = Bootstrap(max_samples=0.5).plan(100, sample_weight=weights, seed=0)
    assert len(draws.train(0)) == 25
    with pytest.warns(UserWarning, match=r"max_samples=0\.1 .* low number \(5\)"):
        Bootstrap(max_samples=0.1).plan(100, sample_weight=weights)


def test_a_row_is_in_the_bag_with_probability_one_minus_the_chance_to_be_missed_n_times():
    n_rows, n_draws = 8, 4000
    draws = Bootstrap(random_state=0).plan(n_rows)
    included = np.sum([draws.counts(i) > 0 for i in range(n_draws)], axis=0)
    expected = 1 - (1 - 1 / n_rows) ** n_rows
    deviation = np.sqrt(n_draws * expected * (1 - expected))
    assert np.all(np.abs(included - n_draws * expected) < 4 * deviation)


def test_draws_that_hold_nothing_out_are_passed_over():
    pairs = list(Bootstrap(20, random_state=0).split(np.zeros((2, 1))))
    assert len(pairs) == 20
    assert all(len(test) == 1 for _, test in pairs)


@pytest.mark.parametrize("splitter", [Bootstrap(), Subsample(max_samples=None)])
def test_splits_that_cannot_hold_a_row_out_are_refused(splitter):
    with pytest.raises(ValueError, match="holds no row of these 1 rows out"):
        list(splitter.split([[1.0]]))


# Strata


def largest_remainders(sizes, total):
    exact = [Fraction(size) * total / sum(map(Fraction, sizes)) for size in sizes]
    shares = [floor(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda k: (shares[k] - exact[k], k))
    for stratum in by_remainder[: total - sum(shares)]:
        shares[stratum] += 1
    return shares


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 60))
def test_shares_are_those_of_the_largest_remainders_and_ties_go_to_the_earlier(sizes, total):
    assert allocate(np.array(sizes, dtype=float), total).tolist() == largest_remainders(
        sizes, total
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 6)), min_size=1, max_size=6).filter(
        lambda strata: any(most for _, most in strata)
    ),
    st.data(),
)
def test_what_a_full_stratum_cannot_take_goes_to_the_others(strata, data):
    sizes = np.array([size if most else 0 for size, most in strata])
    most = np.array([most for _, most in strata])
    total = data.draw(st.integers(1, int(most.sum())))
    shares = allocate(sizes.astype(float), total, most)
    assert shares.sum() == total
    assert np.all(shares <= most)
    assert np.all(shares >= np.minimum(most, sizes * total // sizes.sum()))


@pytest.mark.parametrize("splitter", [Bootstrap, Subsample])
@laws
@given(classes=st.lists(st.sampled_from("abc"), min_size=3, max_size=20), data=st.data())
def test_every_class_keeps_its_share(splitter, classes, data):
    classes = np.array(classes)
    size = data.draw(st.integers(1, len(classes)))
    draws = splitter(max_samples=size, stratify=True, random_state=0).plan(len(classes), classes)
    labels, sizes = np.unique(classes, return_counts=True)
    drawn = [int(np.sum(classes[draws.train(0)] == label)) for label in labels]
    assert drawn == largest_remainders(sizes.tolist(), size)


def test_with_weights_every_class_keeps_its_share_of_the_weight():
    weights = np.array([3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    draws = Bootstrap(stratify=True, random_state=0).plan(8, list("aabbbbbb"), None, weights)
    assert np.sum(draws.train(0) < 2) == 4


def test_a_heavy_class_of_few_rows_gives_all_of_them_and_the_rest_is_drawn_elsewhere():
    weights = np.array([9.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    splitter = Subsample(max_samples=6, stratify=True, random_state=0)
    train = splitter.plan(8, list("aabbbbbb"), None, weights).train(0)
    assert len(train) == 6
    assert {0, 1} < set(train.tolist())


@pytest.mark.parametrize(
    "classes",
    [
        [3, -1, 3, 3, -1],
        [True, False, True, True, False],
        np.array(["b", "a", "b", "b", "a"], dtype=object),
        pd.Series(["b", "a", "b", "b", "a"], dtype="category"),
        [[1, 1], [1, 0], [1, 1], [1, 1], [1, 0]],
    ],
)
def test_only_which_rows_share_a_class_matters(classes):
    splitter = Bootstrap(stratify=True, random_state=0)
    assert same(splitter.plan(5, classes)[0], splitter.plan(5, [1.0, 0.0, 1.0, 1.0, 0.0])[0])


# Blocks


@laws
@given(block_draws(), st.integers(0, 50))
def test_blocks_are_runs_of_consecutive_rows_and_make_exactly_n_rows(case, i):
    length, circular, draws = case
    train = draws.train(i)
    assert len(train) == draws.n_rows
    if length is None:
        length = next(k for k in range(1, 21) if k**3 >= draws.n_rows)
    for start in range(0, draws.n_rows, length):
        run = train[start : start + length]
        steps = np.diff(run) % draws.n_rows if circular else np.diff(run)
        assert np.all(steps == 1)


def test_blocks_start_everywhere_and_only_circular_ones_wrap():
    moving = BlockBootstrap(block_length=4, random_state=0).plan(6)
    circular = BlockBootstrap(block_length=4, circular=True, random_state=0).plan(6)
    assert {int(moving.train(i)[0]) for i in range(100)} == {0, 1, 2}
    assert {int(circular.train(i)[0]) for i in range(100)} == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("circular", [False, True])
def test_how_often_blocks_hold_each_row(circular):
    n_rows, length, n_draws = 12, 3, 3000
    splitter = BlockBootstrap(block_length=length, circular=circular, random_state=0)
    draws = splitter.plan(n_rows)
    counts = np.sum([draws.counts(i) for i in range(n_draws)], axis=0)
    starts = np.arange(n_rows if circular else n_rows - length + 1)
    covering = np.bincount((starts[:, None] + np.arange(length)).ravel() % n_rows)
    chance = covering / len(starts)
    blocks = n_draws * n_rows // length
    deviation = np.sqrt(blocks * chance * (1 - chance))
    assert np.all(np.abs(counts - blocks * chance) < 4 * deviation)
    assert (len(set(covering.tolist())) == 1) == circular


@pytest.mark.parametrize("weights", [[2.0, 1, 1, 1], [0.0, 1, 1, 1]])
def test_blocks_refuse_weights_that_differ(weights):
    with pytest.raises(ValueError, match="sample_weight must be None with BlockBootstrap"):
        BlockBootstrap().plan(4, sample_weight=np.array(weights))


# Weights

row_splitters = st.builds(
    lambda kind, size, stratify, seed: kind(max_samples=size, stratify=stratify, random_state=seed),
    st.sampled_from([Bootstrap, Subsample]),
    st.sampled_from([1, 2, 4, None]),
    st.booleans(),
    seeds,
)
weighted_splitters = st.one_of(
    row_splitters,
    st.builds(GroupBootstrap, max_groups=st.sampled_from([None, 2]), random_state=seeds),
)


@laws
@given(weighted_splitters | st.builds(BayesianBootstrap, random_state=seeds), st.booleans())
def test_unit_weights_are_no_weights(splitter, weighted):
    with_weights = splitter.plan(12, CLASSES, GROUPS, np.ones(12), weighted=weighted)
    without = splitter.plan(12, CLASSES, GROUPS, weighted=weighted)
    assert same(with_weights[0], without[0])


@laws
@given(
    weighted_splitters,
    weights_of(12, least=0.1),
    st.sampled_from([1e-6, 0.5, 3.0, 2.0**-1000, 2.0**1000]),
)
def test_only_the_ratios_of_weights_matter(splitter, weights, factor):
    before = splitter.plan(12, CLASSES, GROUPS, weights)
    after = splitter.plan(12, CLASSES, GROUPS, factor * weights)
    assert same(before[0], after[0])


@laws
@given(
    weighted_splitters | st.builds(BayesianBootstrap, random_state=seeds),
    weights_of(12),
    st.booleans(),
)
def test_a_row_of_weight_zero_is_as_good_as_removed(splitter, weights, weighted):
    weights[:5] = np.arange(1, 6)
    present = np.flatnonzero(weights)
    full = splitter.plan(12, CLASSES, GROUPS, weights, weighted=weighted)
    removed = splitter.plan(
        len(present), CLASSES[present], GROUPS[present], weights[present], weighted=weighted
    )
    assert_array_equal(full.train(0), present[removed.train(0)])
    if weighted and isinstance(splitter, BayesianBootstrap):
        assert_array_equal(full.weights(0), removed.weights(0))


@pytest.mark.filterwarnings("ignore:Using the fractional value")
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=12).filter(any),
    st.sampled_from([0.3, 0.5, 1.0]),
    st.booleans(),
    seeds,
)
def test_a_row_of_weight_k_is_as_good_as_k_copies(copies, share, stratify, seed):
    original = np.repeat(np.arange(len(copies)), copies)
    classes = np.arange(len(copies)) % 3
    splitter = Bootstrap(max_samples=share, stratify=stratify, random_state=seed)
    weighted = splitter.plan(len(copies), classes, None, np.array(copies, dtype=float))
    repeated = splitter.plan(len(original), classes[original])
    assert_array_equal(weighted.train(0), original[repeated.train(0)])


WEIGHTS = np.array([1.0, 2.0, 3.0, 6.0])


def test_with_replacement_rows_are_drawn_in_proportion_to_their_weights():
    draws = Bootstrap(max_samples=60_000, random_state=0).plan(4, sample_weight=WEIGHTS)
    assert chisquare(draws.counts(0), 60_000 * WEIGHTS / WEIGHTS.sum()).pvalue > 0.001


def chance_of_pair(first, second):
    """Chance to draw two rows one after the other, each time in proportion to weight."""
    total = WEIGHTS.sum()
    return (WEIGHTS[first] / total) * (WEIGHTS[second] / (total - WEIGHTS[first])) + (
        WEIGHTS[second] / total
    ) * (WEIGHTS[first] / (total - WEIGHTS[second]))


def test_without_replacement_rows_are_drawn_one_by_one_in_proportion_to_their_weights():
    n_draws = 6000
    draws = Subsample(max_samples=2, random_state=0).plan(4, sample_weight=WEIGHTS)
    drawn = Counter(tuple(draws.train(i).tolist()) for i in range(n_draws))
    pairs = list(combinations(range(4), 2))
    expected = [n_draws * chance_of_pair(*pair) for pair in pairs]
    assert chisquare([drawn[pair] for pair in pairs], expected).pvalue > 0.001


def test_without_weights_every_subset_is_equally_likely():
    draws = Subsample(max_samples=2, random_state=0).plan(4)
    drawn = Counter(tuple(draws.train(i).tolist()) for i in range(6000))
    assert len(drawn) == 6
    assert chisquare(list(drawn.values())).pvalue > 0.001


def test_weighted_groups_are_drawn_alike_and_their_rows_by_weight():
    """Group (0, 1) of weights 1 and 2 fills both places, or shares them with row 2 of weight 6."""
    groups, n_draws = ["a", "a", "b"], 6000
    draws = GroupBootstrap(max_groups=1, random_state=0).plan(
        3, groups=groups, sample_weight=np.array([1.0, 2.0, 6.0])
    )
    first = np.bincount([draws.train(i)[0] for i in range(n_draws)])
    assert chisquare(first, n_draws * np.array([1 / 6, 2 / 6, 3 / 6])).pvalue > 0.001


# Dirichlet weights


@laws
@given(bayesian_draws(), st.integers(0, 50))
def test_dirichlet_weights_are_not_negative_and_average_one(draws, i):
    weights = draws.weights(i)
    if weights is not None:
        assert np.all(weights >= 0)
        assert_allclose(weights.mean(), 1)
        assert_array_equal(draws.train(i), np.arange(draws.n_rows))
        assert len(draws.test(i)) == 0


@pytest.mark.parametrize("concentration", [0.3, 1.0, 5.0])
def test_a_dirichlet_weight_has_its_beta_distribution_and_variance(concentration):
    n_rows, n_draws = 6, 3000
    draws = BayesianBootstrap(concentration=concentration, random_state=0).plan(
        n_rows, weighted=True
    )
    weights = np.array([draws.weights(i)[2] for i in range(n_draws)])
    law = beta(concentration, (n_rows - 1) * concentration, scale=n_rows)
    assert kstest(weights, law.cdf).pvalue > 0.001
    assert_allclose(law.var(), (n_rows - 1) / (concentration * n_rows + 1))
    deviation = np.sqrt((law.stats("k") + 2) / n_draws)
    assert abs(weights.var() / law.var() - 1) < 4 * deviation


def test_sample_weights_multiply_the_concentration():
    draws = BayesianBootstrap(concentration=2.0, random_state=0).plan(
        3, sample_weight=np.array([0.5, 1.0, 2.0]), weighted=True
    )
    shares = [draws.weights(i)[2] / 3 for i in range(2000)]
    assert kstest(shares, beta(4.0, 3.0).cdf).pvalue > 0.001


def test_a_tiny_concentration_gives_everything_to_one_row_each_as_likely():
    draws = BayesianBootstrap(concentration=1e-5, random_state=0).plan(4, weighted=True)
    weights = np.array([draws.weights(i) for i in range(2000)])
    assert_allclose(weights.sum(axis=1), 4)
    assert np.mean(weights.max(axis=1) > 3.96) > 0.99
    assert chisquare(np.bincount(weights.argmax(axis=1))).pvalue > 0.001


def test_where_only_rows_can_be_handed_on_they_are_drawn_by_their_dirichlet_weights():
    """A row is missed by n draws of n with chance E[(1 - w)^n] = n / (2 n - 1), w Beta(1, n-1)."""
    n_rows, n_draws = 5, 4000
    draws = BayesianBootstrap(random_state=0).plan(n_rows)
    missed = np.mean([0 in draws.test(i) for i in range(n_draws)])
    expected = (n_rows - 1) / (2 * n_rows - 1)
    assert abs(missed - expected) < 4 * np.sqrt(expected * (1 - expected) / n_draws)


# Splitters made elsewhere


def test_the_folds_of_any_splitter_are_draws():
    draws = listed_draws(KFold(3), COLUMN, None, None)
    assert draws.n_draws == 3
    assert not draws.repeats
    assert all(same(draws[i], fold) for i, fold in enumerate(KFold(3).split(COLUMN)))
    assert all(same(draws[i], (draws.train(i), draws.test(i))) for i in range(3))


def test_row_weights_follow_the_rows_of_a_fold():
    weights = np.arange(12.0)
    draws = listed_draws(KFold(3), COLUMN, None, None, weights)
    assert_array_equal(draws.weights(1), weights[draws.train(1)])
    assert listed_draws(KFold(3), COLUMN, None, None).weights(1) is None


def test_a_shuffling_splitter_without_random_state_is_seeded_by_whoever_asks_and_left_as_it_was():
    splitter = KFold(3, shuffle=True)
    first, second, third = (
        listed_draws(splitter, COLUMN, None, None, seed=seed) for seed in (0, 0, 1)
    )
    assert all(same(first[i], second[i]) for i in range(3))
    assert not all(same(first[i], third[i]) for i in range(3))
    assert splitter.random_state is None


def test_a_shuffling_splitter_keeps_its_own_random_state():
    splitter = KFold(3, shuffle=True, random_state=4)
    draws = listed_draws(splitter, COLUMN, None, None, seed=0)
    assert all(same(draws[i], fold) for i, fold in enumerate(splitter.split(COLUMN)))


def test_draws_know_whether_a_row_may_come_twice():
    assert listed_draws(Bootstrap(5, random_state=0), COLUMN, None, None).repeats
    assert Bootstrap().plan(5).repeats
    assert not Subsample().plan(5).repeats


def test_a_splitter_with_a_draw_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="resampling must give every member rows to learn from"):
        listed_draws(PredefinedSplit(np.zeros(12)), COLUMN, None, None)


class Given:
    """A splitter whose pairs are given."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def split(self, X, y=None, groups=None):
        return iter(self.pairs)


def test_folds_may_be_given_as_masks():
    mask = np.arange(12) < 8
    draws = listed_draws(Given((mask, ~mask)), COLUMN, None, None)
    assert same(draws[0], (np.arange(8), np.arange(8, 12)))


def test_a_fold_may_hold_nothing_out():
    draws = listed_draws(Given(([0, 1], [])), COLUMN, None, None)
    assert same(draws[0], ([0, 1], []))


@pytest.mark.parametrize(
    ("pair", "rule"),
    [
        (([0, 12], [1]), r"row numbers in \[0, 12\) or masks of 12 rows"),
        (([0], [-1]), r"row numbers in \[0, 12\)"),
        (([0.0], [1]), r"row numbers in \[0, 12\)"),
        (([True, False], [1]), r"row numbers in \[0, 12\)"),
        (([[0]], [1]), r"row numbers in \[0, 12\)"),
        (([0],), r"\(train, test\) pairs"),
        (0, r"\(train, test\) pairs"),
    ],
)
def test_folds_of_rows_that_are_not_there_are_refused(pair, rule):
    with pytest.raises(ValueError, match=f"resampling must give {rule}"):
        listed_draws(Given(pair), COLUMN, None, None)


# Members of the scikit-learn family


@every_splitter
def test_every_splitter_serves_cross_val_score(splitter):
    target = np.sin(COLUMN).ravel() + CLASSES
    stratify = getattr(splitter, "stratify", False)
    y = CLASSES if stratify else target
    scores = cross_val_score(
        Ridge(), COLUMN, y, cv=splitter, groups=GROUPS, scoring="neg_max_error"
    )
    by_hand = [
        -np.max(np.abs(y[test] - Ridge().fit(COLUMN[train], y[train]).predict(COLUMN[test])))
        for train, test in splitter.split(COLUMN, y, GROUPS)
    ]
    assert_allclose(scores, by_hand)


@every_splitter
def test_clone_get_params_set_params_and_repr_agree(splitter):
    parameters = splitter.get_params()
    assert clone(splitter).get_params() == parameters
    assert type(splitter)().set_params(**parameters).get_params() == parameters
    assert eval(repr(splitter)).get_params() == parameters
    with pytest.raises(ValueError, match="Invalid parameter 'max_smaples'"):
        splitter.set_params(max_smaples=1)


def test_groups_are_routed_to_the_group_bootstrap():
    y = COLUMN.ravel() ** 2
    splitter = GroupBootstrap(3, random_state=0)
    plain = cross_val_score(
        Ridge(), COLUMN, y, cv=splitter, scoring="neg_mean_squared_error", groups=GROUPS
    )
    with config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            Ridge(),
            COLUMN,
            y,
            cv=splitter,
            scoring="neg_mean_squared_error",
            params={"groups": GROUPS},
        )
    assert_array_equal(plain, routed)


@pytest.mark.parametrize("rows", [COLUMN, COLUMN.tolist(), pd.DataFrame(COLUMN)])
def test_split_takes_any_table(rows):
    pairs = list(Bootstrap(2, random_state=0).split(rows))
    expected = [Bootstrap(random_state=0).plan(12)[i] for i in range(2)]
    assert all(same(*both) for both in zip(pairs, expected, strict=True))


# Refusals

bad_parameters = [
    *[
        (kind, "n_splits", value, r"must be an integer >= 1")
        for kind in (Bootstrap, Subsample, GroupBootstrap, BlockBootstrap, BayesianBootstrap)
        for value in (0, -1, 2.0, "3", True, None)
    ],
    *[
        (
            kind,
            "max_samples",
            value,
            r"must be None, an integer in \[1, .*\] or a float in",
        )
        for kind in (Bootstrap, Subsample)
        for value in (0, -2, 0.0, 1.5, float("nan"), True, "half")
    ],
    (Subsample, "max_samples", 13, "must be <= n_samples=12"),
    *[
        (kind, "stratify", value, "must be True or False")
        for kind in (Bootstrap, Subsample)
        for value in (1, "yes", None)
    ],
    *[
        (GroupBootstrap, "max_groups", value, "must be None, an integer in")
        for value in (0, 0.0, 1.1, "all", False)
    ],
    *[
        (BlockBootstrap, "block_length", value, r"must be an integer in \[1, 12\]")
        for value in (0, 13, 2.5, "week", True)
    ],
    *[(BlockBootstrap, "circular", value, "must be True or False") for value in (1, "no", None)],
    *[
        (BayesianBootstrap, "concentration", value, r"must be a number in \(0, inf\)")
        for value in (0, -1.0, float("inf"), float("nan"), "1", True, None)
    ],
]


@pytest.mark.parametrize(("kind", "name", "value", "rule"), bad_parameters)
def test_a_bad_parameter_is_refused_by_name_rule_and_value(kind, name, value, rule):
    with pytest.raises(ValueError, match=rule) as refusal:
        list(kind(**{name: value}).split(COLUMN, CLASSES, GROUPS))
    assert name in str(refusal.value)
    assert repr(value) in str(refusal.value)


@pytest.mark.parametrize(
    ("classes", "rule"),
    [
        (None, "stratify=True needs y, the class of every row; got y=None"),
        (np.linspace(0, 1, 12), "stratify=True needs class labels; got a y of continuous numbers"),
        ([0, 1, 0], r"y must hold one class for each of the 12 rows; got shape \(3,\)"),
    ],
)
@pytest.mark.parametrize("splitter", [Bootstrap, Subsample])
def test_strata_need_a_class_for_every_row(splitter, classes, rule):
    with pytest.raises(ValueError, match=rule):
        list(splitter(stratify=True).split(COLUMN, classes))


@pytest.mark.parametrize(
    ("groups", "rule"),
    [
        (None, r"every row; got None\. Hand them over: groups="),
        (["a", "b"], "one group for each of the 3 rows; got 2"),
        ([["a"], ["b"], ["c"]], r"one group for each of the 3 rows; got shape \(3, 1\)"),
        ([1.0, np.nan, 2.0], "groups must not hold missing values"),
        (["a", None, "b"], "groups must not hold missing values"),
        (np.array(["2020", "NaT", "2021"], dtype="M8[Y]"), "groups must not hold missing values"),
        (pd.array(["a", None, "b"], dtype="string"), "groups must not hold missing values"),
        (pd.array([1, None, 2], dtype="Int64"), "groups must not hold missing values"),
    ],
)
def test_every_row_needs_a_group(groups, rule):
    with pytest.raises(ValueError, match=rule):
        list(GroupBootstrap().split(np.zeros((3, 1)), groups=groups))


@pytest.mark.parametrize(
    "splitter", [Bootstrap(), Subsample(), GroupBootstrap(), BlockBootstrap(), BayesianBootstrap()]
)
def test_split_takes_only_what_has_a_row_for_each_row(splitter):
    """As scikit-learn's splitters do: a draw of other rows than those of y helps nobody."""
    X, y, groups = np.zeros((30, 2)), np.zeros(30), np.arange(30) // 3
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(splitter.split(X, y[:5], groups))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples|one group for each"):
        next(splitter.split(X, y, groups[:5]))
    with pytest.raises(ValueError, match="X must hold at least 1 row; got none"):
        next(splitter.split(X[:0], y[:0], groups[:0]))
    assert len(list(splitter.split(X.tolist(), y.tolist(), groups.tolist()))) == 10
