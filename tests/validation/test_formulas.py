"""Intervals by a formula: the peer's, the equation that they solve, and how often they cover."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from ensembles.validation import bootstrap_ci, mcnemar_test
from ensembles.validation.formulas import area_interval, paired_share_interval, share_interval

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
SAID = np.where(np.arange(40) % 5 == 0, 1 - Y, Y)
OTHER = np.where(np.arange(40) % 7 == 0, 1 - Y, Y)
SCORE = Y + RNG.normal(size=40)
WEIGHTS, GROUPS = RNG.random(40), np.arange(40) // 4


@pytest.mark.parametrize("n", [1, 7, 50])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_a_share_is_scipys_of_wilson(n, level):
    for hits in range(n + 1):
        theirs = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
        assert_allclose(share_interval(hits / n, n, level), theirs, atol=1e-12)


@pytest.mark.parametrize("cells", [(7, 2, 30), (0, 3, 47), (0, 0, 10), (5, 5, 0)])
def test_the_interval_of_a_difference_is_the_usual_one_of_two_rows_more(cells):
    only_a, only_b, rest = cells
    differences = np.repeat([1.0, -1.0, 0.0], [only_a + 1, only_b + 1, rest])
    error = np.sqrt(differences.var() / len(differences))
    expected = stats.norm.interval(0.9, differences.mean(), error)
    assert_allclose(paired_share_interval(only_a, only_b, sum(cells), 0.9), expected)
    low, high = paired_share_interval(only_b, only_a, sum(cells), 0.9)
    assert_allclose((-high, -low), expected)


def hanley_mcneil(t, n):
    """Hanley and McNeil (1982), equation 2, of n rows of either class and exponential scores."""
    q1, q2 = t / (2 - t), 2 * t**2 / (1 + t)
    return (t * (1 - t) + (n - 1) * (q1 - t**2) + (n - 1) * (q2 - t**2)) / n**2


@pytest.mark.parametrize("area", [0.5, 0.83, 0.99])
@pytest.mark.parametrize("n", [2, 25, 3000])
def test_the_ends_of_an_area_are_as_far_off_as_their_own_errors_allow(area, n):
    z = stats.norm.ppf(0.95)
    for end in area_interval(area, n, n, 0.9):
        assert_allclose(abs(end - area), z * np.sqrt(hanley_mcneil(end, n)), rtol=1e-6)


def test_areas_of_unlike_classes_have_the_error_of_their_mean_number():
    """Newcombe (2006): both classes count alike, and turned scores turn the interval."""
    low, high = area_interval(0.9, 5, 45, 0.95)
    assert_allclose(area_interval(0.9, 45, 5, 0.95), (low, high))
    assert_allclose(area_interval(0.1, 5, 45, 0.95), (1 - high, 1 - low))
    z = stats.norm.ppf(0.975)
    for end in (low, high):
        assert_allclose((end - 0.9) ** 2, z**2 * hanley_mcneil(end, 25) * 25**2 / (5 * 45))


@pytest.mark.parametrize(("area", "ends"), [(0.0, (0.0, 0.212)), (1.0, (0.788, 1.0))])
def test_a_perfect_area_has_an_interval_that_is_no_point(area, ends):
    assert_allclose(area_interval(area, 5, 45, 0.95), ends, atol=5e-4)


def test_wilsons_interval_covers_shares_near_one_where_the_bootstrap_cannot():
    """Exactly: the sum over all numbers of hits among 50 rows."""
    hits = np.arange(51)
    low, high = np.array([share_interval(k / 50, 50, 0.95) for k in hits]).T
    for p, worst in ((0.6, 0.93), (0.8, 0.93), (0.9, 0.93), (0.95, 0.93), (0.98, 0.92)):
        chance = stats.binom.pmf(hits, 50, p)
        assert worst < chance @ ((low <= p) & (p <= high)) < 0.98
    assert stats.binom.pmf(50, 50, 0.98) > 0.36  # all right: a bootstrap interval would be a point


def test_newcombes_interval_covers_where_five_rows_are_positive():
    """Where "bca" covers 89 %, in 2 000 simulations."""
    rng, truth, held = np.random.default_rng(8), stats.norm.cdf(1.5 / np.sqrt(2)), []
    for _ in range(500):
        positive, negative = rng.normal(1.5, 1, 5), rng.normal(0, 1, 45)
        low, high = area_interval(np.mean(positive[:, None] > negative), 5, 45, 0.95)
        held.append(low <= truth <= high)
    assert 0.93 < np.mean(held) < 0.98


# In bootstrap_ci


@pytest.mark.parametrize(
    ("metric", "y_pred", "paired_with", "chosen"),
    [
        ("accuracy", SAID, None, "formula"),
        ("error", SAID, OTHER, "formula"),
        ("roc_auc", SCORE, None, "bca"),
        ("roc_auc", SCORE, -SCORE, "percentile"),
        ("rmse", SCORE, None, "bca"),
        ("rmse", SCORE, OTHER, "percentile"),
        ("f1", SAID, None, "bca"),
        (lambda y, f: float(np.mean(y == f)), SAID, None, "bca"),
    ],
)
def test_the_method_that_no_one_asked_for_is_told(metric, y_pred, paired_with, chosen):
    options = {"paired_with": paired_with, "n_resamples": 20, "random_state": 0}
    found = bootstrap_ci(metric, Y, y_pred, **options)
    assert found.method == chosen
    asked = bootstrap_ci(metric, Y, y_pred, method=chosen, **options)
    assert (found.low, found.high) == (asked.low, asked.high)


@pytest.mark.parametrize("metric", ["accuracy", "error"])
def test_shares_have_the_ends_of_their_formulas(metric):
    hits, others = (SAID == Y, OTHER == Y) if metric == "accuracy" else (SAID != Y, OTHER != Y)
    one = bootstrap_ci(metric, Y, SAID, confidence_level=0.9, n_resamples=50)
    assert_allclose([one.low, one.high], share_interval(hits.mean(), 40, 0.9))
    two = bootstrap_ci(metric, Y, SAID, paired_with=OTHER, confidence_level=0.9, n_resamples=50)
    only = int(np.sum(hits & ~others)), int(np.sum(others & ~hits))
    assert_allclose([two.low, two.high], paired_share_interval(*only, 40, 0.9))
    if metric == "accuracy":
        assert (two.low, two.high) == mcnemar_test(Y, SAID, OTHER, confidence_level=0.9)[3:]


def test_an_area_has_the_ends_of_its_formula():
    found = bootstrap_ci("roc_auc", Y[:30], SCORE[:30], method="formula", n_resamples=50)
    assert_allclose([found.low, found.high], area_interval(found.estimate, 15, 15, 0.95))


def test_where_every_label_is_right_the_formula_says_how_sure_that_is():
    found = bootstrap_ci("accuracy", Y, Y, n_resamples=20)
    assert (found.estimate, found.high, found.standard_error) == (1, 1, 0)
    assert_allclose(found.low, share_interval(1.0, 40, 0.95)[0])


@pytest.mark.parametrize(
    ("metric", "y_pred", "options"),
    [
        ("rmse", SCORE, {}),
        ("roc_auc", SCORE, {"paired_with": -SCORE}),
        ("roc_auc", SCORE, {"sample_weight": WEIGHTS}),
        ("accuracy", SAID, {"groups": GROUPS}),
        ("accuracy", SAID, {"sample_weight": WEIGHTS}),
        ("accuracy", SAID, {"paired_with": OTHER, "groups": GROUPS}),
    ],
)
def test_a_formula_that_is_not_there_is_refused(metric, y_pred, options):
    with pytest.raises(ValueError, match="method='formula' needs 'accuracy', 'error' or, of one"):
        bootstrap_ci(metric, Y, y_pred, method="formula", n_resamples=10, **options)
    assert bootstrap_ci(metric, Y, y_pred, n_resamples=10, **options).method != "formula"
