"""A round of each algorithm: against the paper in plain loops, and against derivatives."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from ensembles.adaboost.courses import Rules, course_of
from ensembles.adaboost.rounds import (
    CLIP,
    LARGEST_RESPONSE,
    LEAST_LOGIT_WEIGHT,
    capped,
    gentle_round,
    half_log_odds,
    heavy_rows,
    logistic,
    logit_problem,
    logit_round,
    r2_round,
    real_round,
    row_sums,
    rt_round,
    samme_round,
    softmax,
)
from ensembles.adaboost.voices import voice_of

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


@st.composite
def rounds(draw):
    """Weights adding up to one, classes, and probabilities."""
    n_rows, n_classes = draw(st.integers(2, 30)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.exponential(size=n_rows)
    codes = rng.integers(0, n_classes, n_rows)
    probabilities = rng.dirichlet(np.ones(n_classes), n_rows)
    return weights / weights.sum(), codes, probabilities, n_classes


# Discrete


@EXAMPLES
@given(rounds(), st.floats(0.1, 2.0))
def test_samme_is_algorithm_2_of_zhu_et_al(problem, rate):
    weights, codes, probabilities, n_classes = problem
    missed = probabilities.argmax(axis=1) != codes
    error = sum(w for w, m in zip(weights, missed, strict=True) if m)
    judged = samme_round(missed, weights, n_classes, rate)
    if error >= 1 - 1 / n_classes:
        assert judged is None
    elif error > 0:
        vote = rate * (math.log((1 - error) / error) + math.log(n_classes - 1))
        raised = [w * math.exp(vote * m) for w, m in zip(weights, missed, strict=True)]
        assert judged.error == pytest.approx(error)
        assert judged.vote == pytest.approx(vote)
        np.testing.assert_allclose(judged.weights, raised)


@EXAMPLES
@given(rounds())
def test_samme_in_logarithms_is_the_same_but_for_rounding(problem):
    weights, codes, probabilities, n_classes = problem
    missed = probabilities.argmax(axis=1) != codes
    one = samme_round(missed, weights, n_classes)
    other = samme_round(missed, weights, n_classes, in_logarithms=True)
    assert (one is None) == (other is None)
    if one is not None and one.weights is not None:
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-13)


def test_after_a_round_of_two_classes_the_member_is_worth_nothing():
    """Freund and Schapire 1997: under the next weights the member errs on exactly half."""
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    missed = np.array([True, False, True, False])
    after = samme_round(missed, weights, 2).weights
    assert after[missed].sum() / after.sum() == pytest.approx(0.5)


def test_samme_at_chance_and_at_perfection():
    weights = np.full(4, 0.25)
    assert samme_round(np.array([True, True, False, False]), weights, 2) is None
    assert samme_round(np.array([True, True, False, False]), weights, 3).vote > 0
    perfect = samme_round(np.zeros(4, bool), weights, 2)
    assert perfect == (1.0, 0.0, None)


# Real


@EXAMPLES
@given(rounds(), st.floats(0.1, 2.0))
def test_real_is_samme_r_of_zhu_et_al(problem, rate):
    weights, codes, probabilities, n_classes = problem
    judged = real_round(probabilities, codes, weights, rate)
    if judged.weights is None:
        return
    for row, (weight, code) in enumerate(zip(weights, codes, strict=True)):
        exponent = 0.0
        for k in range(n_classes):
            y = 1.0 if k == code else -1.0 / (n_classes - 1)
            p = min(max(probabilities[row, k], CLIP), 1 - CLIP)
            exponent += y * math.log(p)
        expected = weight * math.exp(-rate * (n_classes - 1) / n_classes * exponent)
        assert judged.weights[row] == pytest.approx(expected)


@pytest.mark.parametrize("n_classes", [*range(1, 12), 40, 300])
def test_sums_of_rows_are_numpy_s_to_the_bit(n_classes):
    table = np.random.default_rng(n_classes).normal(size=(500, n_classes)) ** 3
    np.testing.assert_array_equal(row_sums(table), table.sum(axis=1, keepdims=True))


def test_half_log_odds_of_two_classes():
    p = np.array([[0.2, 0.8], [0.5, 0.5]])
    expected = 0.5 * np.log(0.8 / 0.2)
    np.testing.assert_allclose(half_log_odds(p), [[-expected, expected], [0, 0]], atol=1e-15)


def test_half_log_odds_of_certainty_are_finite():
    added = half_log_odds(np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert np.abs(added).max() <= 0.5 * np.log((1 - CLIP) / CLIP) + 1e-12


def test_real_adaboost_minimises_the_exponential_loss():
    """FHT 2000, result 1: the derivative of E exp(-y F) by F + t h is zero at t = 1 in a leaf."""
    weights, codes = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0, 1, 1, 0])
    share = weights[codes == 1].sum()
    h = half_log_odds(np.tile([1 - share, share], (4, 1)))[:, 1]
    signs = 2 * codes - 1

    def loss(t):
        return float((weights * np.exp(-signs * t[0] * h)).sum())

    assert abs(approx_fprime([1.0], loss, 1e-6)[0]) < 1e-5


# Gentle


def slow_gentle(signs, leaves, weights, n_rounds):
    """Gentle AdaBoost with given leaves, row by row."""
    scores, weights = np.zeros(len(signs)), weights.copy()
    for leaf in leaves[:n_rounds]:
        for row in range(len(signs)):
            inside = [i for i in range(len(signs)) if leaf[i] == leaf[row]]
            mean = sum(weights[i] * signs[i] for i in inside) / sum(weights[i] for i in inside)
            scores[row] += mean
        weights = np.array([math.exp(-signs[i] * scores[i]) for i in range(len(signs))])
        weights /= weights.sum()
    return scores, weights


def test_gentle_rounds_against_a_slow_reference():
    rng = np.random.default_rng(0)
    signs, leaves = rng.choice([-1.0, 1.0], 40), rng.integers(0, 3, (6, 40))
    weights = np.full(40, 1 / 40)
    scores = np.zeros(40)
    for leaf in leaves:
        means = np.bincount(leaf, weights * signs) / np.bincount(leaf, weights)
        judged = gentle_round(means[leaf], signs, weights)
        scores += means[leaf]
        weights = judged.weights / judged.weights.sum()
    expected_scores, expected_weights = slow_gentle(signs, leaves, np.full(40, 1 / 40), 6)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-10)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-10)


def test_gentle_weights_are_the_gradient_of_the_exponential_loss():
    """d/dF_i of sum exp(-y_i F_i) is -y_i w_i."""
    rng = np.random.default_rng(0)
    signs, fitted = rng.choice([-1.0, 1.0], 8), rng.normal(size=8)
    weights = gentle_round(fitted, signs, np.ones(8)).weights

    def loss(scores):
        return float(np.exp(-signs * scores).sum())

    np.testing.assert_allclose(-signs * weights, approx_fprime(fitted, loss, 1e-7), rtol=1e-4)


def test_an_exact_gentle_fit_is_the_last():
    signs = np.array([-1.0, 1.0, 1.0])
    assert gentle_round(signs, signs, np.full(3, 1 / 3)).weights is None


def test_the_error_of_a_gentle_round_is_that_of_the_sign_and_zero_has_none():
    signs, weights = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0.1, 0.2, 0.3, 0.4])
    judged = gentle_round(np.array([0.5, 0.0, 0.2, -3.0]), signs, weights, 0.5)
    assert (judged.vote, judged.error) == (0.5, pytest.approx(0.5))


def test_a_gentle_round_goes_as_far_as_the_learning_rate_says():
    fitted, signs = np.array([0.5, -2.0, 0.25]), np.array([1.0, 1.0, -1.0])
    weights = np.array([0.2, 0.3, 0.5])
    expected = weights * np.exp([-0.125, 0.5, 0.0625])
    np.testing.assert_allclose(gentle_round(fitted, signs, weights, 0.25).weights, expected)


# Logit


def binomial_loss(truth, log_odds):
    return float((np.logaddexp(0, log_odds) - truth * log_odds).sum())


def test_logit_problem_is_gradient_over_curvature():
    rng = np.random.default_rng(0)
    truth, log_odds = rng.integers(0, 2, 12).astype(float), rng.normal(size=12)
    response, weights = logit_problem(truth, logistic(log_odds), np.ones(12))

    def loss(scores):
        return binomial_loss(truth, scores)

    def slope(scores):
        return approx_fprime(scores, loss, 1e-6)

    gradient = slope(log_odds)
    np.testing.assert_allclose(weights * response, -gradient, atol=1e-5)
    step = 1e-4
    curvature = [
        (loss(log_odds + step * unit) - 2 * loss(log_odds) + loss(log_odds - step * unit)) / step**2
        for unit in np.eye(12)
    ]
    np.testing.assert_allclose(weights, curvature, atol=1e-5)


def test_logit_problem_of_many_classes_is_gradient_over_curvature():
    rng = np.random.default_rng(1)
    codes, scores = rng.integers(0, 3, 5), rng.normal(size=(5, 3))
    truth = np.eye(3)[codes]
    response, weights = logit_problem(truth, softmax(scores), np.ones((5, 1)))

    def loss(flat):
        rows = flat.reshape(5, 3)
        return float((np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(5), codes]).sum())

    gradient = approx_fprime(scores.ravel(), loss, 1e-6).reshape(5, 3)
    np.testing.assert_allclose(weights * response, -gradient, atol=1e-5)


def test_logit_responses_are_cut_off():
    response, weights = logit_problem(np.array([1.0, 0.0]), np.array([1e-12, 1.0]), np.ones(2))
    assert response.tolist() == [LARGEST_RESPONSE, -LARGEST_RESPONSE]
    np.testing.assert_allclose(weights, [1e-12, LEAST_LOGIT_WEIGHT], rtol=1e-9)


def slow_logitboost(truth, leaves):
    """FHT 2000, algorithm 6, with given leaves, row by row and class by class."""
    n_rows, n_classes = truth.shape
    scores = np.zeros((n_rows, n_classes))
    for leaf in leaves:
        shares = np.exp(scores)
        shares /= shares.sum(axis=1, keepdims=True)
        fitted = np.zeros_like(scores)
        for k in range(n_classes):
            for row in range(n_rows):
                above = below = 0.0
                for i in range(n_rows):
                    if leaf[i] == leaf[row]:
                        p = shares[i, k]
                        z = (truth[i, k] - p) / (p * (1 - p))
                        above += p * (1 - p) * min(max(z, -LARGEST_RESPONSE), LARGEST_RESPONSE)
                        below += p * (1 - p)
                fitted[row, k] = above / below
        for row in range(n_rows):
            mean = fitted[row].sum() / n_classes
            scores[row] += (n_classes - 1) / n_classes * (fitted[row] - mean)
    return scores


def test_logit_rounds_against_a_slow_reference():
    rng = np.random.default_rng(2)
    truth, leaves = np.eye(3)[rng.integers(0, 3, 30)], rng.integers(0, 4, (5, 30))
    scores = np.zeros((30, 3))
    for leaf in leaves:
        response, weights = logit_problem(truth, softmax(scores), np.ones((30, 1)))
        fitted = np.column_stack(
            [
                (np.bincount(leaf, w * z) / np.bincount(leaf, w))[leaf]
                for z, w in zip(response.T, weights.T, strict=True)
            ]
        )
        scores = logit_round(fitted, scores)
    np.testing.assert_allclose(scores, slow_logitboost(truth, leaves), rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_logit_round_goes_as_far_as_the_learning_rate_says(n_classes):
    rng = np.random.default_rng(0)
    scores, fitted = rng.normal(size=(2, 5) if n_classes == 2 else (2, 5, n_classes))
    whole = logit_round(fitted, scores) - scores
    np.testing.assert_allclose(logit_round(fitted, scores, 0.25) - scores, 0.25 * whole, rtol=1e-12)


def test_a_logit_step_in_one_leaf_is_newton_s():
    """With one leaf, rounds converge on the log-odds of the class share, quadratically."""
    truth = np.array([1.0, 1.0, 1.0, 0.0])
    scores = np.zeros(4)
    for _ in range(5):
        response, weights = logit_problem(truth, logistic(scores), np.ones(4))
        step = (weights * response).sum() / weights.sum()
        scores = logit_round(np.full(4, step), scores)
    np.testing.assert_allclose(scores, np.log(3), rtol=1e-12)


# Regression


@EXAMPLES
@given(
    st.integers(0, 2**32), st.sampled_from(["linear", "square", "exponential"]), st.floats(0.1, 2)
)
def test_r2_is_drucker_s(seed, loss, rate):
    rng = np.random.default_rng(seed)
    errors, weights = rng.exponential(size=15), rng.random(15)
    weights[3], errors[3] = 0.0, 1e9
    weights /= weights.sum()
    largest = max(e for e, w in zip(errors, weights, strict=True) if w > 0)
    losses = []
    for error in errors:
        share = error / largest
        form = {"linear": share, "square": share**2, "exponential": 1 - math.exp(-share)}
        losses.append(form[loss])
    mean = sum(w * loss_ for w, loss_ in zip(weights, losses, strict=True))
    judged = r2_round(errors, weights, loss, rate)
    if mean >= 0.5:
        assert judged is None
        return
    b = mean / (1 - mean)
    assert judged.error == pytest.approx(mean)
    assert judged.vote == pytest.approx(rate * math.log(1 / b))
    lowered = [w * b ** ((1 - x) * rate) if w else 0 for w, x in zip(weights, losses, strict=True)]
    np.testing.assert_allclose(judged.weights, lowered)


def test_r2_at_a_mean_loss_of_a_half_is_over():
    """Its vote would be nothing, and the weights would stay as they are."""
    assert r2_round(np.array([0.0, 1.0]), np.array([0.5, 0.5])) is None
    assert r2_round(np.array([0.0, 1.0]), np.array([0.51, 0.49])).vote > 0


def test_r2_of_no_error():
    assert r2_round(np.zeros(3), np.full(3, 1 / 3)) == (1.0, 0.0, None)


def test_rt_is_solomatine_s():
    y, predicted = np.array([10.0, 10.0, -10.0, 0.0]), np.array([10.5, 12.0, -10.4, 0.1])
    judged = rt_round(predicted, y, np.array([0.2, 0.2, 0.3, 0.3]), threshold=0.1, power=2)
    assert judged.error == pytest.approx(0.5)
    assert judged.vote == pytest.approx(math.log(1 / 0.25))
    np.testing.assert_allclose(judged.weights, [0.05, 0.2, 0.075, 0.3])
    assert rt_round(predicted + 100, y, np.full(4, 0.25), 0.1) is None
    assert rt_round(y, y, np.full(4, 0.25), 0.1) == (1.0, 0.0, None)


def test_an_rt_round_goes_as_far_as_the_learning_rate_says():
    predicted, y = np.array([1.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0])
    weights = np.array([0.25, 0.5, 0.25])
    judged = rt_round(predicted, y, weights, 0.1, power=2, learning_rate=0.5)
    assert judged.vote == pytest.approx(math.log(4.0))
    np.testing.assert_allclose(judged.weights, [0.0625, 0.125, 0.25])


# Trimming and capping


@EXAMPLES
@given(st.integers(0, 2**32), st.floats(0, 0.99))
def test_trimming_leaves_out_the_lightest(seed, share):
    weights = np.random.default_rng(seed).exponential(size=20)
    kept = heavy_rows(weights / weights.sum(), share)
    assert kept.any()
    assert weights[~kept].sum() <= share * weights.sum() * (1 + 1e-9)
    if not kept.all():
        assert weights[~kept].max() < weights[kept].min()
        lightest = weights[kept].min()
        assert weights[~kept].sum() + lightest > share * weights.sum() * (1 - 1e-9)


def test_rows_that_hold_the_share_to_be_trimmed_sit_out_whatever_the_unit():
    weights = np.array([0.3125, 0.25, 0.4375, 0.0])
    for unit in (1.0, 8.0, 0.125):
        assert heavy_rows(unit * weights, 0.25).tolist() == [True, False, True, False]
        assert heavy_rows(unit * weights, 0.2).tolist() == [True, True, True, False]


@EXAMPLES
@given(st.integers(0, 2**32), st.floats(0.01, 1.0))
def test_no_share_exceeds_the_cap(seed, most):
    weights = np.random.default_rng(seed).pareto(0.5, size=20)
    weights[:3] = 0.0
    shares = capped(weights, most)
    assert shares.sum() == pytest.approx(1.0)
    assert shares.max() <= max(most, 1 / 17) * (1 + 1e-9)
    assert (shares[:3] == 0).all()
    free = (shares < most * (1 - 1e-9)) & (weights > 0)
    if most * 17 > 1 and free.any():
        ratio = shares[free] / weights[free]
        np.testing.assert_allclose(ratio, ratio[0])


# What a fit makes of rounds


def test_a_member_without_error_votes_as_if_it_had_missed_half_a_row():
    """By resampling the next one is shown other rows, weighted as at the start."""
    y, start = np.array([0, 1, 2, 0]), np.array([1.0, 2.0, 3.0, 4.0])
    course = course_of(y, start, Rules("SAMME", 3, learning_rate=0.5, resample=True))
    missed = course.hear([np.array([1, 1, 2, 0])])
    assert not missed.last
    assert course.weights[0] > 0.1
    verdict = course.hear([y])
    assert verdict == (pytest.approx(0.5 * (math.log(7) + math.log(2))), 0.0, False)
    np.testing.assert_allclose(course.weights, start / 10)


def test_the_error_of_a_logit_round_is_the_weight_of_the_wrong_direction():
    course = course_of(np.array([0, 1, 1]), np.array([1.0, 2.0, 5.0]), Rules("logit", 2))
    verdict = course.hear([np.array([-1.0, -1.0, 2.0])])
    assert verdict == (1.0, pytest.approx(2 / 8), False)
    assert course.hear([np.zeros(3)]).last


def test_probabilities_are_the_link_of_each_algorithm():
    decision = np.array([[2.0, -1.0, -1.0], [0.5, 0.5, -1.0]])
    shares = np.exp(decision / 2)
    likely = 1 / (1 + np.exp(-decision))
    for algorithm, expected in (
        ("SAMME", shares),
        ("real", shares),
        ("gentle", likely),
        ("logit", np.exp(decision)),
    ):
        expected = expected / expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(voice_of(algorithm, 3).probabilities(decision), expected)
    for algorithm in ("real", "gentle", "logit"):
        two = voice_of(algorithm, 2).probabilities(np.array([np.log(3.0)]))
        np.testing.assert_allclose(two, [[0.25, 0.75]])
