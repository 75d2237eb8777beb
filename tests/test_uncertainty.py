"""Variances and intervals beside the papers' formulas, written as loops, and beside the truth."""

from fractions import Fraction
from itertools import product
from math import ceil, floor, inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from ensembles import uncertainty
from ensembles.combining import median
from ensembles.uncertainty import (
    infinitesimal_jackknife,
    jackknife_after_bootstrap,
    jackknife_plus_after_bootstrap,
)

laws = settings(max_examples=60, deadline=None)
numbers = st.floats(-100, 100, allow_subnormal=False)


# The infinitesimal jackknife


def equations_5_and_7(answers, counts):
    """Wager, Hastie and Efron (2014) as printed: V_IJ, less n / B^2 sum_b (t_b - mean t)^2."""
    n_members, n_rows = counts.shape
    mean = sum(answers) / n_members
    variance = 0.0
    for row in range(n_rows):
        covariance = 0.0
        for member in range(n_members):
            covariance += (counts[member, row] - 1) * (answers[member] - mean) / n_members
        variance += covariance**2
    return variance - n_rows / n_members**2 * sum((answer - mean) ** 2 for answer in answers)


@st.composite
def bags(draw):
    n_members, n_rows = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members)
    return draw(hnp.arrays(np.float64, (n_members, 3), elements=numbers)), counts


@laws
@given(bags())
def test_the_infinitesimal_jackknife_is_the_papers_double_loop(bag):
    answers, counts = bag
    expected = [equations_5_and_7(column, counts) for column in answers.T]
    assert_allclose(infinitesimal_jackknife(answers, counts), expected, rtol=1e-9, atol=1e-9)


@laws
@given(bags(), st.floats(-10, 10), st.sampled_from([-2.0, 0.5, 4.0]))
def test_a_shift_of_all_answers_changes_no_variance_and_a_scale_squares(bag, shift, scale):
    answers, counts = bag
    moved = infinitesimal_jackknife(scale * answers + shift, counts)
    assert_allclose(moved, scale**2 * infinitesimal_jackknife(answers, counts), atol=1e-7)


def test_answers_of_any_shape_are_treated_one_by_one():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(5, [0.2] * 5, size=6)
    answers = rng.normal(size=(6, 2, 3))
    together = infinitesimal_jackknife(answers, counts)
    assert together.shape == (2, 3)
    for place in np.ndindex(2, 3):
        alone = infinitesimal_jackknife(answers[:, *place], counts)
        assert_allclose(together[place], alone)


def test_work_in_blocks_changes_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(50, [0.02] * 50, size=6)
    answers, shown = rng.normal(size=(6, 9)), counts > 0
    residuals = rng.random(50)
    whole = (
        infinitesimal_jackknife(answers, counts),
        jackknife_plus_after_bootstrap(answers, ~shown, residuals, 0.2),
        jackknife_plus_after_bootstrap(answers, ~shown, residuals, 0.2, combine=median),
    )
    monkeypatch.setattr(uncertainty, "BLOCK", 40)
    in_blocks = (
        infinitesimal_jackknife(answers, counts),
        jackknife_plus_after_bootstrap(answers, ~shown, residuals, 0.2),
        jackknife_plus_after_bootstrap(answers, ~shown, residuals, 0.2, combine=median),
    )
    for first, second in zip(whole, in_blocks, strict=True):
        assert_allclose(first, second)


def estimates_of_a_bagged_mean(n_rows, n_members, n_bags, counts_variance=None):
    """Bags whose members answer the mean of their bootstrap sample of a fresh N(0, 1) sample."""
    rng = np.random.default_rng(0)
    for _ in range(n_bags):
        sample = rng.normal(size=n_rows)
        counts = rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members)
        answers = counts @ sample / n_rows
        yield infinitesimal_jackknife(answers, counts, counts_variance), sample


def test_the_corrected_variance_of_a_bagged_mean_is_the_variance_of_a_mean():
    """A bagged mean is the mean, whose variance is 1 / n; uncorrected, B = n gives twice that."""
    n_rows = 50
    estimates, samples = zip(*estimates_of_a_bagged_mean(n_rows, n_rows, 600), strict=True)
    assert_allclose(np.mean(estimates), 1 / n_rows, rtol=0.1)
    plug_in = np.var(samples, axis=1) / n_rows
    assert_allclose(np.mean(estimates), np.mean(plug_in), rtol=0.1)
    uncorrected = [estimate for estimate, _ in estimates_of_a_bagged_mean(n_rows, n_rows, 600, 0.0)]
    assert np.mean(uncorrected) > 1.8 / n_rows


def test_over_all_bootstrap_samples_the_variance_of_a_bagged_mean_is_the_plug_in_variance():
    sample = np.array([3.0, -1.0, 4.0, 1.5])
    counts = np.array([np.bincount(rows, minlength=4) for rows in product(range(4), repeat=4)])
    variance = infinitesimal_jackknife(counts @ sample / 4, counts, counts_variance=0)
    assert_allclose(variance, sample.var() / 4)


def test_answers_that_have_nothing_to_do_with_the_rows_have_no_variance_on_average():
    n_rows, n_members = 8, 10
    rng = np.random.default_rng(0)
    spread = n_rows * (1 - 1 / n_rows)
    estimates = [
        infinitesimal_jackknife(
            rng.normal(size=n_members),
            rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members),
            spread,
        )
        for _ in range(1500)
    ]
    assert abs(np.mean(estimates)) < 4 * np.std(estimates) / np.sqrt(1500)


def test_subsamples_need_the_spread_of_their_own_counts():
    """Means of s of n rows: with Wager and Athey's (2018) factor, s^2 / n of the sample."""
    n_rows, size, n_members = 20, 8, 40
    rng = np.random.default_rng(0)
    sample = rng.normal(size=n_rows)
    spread = size * (1 - size / n_rows)
    factor = (n_rows - 1) / n_rows * (n_rows / (n_rows - size)) ** 2
    estimates = []
    for _ in range(600):
        arrival = rng.random((n_members, n_rows))
        counts = (arrival.argsort(axis=1).argsort(axis=1) < size).astype(int)
        estimates.append(factor * infinitesimal_jackknife(counts @ sample / size, counts, spread))
    assert_allclose(np.mean(estimates), sample.var(ddof=1) / n_rows, rtol=0.1)


# The jackknife after bootstrap


def equation_6(answers, held_out):
    """Leave one row out at a time, less the noise of as many members as are left."""
    n_members, n_rows = held_out.shape
    mean, spread = np.mean(answers), np.var(answers)
    terms = []
    for row in range(n_rows):
        left = [answers[member] for member in range(n_members) if held_out[member, row]]
        if left:
            noise = spread / len(left) - spread / n_members
            terms.append((np.mean(left) - mean) ** 2 - noise)
    return (n_rows - 1) * np.mean(terms) if terms else np.nan


@laws
@given(bags())
def test_the_jackknife_after_bootstrap_is_the_papers_loop(bag):
    answers, counts = bag
    expected = [equation_6(column, counts == 0) for column in answers.T]
    assert_allclose(jackknife_after_bootstrap(answers, counts == 0), expected, rtol=1e-8, atol=1e-8)


def test_on_average_its_noise_is_the_papers_e_less_one():
    n_rows, n_members = 60, 4000
    counts = np.random.default_rng(0).multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members)
    share = 1 / np.sum(counts == 0, axis=0) - 1 / n_members
    assert_allclose(n_members * np.mean(share), np.e - 1, rtol=0.03)


def test_the_jackknife_of_a_bagged_mean_is_the_variance_of_a_mean():
    rng, n_rows, n_members = np.random.default_rng(0), 40, 60
    found = []
    for _ in range(400):
        counts = rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members)
        answers = counts @ rng.normal(size=n_rows) / n_rows
        found.append(jackknife_after_bootstrap(answers, counts == 0))
    assert abs(np.mean(found) - 1 / n_rows) < 4 * np.std(found) / np.sqrt(400) + 0.1 / n_rows


def test_a_bag_of_lines_has_the_variance_of_whites_sandwich():
    """V_IJ of least squares is HC0, whose residuals are too small by their leverages; and not the
    variance of equal noise, which is a fifth to a third less here.
    """
    ratios = []
    for seed in range(4):
        rng, n_rows = np.random.default_rng(seed), 200
        table = np.column_stack([np.ones(n_rows), rng.normal(size=(n_rows, 2))])
        y = rng.normal(size=n_rows) * (1 + np.abs(table[:, 1]))
        points = np.column_stack([np.ones(20), rng.normal(size=(20, 2))])
        counts = rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=3000)
        squares = np.einsum("bi,ij,ik->bjk", counts, table, table, optimize=True)
        slopes = np.linalg.solve(squares, ((counts * y) @ table)[:, :, None])[:, :, 0]
        solver = np.linalg.solve(table.T @ table, table.T)
        sandwich = (points @ solver) ** 2 @ (y - table @ (solver @ y)) ** 2
        bagged = infinitesimal_jackknife(slopes @ points.T, counts)
        ratios.append(bagged.mean() / sandwich.mean())
    assert abs(np.mean(ratios) - 1) < 0.1


def test_of_a_square_around_zero_both_jackknives_are_nearly_twice_the_variance():
    """All of second order: the plug-in variance 4 mean^2 s^2 / n is on average 4 / n^2, not 2."""
    rng, n_rows, n_members = np.random.default_rng(0), 30, 200
    both, bagged = [], []
    for _ in range(500):
        sample = rng.normal(size=n_rows)
        counts = rng.multinomial(n_rows, [1 / n_rows] * n_rows, size=n_members)
        answers = (counts @ sample / n_rows) ** 2
        bagged.append(sample.mean() ** 2 + sample.var() / n_rows)
        both.append(
            (
                infinitesimal_jackknife(answers, counts),
                jackknife_after_bootstrap(answers, counts == 0),
            )
        )
    ratios = np.mean(both, axis=0) / np.var(bagged)
    assert ((ratios > 1.4) & (ratios < 2.3)).all()


# The jackknife+-after-bootstrap


def kim_xu_and_barber(answers, held_out, residuals, alpha, combine):
    """Equation 4 for one new row: quantiles of mu_i -+ R_i over the training rows i."""
    low, high = [], []
    for row, residual in enumerate(residuals):
        judges = [member for member in range(len(answers)) if held_out[member, row]]
        if judges and not np.isnan(residual):
            without = combine(answers[judges])
            low.append(without - residual)
            high.append(without + residual)
    n_rows = len(low)
    lower, upper = floor(alpha * (n_rows + 1)), ceil((1 - alpha) * (n_rows + 1))
    return [
        sorted(low)[lower - 1] if lower >= 1 else -inf,
        sorted(high)[upper - 1] if upper <= n_rows else inf,
    ]


@st.composite
def judged_bags(draw):
    n_members, n_training, n_rows = draw(st.tuples(st.integers(1, 5), *[st.integers(1, 12)] * 2))
    answers = draw(hnp.arrays(np.float64, (n_members, n_rows), elements=numbers))
    held_out = draw(hnp.arrays(bool, (n_members, n_training), elements=st.booleans()))
    residual = st.floats(0, 50, allow_subnormal=False) | st.just(np.nan)
    return answers, held_out, draw(hnp.arrays(np.float64, n_training, elements=residual))


@pytest.mark.parametrize("combine", [None, median])
@settings(max_examples=100, deadline=None)
@given(bag=judged_bags(), alpha=st.integers(1, 19).map(lambda k: Fraction(k, 20)))
def test_intervals_are_the_papers_row_by_row(combine, bag, alpha):
    answers, held_out, residuals = bag
    expected = [
        kim_xu_and_barber(column, held_out, residuals, alpha, combine or np.mean)
        for column in answers.T
    ]
    interval = jackknife_plus_after_bootstrap(*bag, float(alpha), combine)
    assert_allclose(interval, expected, atol=1e-9)


ONE_MEMBER = {"answers": [[10.0]], "held_out": np.ones((1, 9), dtype=bool)}
RESIDUALS = np.arange(1.0, 10.0)


@pytest.mark.parametrize(
    ("alpha", "half_width"),
    [(0.09, inf), (0.1, 9.0), (0.19, 9.0), (0.2, 8.0), (0.3, 7.0), (0.5, 5.0), (0.9, 1.0)],
)
def test_an_interval_reaches_as_far_as_the_residual_of_its_rank(alpha, half_width):
    """Of nine rows: the floor(10 alpha)-th largest residual; none is large enough below 0.1."""
    interval = jackknife_plus_after_bootstrap(**ONE_MEMBER, residuals=RESIDUALS, alpha=alpha)
    assert_array_equal(interval, [[10 - half_width, 10 + half_width]])


def test_a_rank_that_is_whole_but_for_rounding_is_whole():
    """0.29 * 100 is 28.999999999999996 in floating point; the rank is 29."""
    residuals = np.arange(1.0, 100.0)
    bag = [[0.0]], np.ones((1, 99), dtype=bool), residuals
    interval = jackknife_plus_after_bootstrap(*bag, alpha=0.29)
    assert_array_equal(interval, [[-71, 71]])


def test_a_smaller_alpha_gives_a_wider_interval_around_the_narrower():
    rng = np.random.default_rng(0)
    bag = rng.normal(size=(4, 3)), rng.random((4, 40)) < 0.4, rng.random(40)
    wide = jackknife_plus_after_bootstrap(*bag, alpha=0.05)
    narrow = jackknife_plus_after_bootstrap(*bag, alpha=0.3)
    assert np.all(wide[:, 0] < narrow[:, 0])
    assert np.all(narrow[:, 1] < wide[:, 1])


def test_rows_without_a_residual_are_left_out():
    residuals = np.append(RESIDUALS, np.nan)
    held_out = np.ones((1, 10), dtype=bool)
    with_it = jackknife_plus_after_bootstrap([[10.0]], held_out, residuals, 0.2)
    without = jackknife_plus_after_bootstrap(**ONE_MEMBER, residuals=RESIDUALS, alpha=0.2)
    assert_array_equal(with_it, without)


@pytest.mark.parametrize("combine", [None, median])
def test_where_no_row_was_judged_anything_may_happen(combine):
    held_out = np.zeros((2, 3), dtype=bool)
    interval = jackknife_plus_after_bootstrap(
        [[1.0, 2.0], [3.0, 4.0]], held_out, [1.0, 1.0, 1.0], combine=combine
    )
    assert_array_equal(interval, [[-inf, inf]] * 2)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, float("nan"), "0.1", None])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must be a number in \(0, 1\); got") as refusal:
        jackknife_plus_after_bootstrap(**ONE_MEMBER, residuals=RESIDUALS, alpha=alpha)
    assert repr(alpha) in str(refusal.value)


def bag_of_lines(rng, n_rows, n_members):
    """A bag of least-squares lines on y = 2 x + N(0, 1): answers at new rows, and who saw what."""
    x, new = rng.normal(size=n_rows), rng.normal(size=20)
    y, target = 2 * x + rng.normal(size=n_rows), 2 * new + rng.normal(size=20)
    drawn = rng.integers(0, n_rows, (n_members, n_rows))
    slope, intercept = np.array([np.polyfit(x[rows], y[rows], 1) for rows in drawn]).T[..., None]
    held_out = np.array([~np.isin(np.arange(n_rows), rows) for rows in drawn])
    judged = np.where(held_out, slope * x + intercept, np.nan)
    residuals = np.abs(np.nanmean(judged, axis=0) - y)
    return slope * new + intercept, held_out, residuals, target


def test_intervals_cover_about_as_often_as_they_say():
    alpha, n_bags = 0.2, 100
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(n_bags):
        *bag, target = bag_of_lines(rng, n_rows=40, n_members=25)
        low, high = jackknife_plus_after_bootstrap(*bag, alpha).T
        covered.append(np.mean((low <= target) & (target <= high)))
    assert np.mean(covered) > 1 - alpha - 3 * np.std(covered) / np.sqrt(n_bags)
    assert np.mean(covered) < 1 - alpha / 2


# What cannot be


ANSWERS, COUNTS = np.arange(1, 19.0).reshape(6, 3), np.eye(6, 5, dtype=int)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (infinitesimal_jackknife, (ANSWERS[:4], COUNTS), r"same members.*\(4, 3\) and \(6, 5\)"),
        (infinitesimal_jackknife, (ANSWERS, COUNTS[0]), r"same members.*\(6, 3\) and \(5,\)"),
        (infinitesimal_jackknife, (ANSWERS[:0], COUNTS[:0]), "at least one"),
        (infinitesimal_jackknife, (ANSWERS * [1, np.nan, 1], COUNTS), "finite; got 6 that are not"),
        (infinitesimal_jackknife, (list("abcdef"), COUNTS), "answers must hold numbers"),
        (infinitesimal_jackknife, (ANSWERS, np.full((6, 5), "x")), "counts must hold"),
        (
            infinitesimal_jackknife,
            (ANSWERS, COUNTS - 1),
            r"counts must be numbers >= 0; .*\[-1, 0\]",
        ),
        (infinitesimal_jackknife, (ANSWERS, COUNTS * np.nan), "counts must be numbers >= 0; got"),
        (infinitesimal_jackknife, (ANSWERS, COUNTS, -1.0), "counts_variance must be a number in"),
        (infinitesimal_jackknife, (ANSWERS, COUNTS, np.nan), "counts_variance must be a number in"),
        (jackknife_after_bootstrap, (ANSWERS[:4], COUNTS == 0), "answers and held_out must be of"),
        (jackknife_after_bootstrap, (ANSWERS * np.inf, COUNTS == 0), "answers must be finite"),
        (jackknife_plus_after_bootstrap, (ANSWERS[:4], COUNTS == 0, np.ones(5)), "same members"),
        (jackknife_plus_after_bootstrap, (ANSWERS, COUNTS == 0, np.ones(4)), r"got shape \(4,\)"),
        (
            jackknife_plus_after_bootstrap,
            (ANSWERS[:, 0], COUNTS == 0, np.ones(5)),
            "answers must have",
        ),
        (jackknife_plus_after_bootstrap, (ANSWERS, COUNTS == 0, ["a"] * 5), "residuals must hold"),
        (
            jackknife_plus_after_bootstrap,
            (ANSWERS, COUNTS == 0, np.ones(5), 0.3, lambda answers: answers[:, :2].mean(axis=0)),
            r"combine must return an answer for each of 3 rows; it returned shape \(2,\)",
        ),
        (jackknife_plus_after_bootstrap, (ANSWERS, COUNTS == 0, -np.ones(5)), "5 of them negative"),
    ],
)
def test_arrays_that_do_not_fit_together_are_told_so(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
