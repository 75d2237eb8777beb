"""Laws of combining: every rule beside the slow obvious loop."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata, trim_mean

from ensembles.combining import (
    FLOOR,
    HeldOutMean,
    floored_log,
    geometric_mean,
    held_out,
    held_out_mean,
    log_pool,
    majority_vote,
    mean,
    median,
    rank_mean,
    running_mean,
    soft_vote,
    trimmed_mean,
    vote_share,
    weighted_median,
)

laws = settings(max_examples=60, deadline=None)
numbers = st.floats(-100, 100, allow_subnormal=False)
few_values = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
shapes = st.tuples(st.integers(1, 7), st.integers(1, 5))


def arrays(elements=numbers, shape=shapes):
    return hnp.arrays(np.float64, shape, elements=elements)


@st.composite
def probabilities(draw):
    n_members, n_rows, n_classes = draw(st.tuples(*[st.integers(1, 5)] * 3))
    masses = draw(hnp.arrays(np.float64, (n_members, n_rows, n_classes), elements=st.floats(0, 1)))
    masses[..., 0] += 0.01
    return masses / masses.sum(axis=-1, keepdims=True)


def weights_for(outputs, least=0):
    whole = st.integers(least, 5)
    return st.lists(whole, min_size=len(outputs), max_size=len(outputs)).filter(any)


@st.composite
def weighted(draw, outputs):
    values = draw(outputs)
    return values, draw(weights_for(values))


@st.composite
def judgements(draw):
    """What members say of the rows held out from them: outputs, rows and the number of rows."""
    n_rows, n_members = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rows = [
        np.flatnonzero(draw(hnp.arrays(bool, n_rows, elements=st.booleans())))
        for _ in range(n_members)
    ]
    width = draw(st.sampled_from([(), (2,)]))
    outputs = [draw(hnp.arrays(np.float64, (len(row), *width), elements=numbers)) for row in rows]
    return outputs, rows, n_rows


def loop_over_held_out(combine, outputs, rows, n_rows):
    result = np.full((n_rows, *outputs[0].shape[1:]), np.nan)
    for row in range(n_rows):
        said = [
            output[list(shown_to).index(row)]
            for output, shown_to in zip(outputs, rows, strict=True)
            if row in shown_to
        ]
        if said:
            result[row] = combine(np.array(said)[:, None])[0]
    return result


# Means


@laws
@given(arrays())
def test_mean_is_the_sum_over_members_by_their_number(outputs):
    expected = [sum(column) / len(column) for column in outputs.T.tolist()]
    assert_allclose(mean(outputs), expected)


@laws
@given(arrays())
def test_the_last_running_mean_is_the_mean_bit_for_bit(outputs):
    stages = list(running_mean(outputs))
    assert len(stages) == len(outputs)
    for count, stage in enumerate(stages, start=1):
        assert_array_equal(stage, mean(outputs[:count]))


@laws
@given(arrays())
def test_a_mean_does_not_depend_on_what_else_is_asked_nor_on_how_members_come(outputs):
    for row in range(outputs.shape[1]):
        assert_array_equal(mean(outputs[:, row]), mean(outputs)[row])
    assert_array_equal(mean(iter(outputs)), mean(outputs))


def test_means_leave_outputs_as_they_were():
    outputs = np.array([[1.0, 2.0], [3.0, 4.0]])
    stages = list(running_mean(outputs))
    assert_array_equal(outputs, [[1, 2], [3, 4]])
    assert_array_equal(stages, [[1, 2], [2, 3]])


def test_whole_numbers_average_to_fractions():
    assert_array_equal(mean(np.array([[1, 2], [2, 4]])), [1.5, 3.0])
    assert_array_equal(mean(np.array([[True, False], [True, True]])), [1.0, 0.5])


@pytest.mark.parametrize("rule", [mean, lambda outputs: list(running_mean(outputs))])
def test_a_mean_of_no_members_is_refused(rule):
    with pytest.raises(ValueError, match="outputs must hold at least one member; got none"):
        rule([])


# Votes


@laws
@given(weighted(probabilities()))
def test_soft_vote_is_the_weighted_average(case):
    outputs, weights = case
    expected = sum(weight * output for weight, output in zip(weights, outputs, strict=True))
    assert_allclose(soft_vote(outputs, weights), expected / sum(weights))
    assert_allclose(soft_vote(outputs, weights).sum(axis=1), 1)


@laws
@given(weighted(probabilities()))
def test_a_soft_vote_about_a_row_does_not_depend_on_the_other_rows(case):
    outputs, weights = case
    together = soft_vote(outputs, weights)
    for row in range(outputs.shape[1]):
        assert_array_equal(soft_vote(outputs[:, [row]], weights)[0], together[row])


@laws
@given(probabilities())
def test_equal_weights_are_no_weights_in_a_soft_vote(outputs):
    assert_array_equal(soft_vote(outputs, np.ones(len(outputs))), soft_vote(outputs))
    assert_array_equal(soft_vote(outputs), mean(outputs))


@laws
@given(weighted(hnp.arrays(np.intp, shapes, elements=st.integers(0, 3))))
def test_vote_share_counts_ballots(case):
    votes, weights = case
    for given_weights, ballots in ((weights, weights), (None, [1] * len(votes))):
        shares = vote_share(votes, 4, given_weights)
        for row in range(votes.shape[1]):
            cast = [
                sum(
                    ballot for vote, ballot in zip(votes[:, row], ballots, strict=True) if vote == k
                )
                for k in range(4)
            ]
            assert_allclose(shares[row], np.array(cast) / sum(ballots))


def vote_of_a_row(votes, weights):
    ballots = {}
    for vote, weight in zip(votes, weights, strict=True):
        ballots[vote] = ballots.get(vote, 0) + weight
    most = max(ballots.values())
    return min(label for label, ballot in ballots.items() if ballot == most)


@laws
@given(weighted(hnp.arrays("<U2", shapes, elements=st.sampled_from(["a", "b", "ba", "c"]))))
def test_majority_vote_goes_to_the_first_of_the_labels_with_most_ballots(case):
    votes, weights = case
    expected = [vote_of_a_row(row, weights) for row in votes.T.tolist()]
    assert majority_vote(votes, weights).tolist() == expected
    equal = [vote_of_a_row(row, [1] * len(row)) for row in votes.T.tolist()]
    assert majority_vote(votes).tolist() == equal


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        (["dog", "cat"], "cat"),
        ([10, 9], 9),
        ([1, -1], -1),
        ([True, False], False),
        ([2.5, 0.5], 0.5),
        (np.array(["dog", "cat"], dtype=object), "cat"),
        (["a", "c", "c", "b", "b"], "b"),
    ],
)
def test_a_tie_goes_to_the_label_that_sorts_first(votes, winner):
    assert majority_vote(np.reshape(votes, (-1, 1))).tolist() == [winner]
    assert majority_vote(np.reshape(votes, (-1, 1))[::-1]).tolist() == [winner]


def test_a_member_without_weight_has_no_vote():
    assert majority_vote([["a"], ["b"]], weights=[0, 1]).tolist() == ["b"]


# Medians and trimming


@laws
@given(arrays())
def test_median_is_the_middle_or_the_mean_of_the_middle_two(outputs):
    ordered = np.sort(outputs, axis=0)
    low, high = (len(outputs) - 1) // 2, len(outputs) // 2
    assert_array_equal(median(outputs), (ordered[low] + ordered[high]) / 2)


@laws
@given(arrays(), st.sampled_from([0, 0.1, 0.25, 0.4, 0.49]))
def test_trimmed_mean_is_scipys(outputs, share):
    assert_allclose(trimmed_mean(outputs, share), trim_mean(outputs, share, axis=0), atol=1e-12)


def test_trimming_nothing_is_the_mean():
    outputs = np.array([[3.0, 1.0], [1.0, 5.0], [5.0, 3.0]])
    assert_array_equal(trimmed_mean(outputs, 0), mean(outputs))
    assert_array_equal(trimmed_mean(outputs), mean(outputs))
    assert_array_equal(trimmed_mean(outputs, 0.4), [3.0, 3.0])


@pytest.mark.parametrize("share", [0.5, -0.1, 1, float("nan"), "half", None, True])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match=r"share must be a number in \[0, 0.5\); got") as refusal:
        trimmed_mean([1.0, 2.0, 3.0], share)
    assert repr(share) in str(refusal.value)


def median_of_a_row(outputs, weights):
    half = sum(weights) / 2
    reached = 0
    for output, weight in sorted(zip(outputs, weights, strict=True)):
        reached += weight
        if reached >= half:
            return output
    raise AssertionError


@laws
@given(weighted(arrays()))
def test_weighted_median_is_the_first_output_at_which_half_the_weight_is_reached(case):
    outputs, weights = case
    expected = [median_of_a_row(row, weights) for row in outputs.T.tolist()]
    assert_array_equal(weighted_median(outputs, weights), expected)


@pytest.mark.parametrize("decimals", [1, 12])
def test_weighted_medians_of_many_rows_are_those_of_each_row_alone(decimals):
    """Rows are sorted a block at a time, and equal outputs stay in the order of their members."""
    rng = np.random.default_rng(0)
    outputs, weights = rng.normal(size=(30, 2500)).round(decimals), rng.random(30)
    expected = []
    for row in outputs.T:
        order = np.argsort(row, kind="stable")
        reached = np.cumsum(weights[order])
        expected.append(row[order[np.argmax(reached >= 0.5 * reached[-1])]])
    assert_array_equal(weighted_median(outputs, weights), expected)


@laws
@given(weighted(arrays()))
def test_a_member_of_weight_k_is_as_good_as_k_members(case):
    outputs, weights = case
    repeated = np.repeat(outputs, weights, axis=0)
    assert_array_equal(
        weighted_median(outputs, weights), weighted_median(repeated, np.ones(len(repeated)))
    )


@laws
@given(arrays().filter(lambda outputs: len(outputs) % 2))
def test_equal_weights_give_the_median_of_an_odd_number_of_members(outputs):
    assert_array_equal(weighted_median(outputs, np.ones(len(outputs))), median(outputs))


# Logarithms and ranks


@laws
@given(probabilities())
def test_geometric_mean_multiplies_and_normalises(outputs):
    n_members, n_rows, n_classes = outputs.shape
    for row in range(n_rows):
        products = [
            exp(sum(log(max(p, FLOOR)) for p in outputs[:, row, k].tolist()) / n_members)
            for k in range(n_classes)
        ]
        expected = [product / sum(products) for product in products]
        assert_allclose(geometric_mean(outputs)[row], expected, rtol=1e-9)


@laws
@given(probabilities())
def test_log_pool_undoes_logarithms(outputs):
    member = np.maximum(outputs[0], FLOOR)
    expected = member / member.sum(axis=-1, keepdims=True)
    assert_allclose(log_pool(floored_log(outputs[0])), expected, rtol=1e-9)


def test_one_members_zero_is_no_veto():
    pooled = geometric_mean([[[0.0, 1.0]], [[1.0, 0.0]]])
    assert_allclose(pooled, [[0.5, 0.5]])
    assert_allclose(geometric_mean([[[0.0, 1.0]]]), [[FLOOR, 1]], rtol=1e-9)


def test_log_pool_takes_logarithms_too_small_to_exponentiate():
    assert_allclose(log_pool([[-5000.0, -5000.0]]), [[0.5, 0.5]])


@laws
@given(arrays(elements=few_values))
def test_rank_mean_averages_scipys_ranks(outputs):
    expected = rankdata(outputs, axis=1).mean(axis=0) / outputs.shape[1]
    assert_allclose(rank_mean(outputs), expected)


@laws
@given(arrays(elements=few_values))
def test_ranks_do_not_feel_a_rising_change_of_scale(outputs):
    assert_array_equal(rank_mean(10 * outputs**3 + 7), rank_mean(outputs))


# The order of members


SYMMETRIC = [mean, median, trimmed_mean, rank_mean]


@pytest.mark.parametrize("rule", SYMMETRIC)
@laws
@given(outputs=arrays(), data=st.data())
def test_no_rule_depends_on_the_order_of_members(rule, outputs, data):
    order = data.draw(st.permutations(range(len(outputs))))
    assert_allclose(rule(outputs[order]), rule(outputs), rtol=1e-12, atol=1e-12)


@laws
@given(weighted(arrays(elements=few_values)), st.data())
def test_no_weighted_rule_depends_on_the_order_of_members(case, data):
    outputs, weights = case
    order = data.draw(st.permutations(range(len(outputs))))
    moved = np.array(weights)[order]
    assert_array_equal(weighted_median(outputs[order], moved), weighted_median(outputs, weights))
    assert_array_equal(majority_vote(outputs[order], moved), majority_vote(outputs, weights))


@pytest.mark.parametrize("rule", [mean, median, trimmed_mean])
@laws
@given(outputs=arrays(), data=st.data())
def test_rows_are_combined_each_on_its_own(rule, outputs, data):
    order = data.draw(st.permutations(range(outputs.shape[1])))
    assert_array_equal(rule(outputs[:, order]), rule(outputs)[order])


@pytest.mark.parametrize(
    "rule", [*SYMMETRIC[:3], lambda outputs: weighted_median(outputs, [1] * 3)]
)
def test_members_that_agree_are_believed(rule):
    assert_array_equal(rule([[1.0, 7.0]] * 3), [1.0, 7.0])


# Rows held out


@laws
@given(judgements())
def test_held_out_mean_is_the_loop_and_a_row_nobody_judged_is_nan(case):
    outputs, rows, n_rows = case
    expected = loop_over_held_out(lambda said: said.mean(axis=0), *case)
    assert_allclose(held_out_mean(outputs, rows, n_rows), expected, atol=1e-12)
    judged = np.isin(np.arange(n_rows), np.concatenate(rows))
    result = held_out_mean(outputs, rows, n_rows)
    assert_array_equal(np.isnan(result).reshape(n_rows, -1).any(axis=1), ~judged)


def farthest(said):
    return np.max(np.abs(said), axis=0)


@pytest.mark.parametrize("combine", [mean, median, trimmed_mean, farthest])
@laws
@given(case=judgements())
def test_held_out_is_the_loop_for_any_rule(combine, case):
    outputs, rows, n_rows = case
    result = held_out(combine, outputs, rows, n_rows)
    if sum(map(len, rows)):
        assert_allclose(result, loop_over_held_out(combine, *case), atol=1e-12)
    else:
        assert_array_equal(result, np.full(n_rows, np.nan))


@laws
@given(judgements())
def test_held_out_keeps_the_order_of_members(case):
    first = held_out(lambda said: said[0], *case)
    if sum(map(len, case[1])):
        assert_array_equal(first, loop_over_held_out(lambda said: said[0], *case))


@laws
@given(judgements())
def test_the_running_form_agrees_after_every_member(case):
    outputs, rows, n_rows = case
    running = HeldOutMean(n_rows)
    for count, (output, places) in enumerate(zip(outputs, rows, strict=True), start=1):
        running.add(places, output)
        assert_array_equal(running.result(), held_out_mean(outputs[:count], rows[:count], n_rows))
    shown = np.concatenate(rows)
    assert_array_equal(running.count, [np.sum(shown == row) for row in range(n_rows)])


def test_sums_of_several_members_count_as_those_members():
    one_by_one, summed = HeldOutMean(3), HeldOutMean(3)
    for rows, output in (([0, 1], [1.0, 2.0]), ([1], [4.0])):
        one_by_one.add(rows, output)
    for _ in range(2):
        summed.add_sums([1.0, 6.0, 0.0], [1, 2, 0])
    assert_array_equal(summed.result(), one_by_one.result())
    assert_array_equal(summed.count, 2 * one_by_one.count)


def test_asking_a_running_mean_changes_nothing():
    running = HeldOutMean(2)
    running.add([0], [1.0])
    assert_array_equal(running.result(), [1.0, np.nan])
    assert_array_equal(running.result(), [1.0, np.nan])
    running.add([0, 1], [3.0, 5.0])
    assert_array_equal(running.result(), [2.0, 5.0])


def test_rows_held_out_from_all_members_get_the_plain_combination():
    outputs = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [0.0, 9.0, 1.0]])
    rows = [[0, 1, 2]] * 3
    assert_array_equal(held_out_mean(outputs, rows, 3), mean(outputs))
    assert_array_equal(held_out(median, outputs, rows, 3), median(outputs))


def test_a_combination_may_change_the_shape_of_an_output():
    shares = held_out(
        lambda votes: vote_share(votes.astype(int), 3), [[0, 2], [2]], [[0, 1], [1]], 3
    )
    assert_array_equal(shares, [[1, 0, 0], [0, 0, 1], [np.nan] * 3])


def test_no_judgement_at_all_is_refused():
    with pytest.raises(ValueError, match="outputs must hold at least one member; got none"):
        HeldOutMean(3).result()
    with pytest.raises(ValueError, match="outputs must hold at least one member; got none"):
        held_out_mean([], [], 3)


def test_outputs_and_rows_go_together():
    with pytest.raises(ValueError, match="shorter"):
        held_out_mean([[1.0], [2.0]], [[0]], 1)
