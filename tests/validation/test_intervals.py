"""Bootstrap intervals beside scipy's, scikit-learn's metrics and the loop that they replace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn import metrics

from ensembles.validation import bootstrap_ci, intervals
from ensembles.validation.intervals import (
    acceleration,
    basic_interval,
    bca_interval,
    drawn_counts,
    expanded_level,
    percentile_interval,
    studentized_interval,
)
from ensembles.validation.metrics import Rows, statistic_of
from ensembles.validation.weighted import Called

RNG = np.random.default_rng(0)
N = 40
Y = np.arange(N) % 2
PROBABILITY = np.clip(0.25 * Y + 0.7 * RNG.random(N), 0.01, 0.99)
TIED = np.round(PROBABILITY, 1)
LABELS = (PROBABILITY > 0.45).astype(int)
TARGET = RNG.normal(size=N)
VALUE = TARGET + 0.5 * RNG.normal(size=N)
WEIGHTS = RNG.random(N) + 0.1
GROUPS = np.arange(N) // 3
Y3 = np.arange(N) % 3
P3 = RNG.dirichlet(np.ones(3), N)

CASES = {
    "accuracy": (Y, LABELS, metrics.accuracy_score),
    "balanced_accuracy": (Y, LABELS, metrics.balanced_accuracy_score),
    "brier": (Y, PROBABILITY, metrics.brier_score_loss),
    "error": (Y, LABELS, metrics.zero_one_loss),
    "f1": (Y, LABELS, metrics.f1_score),
    "log_loss": (Y, PROBABILITY, metrics.log_loss),
    "mae": (TARGET, VALUE, metrics.mean_absolute_error),
    "matthews_corrcoef": (Y, LABELS, metrics.matthews_corrcoef),
    "mse": (TARGET, VALUE, metrics.mean_squared_error),
    "precision": (Y, LABELS, metrics.precision_score),
    "r2": (TARGET, VALUE, metrics.r2_score),
    "recall": (Y, LABELS, metrics.recall_score),
    "rmse": (TARGET, VALUE, metrics.root_mean_squared_error),
    "roc_auc": (Y, PROBABILITY, metrics.roc_auc_score),
    "roc_auc, ties": (Y, TIED, metrics.roc_auc_score),
    "average_precision": (Y, PROBABILITY, metrics.average_precision_score),
    "average_precision, ties": (Y, TIED, metrics.average_precision_score),
    "log_loss, 3 classes": (Y3, P3, metrics.log_loss),
    "brier, 3 classes": (Y3, P3, metrics.brier_score_loss),
    "log_loss, float32": (Y3, P3.astype(np.float32), metrics.log_loss),
}


def rows_of(y, weights=None, groups=None):
    n_units = len(y) if groups is None else groups.max() + 1
    return Rows(y, weights, groups, n_units, None, None)


def expanded(counts, groups):
    """Row numbers of a resample, one after the other."""
    per_row = counts if groups is None else counts[groups]
    return np.repeat(np.arange(len(per_row)), per_row.astype(int))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize("case", CASES)
def test_a_metric_of_counted_rows_is_scikit_learns_on_the_rows_drawn(case, groups, weights):
    y, predicted, theirs = CASES[case]
    rows = rows_of(y, weights, groups)
    statistic = statistic_of(case.partition(",")[0], rows, predicted)
    assert not isinstance(statistic, Called)
    counts = drawn_counts(0, 0, 6, rows.n_units)
    for value, row in zip(statistic.values(counts), counts, strict=True):
        drawn = expanded(row, groups)
        given = {} if weights is None else {"sample_weight": weights[drawn]}
        assert_allclose(value, theirs(y[drawn], predicted[drawn], **given), rtol=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("groups", [None, GROUPS], ids=["rows", "groups"])
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_finite_differences(case, groups, weights):
    y, predicted, _ = CASES[case]
    rows = rows_of(y, weights, groups)
    statistic = statistic_of(case.partition(",")[0], rows, predicted)
    counts = drawn_counts(3, 0, 2, rows.n_units)
    gradients = statistic.gradients(counts)
    for unit in range(0, rows.n_units, 5):
        step = np.zeros(rows.n_units)
        step[unit] = 1e-5
        slope = (statistic.values(counts + step) - statistic.values(counts - step)) / 2e-5
        if counts[:, unit].all():
            assert_allclose(gradients[:, unit], slope, rtol=1e-4, atol=1e-8)
    assert_allclose(np.sum(gradients * counts, axis=1), 0, atol=1e-10)


def test_errors_of_an_area_are_delongs():
    from ensembles.validation.roc import area_covariance

    found = statistic_of("roc_auc", rows_of(Y), TIED).errors(np.ones((1, N)))[0]
    _, covariance = area_covariance(Y == 1, TIED[None])
    m = N // 2
    assert_allclose(found, np.sqrt(covariance[0, 0] * (m - 1) / m))


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_intervals_are_scipys(method):
    losses = np.random.default_rng(5).exponential(size=80)
    zeros = np.zeros(80)
    ours = bootstrap_ci("mae", losses, zeros, method=method, n_resamples=20_000, random_state=0)
    level = 0.95 if method == "basic" else expanded_level(0.95, 80)
    theirs = stats.bootstrap(
        (losses,), np.mean, method=method, n_resamples=20_000, confidence_level=level, rng=0
    )
    assert_allclose([ours.low, ours.high], theirs.confidence_interval, rtol=0.015)
    assert_allclose(ours.standard_error, theirs.standard_error, rtol=0.02)
    assert_allclose(ours.estimate, losses.mean())


def test_bca_from_the_same_distribution_is_scipys_to_rounding():
    """scipy's own resamples and jackknife, handed to our formula."""
    sample = np.random.default_rng(5).exponential(size=30)
    theirs = stats.bootstrap((sample,), np.mean, method="bca", n_resamples=999, rng=0)
    distribution = theirs.bootstrap_distribution
    ours = bca_interval(sample.mean(), distribution, sample - sample.mean(), 0.95)
    assert_allclose(ours, theirs.confidence_interval, rtol=1e-9)


def test_intervals_are_those_of_rs_boot():
    """R's boot.ci of a mean, a million resamples, as scipy's test_bootstrap_against_R has it."""
    x = np.array([10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213])
    drawn = np.random.default_rng(0).choice(x, (16, 1_000_000)).mean(axis=0)
    found = {
        "basic": basic_interval(x.mean(), drawn, 0.95),
        "percentile": percentile_interval(drawn, 0.95),
        "bca": bca_interval(x.mean(), drawn, x - x.mean(), 0.95),
    }
    printed = {"basic": (23.77, 79.12), "percentile": (28.86, 84.21), "bca": (32.31, 91.43)}
    for method, ends in printed.items():
        assert_allclose(found[method], ends, rtol=0.005)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50, 1000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_an_expanded_level_turns_the_bootstraps_normal_into_students_t(n, level):
    """Hesterberg (2015), as R's ExpandProbs has it: z' sqrt((n - 1) / n) = t of n - 1."""
    wider = expanded_level(level, n)
    reach = stats.norm.ppf((1 + wider) / 2) * np.sqrt((n - 1) / n)
    assert level < wider < 1
    if wider < 1 - 1e-9:
        assert_allclose(reach, stats.t.ppf((1 + level) / 2, n - 1), rtol=1e-6)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_interval_of_a_mean_of_few_rows_is_students(method):
    """Of normal rows, whose skewness is taken away: the textbook's t interval."""
    half = np.random.default_rng(0).normal(size=5)
    sample = 20 + np.r_[half, -half]
    found = bootstrap_ci(
        "mae", sample, np.zeros(10), method=method, n_resamples=40_000, random_state=0
    )
    error = sample.std(ddof=1) / np.sqrt(10)
    expected = 20 + error * stats.t.ppf([0.025, 0.975], 9)
    assert_allclose([found.low, found.high], expected, atol=0.08 * np.ptp(expected) / 2)


def test_resamples_level_with_the_estimate_count_half():
    """As many below as above, no skewness: nothing to correct, however many are level."""
    distribution = np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], [10, 20, 40, 20, 10])
    found = bca_interval(0.0, distribution, [-1.0, 0.0, 1.0], 0.9)
    assert found == percentile_interval(distribution, 0.9)
    one_sided = bca_interval(0.0, np.repeat([0.0, 1.0], 50), [-1.0, 0.0, 1.0], 0.5)
    expected = stats.norm.cdf(2 * stats.norm.ppf(0.25) + stats.norm.ppf([0.25, 0.75]))
    assert_allclose(one_sided, np.quantile(np.repeat([0.0, 1.0], 50), expected))


def test_the_acceleration_of_a_mean_is_its_skewness():
    sample = np.random.default_rng(5).exponential(size=200)
    assert_allclose(acceleration(sample), stats.skew(sample) / (6 * np.sqrt(200)))
    assert acceleration([1.0, 1.0]) == 0


def test_the_studentized_interval_of_a_mean_is_the_bootstrap_t():
    sample = np.random.default_rng(5).exponential(size=40)
    counts = drawn_counts(0, 0, 500, 40)
    means = counts @ sample / 40
    errors = np.sqrt(np.maximum(counts @ sample**2 / 40 - means**2, 0) / 40)
    error = sample.std() / np.sqrt(40)
    expected = studentized_interval(sample.mean(), error, means, errors, 0.9)
    found = bootstrap_ci(
        "mae",
        sample,
        np.zeros(40),
        method="studentized",
        n_resamples=500,
        confidence_level=0.9,
        random_state=0,
    )
    assert_allclose([found.low, found.high], expected)


def test_a_p_value_counts_what_strays_as_far_and_one_more():
    distribution = np.arange(1.0, 10)
    found = intervals.ConfidenceInterval(5.0, 1.0, 9.0, 2.7, distribution, 0.95, "bca")
    assert found.p_value(null=1.0) == (1 + 2) / (1 + 9)
    assert found.p_value(null=100.0) == 1 / 10


def test_a_studentized_interval_turns_its_tails_round():
    """Of a hundred t the fifth from below, -4.6, gives the upper end, the 95th, 4.4, the lower."""
    scaled = np.arange(-50, 50) / 10
    errors = np.linspace(0.5, 2, 100)
    found = studentized_interval(7.0, 3.0, 7 + scaled * errors, errors, 0.9)
    assert_allclose(found, (7 - 3 * 4.4, 7 + 3 * 4.6))
    assert studentized_interval(7.0, 0.0, 7 + scaled, errors, 0.9) == (7, 7)


@pytest.mark.parametrize("method", ["bca", "percentile", "basic", "studentized"])
def test_resamples_do_not_depend_on_blocks(method, monkeypatch):
    whole = bootstrap_ci("roc_auc", Y, TIED, method=method, n_resamples=50, random_state=1)
    monkeypatch.setattr(intervals, "BLOCK", 100)
    parts = bootstrap_ci("roc_auc", Y, TIED, method=method, n_resamples=50, random_state=1)
    assert_array_equal(parts.distribution, whole.distribution)
    assert_allclose([parts.low, parts.high], [whole.low, whole.high])


@pytest.mark.parametrize("n_units", [3, 40, 9000, 20_000])
def test_a_resample_is_the_same_whoever_asks_for_it(n_units):
    """Few rows are drawn for many resamples at once, many for one at a time."""
    counts = drawn_counts(1, 0, 50, n_units)
    assert_array_equal(counts.sum(axis=1), n_units)
    assert len(np.unique(counts, axis=0)) > 5
    for first, stop in ((0, 1), (7, 31), (49, 50)):
        assert_array_equal(drawn_counts(1, first, stop, n_units), counts[first:stop])


def test_counts_are_those_of_rows_drawn_alike():
    """The counts of a multinomial: n (1 / n) on average, their variance 1 - 1 / n."""
    counts = drawn_counts(0, 0, 20_000, 5)
    assert_allclose(counts.mean(axis=0), 1, atol=4 * np.sqrt(0.8 / 20_000))
    assert_allclose(counts.var(axis=0), 0.8, rtol=0.05)


def test_any_callable_takes_the_slow_way_to_the_same_place():
    def own(y_true, y_pred):
        return float(np.mean(np.abs(y_true - y_pred)))

    fast = bootstrap_ci("mae", TARGET, VALUE, n_resamples=200, random_state=0)
    slow = bootstrap_ci(own, TARGET, VALUE, n_resamples=200, random_state=0)
    assert_allclose(slow.distribution, fast.distribution)
    assert_allclose([slow.low, slow.high], [fast.low, fast.high], rtol=1e-6)


def test_scikit_learns_functions_and_scorers_are_known_by_name():
    fast = bootstrap_ci("roc_auc", Y, PROBABILITY, n_resamples=100, random_state=0)
    function = bootstrap_ci(metrics.roc_auc_score, Y, PROBABILITY, n_resamples=100, random_state=0)
    assert_array_equal(function.distribution, fast.distribution)
    scorer = bootstrap_ci("average_precision", Y, PROBABILITY, n_resamples=50, random_state=0)
    assert_allclose(scorer.estimate, metrics.average_precision_score(Y, PROBABILITY))
    negative = bootstrap_ci("neg_log_loss", Y, PROBABILITY, n_resamples=50, random_state=0)
    positive = bootstrap_ci("log_loss", Y, PROBABILITY, n_resamples=50, random_state=0)
    assert_allclose(negative.distribution, -positive.distribution)
    multi = bootstrap_ci("roc_auc_ovr", Y3, P3, n_resamples=20, random_state=0)
    assert_allclose(multi.estimate, metrics.roc_auc_score(Y3, P3, multi_class="ovr"))


def test_a_paired_difference_is_drawn_on_the_same_rows():
    worse = VALUE + 0.3 * RNG.normal(size=N)
    options = {"n_resamples": 300, "random_state": 0}
    paired = bootstrap_ci("rmse", TARGET, VALUE, paired_with=worse, **options)
    first = bootstrap_ci("rmse", TARGET, VALUE, **options)
    second = bootstrap_ci("rmse", TARGET, worse, **options)
    assert_allclose(paired.distribution, first.distribution - second.distribution)
    assert_allclose(paired.estimate, first.estimate - second.estimate)
    apart = np.hypot(first.standard_error, second.standard_error)
    assert paired.standard_error < apart
    same = bootstrap_ci("rmse", TARGET, VALUE, paired_with=VALUE, **options)
    assert (same.low, same.high, same.p_value()) == (0, 0, 1)


def test_dependent_rows_want_a_wider_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    losses = rng.exponential(size=40)[groups]
    zeros = np.zeros(400)
    by_row = bootstrap_ci("mae", losses, zeros, random_state=0)
    by_group = bootstrap_ci("mae", losses, zeros, groups=groups, random_state=0)
    assert_allclose(by_group.standard_error / by_row.standard_error, np.sqrt(10), rtol=0.1)
    one_each = bootstrap_ci("mae", losses[::10], zeros[::10], random_state=0)
    assert_allclose(by_group.distribution, one_each.distribution)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_a_metric_undefined_on_some_resamples_is_counted(metric):
    """scikit-learn's average precision of no positive row is 0, and would pull the mean down."""
    y = np.array([0] * 6 + [1] + [0] * 5)
    score = np.arange(12.0)
    with pytest.warns(UserWarning, match=rf"'{metric}' is undefined on \d+ of 200 resamples"):
        found = bootstrap_ci(metric, y, score, n_resamples=200, random_state=0)
    assert 50 < found.n_undefined < 100  # (11 / 12)^12 = 0.352
    assert len(found.distribution) == 200 - found.n_undefined
    assert np.isfinite(found.distribution).all()


def test_intervals_stay_inside_the_metrics_range():
    right = np.r_[np.zeros(20), np.ones(20)].astype(int)
    said = right.copy()
    said[0] = 1
    for method in ("basic", "studentized", "bca", "percentile"):
        found = bootstrap_ci("accuracy", right, said, method=method, random_state=0)
        assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_intervals_of_scorers_stay_inside_their_range_too():
    """Three classes nearly apart: resamples are skewed to the left, their mirror image passes 1."""
    y = np.arange(45) % 3
    said = 0.1 * P3[:1].repeat(45, axis=0) + 0.9 * np.eye(3)[y]
    said[:3] = [[0.2, 0.5, 0.3], [0.6, 0.2, 0.2], [0.6, 0.2, 0.2]]
    options = {"method": "basic", "n_resamples": 100, "random_state": 0}
    known = bootstrap_ci("roc_auc_ovr", y, said, **options)
    unknown = bootstrap_ci(
        lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr"), y, said, **options
    )
    assert known.high == 1 < unknown.high
    assert known.low == unknown.low


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(0, 1000), st.sampled_from(["bca", "studentized", "basic"]))
@pytest.mark.filterwarnings("ignore:.*is a point, and says nothing")
def test_no_interval_is_ever_nan(n, seed, method):
    rng = np.random.default_rng(seed)
    y = np.round(rng.normal(size=n), rng.integers(0, 3))
    y[0] += 0.1
    predicted = np.round(y + rng.normal(size=n))
    predicted[0] = y[0] + 3
    found = bootstrap_ci("mae", y, predicted, method=method, n_resamples=60, random_state=seed)
    assert found.low <= found.high
    assert not np.isnan([found.low, found.high, found.standard_error]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("auc", Y, PROBABILITY), "metric must be one of absolute, accuracy"),
        (("roc-auc", Y, PROBABILITY), "Did you mean 'roc_auc'"),
        (("roc_auc", np.ones(N), PROBABILITY), "exactly 2 classes; got 1"),
        (("roc_auc", Y, PROBABILITY[:5]), "equally many rows; y_true has 40, y_pred has 5"),
        (
            ("roc_auc", Y, np.where(Y == 1, np.nan, 0.5)),
            r"y_pred must hold finite numbers; got nan",
        ),
        (("accuracy", Y, np.where(Y == 1, np.nan, 0)), "y_pred must not hold NaN; got 20 of them"),
        (("accuracy", Y, PROBABILITY), "y_pred must hold labels for this metric; got fractions"),
        (("log_loss", Y, 3 * PROBABILITY), r"probabilities in \[0, 1\]"),
        (("log_loss", Y3, PROBABILITY), r"shape \(n_rows, 3\), one column for each class"),
        (("log_loss", Y, P3), "one column for each of 2 classes; got 3"),
        (("r2", np.ones(N), VALUE), "metric must be defined on the data; 'r2' is not"),
        (("mae", [1.0], [1.0]), "at least 2 rows"),
        (("mae", np.full(N, np.nan), VALUE), "y_true must hold a target for every row"),
        (("accuracy", np.array(["a", None] * 20, object), Y), "for every row; got None or NaN"),
        (("f1", Y3, Y3), "'f1' is not: Target is multiclass but average='binary'"),
        ((3, Y, Y), "metric must be one of"),
    ],
)
def test_bad_predictions_get_an_error_that_says_so(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_ci(*arguments, n_resamples=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "bcaa"}, "Did you mean 'bca'"),
        ({"confidence_level": 1}, r"confidence_level must be a number in \(0, 1\)"),
        ({"n_resamples": 1}, "n_resamples must be an integer >= 2"),
        ({"sample_weight": np.zeros(N)}, "sample_weight must not be zero for every row"),
        ({"sample_weight": np.full(N, -1.0)}, "sample_weight must be >= 0"),
        ({"groups": np.zeros(N)}, "at least 2 groups; got \\[0.0\\]"),
        ({"groups": np.zeros(3)}, "one group for each of the 40 rows"),
        ({"paired_with": PROBABILITY[:3]}, "equally many rows"),
        ({"pos_label": 7}, r"pos_label must be one of \[0, 1\]; got 7"),
    ],
)
def test_bad_options_get_an_error_that_says_so(options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_ci("roc_auc", Y, PROBABILITY, **options)


@pytest.mark.parametrize("method", ["bca", "percentile", "basic", "studentized"])
def test_where_every_label_is_right_the_interval_is_a_point_and_says_so(method):
    with pytest.warns(UserWarning, match="'accuracy' is 1 on every resample: the interval is a"):
        found = bootstrap_ci("accuracy", Y, Y, method=method, n_resamples=20)
    assert (found.low, found.high, found.standard_error) == (1, 1, 0)


def test_a_median_has_a_studentized_interval_of_its_own_size():
    rng = np.random.default_rng(0)
    y = rng.exponential(size=80)

    def median(y_true, y_pred):
        return float(np.median(np.abs(y_true - y_pred)))

    given = (median, y, np.zeros(80))
    plain = bootstrap_ci(*given, n_resamples=200, random_state=0)
    student = bootstrap_ci(*given, method="studentized", n_resamples=200, random_state=0)
    assert student.low < student.estimate < student.high
    assert student.high - student.low < 3 * (plain.high - plain.low)


def test_scorers_made_by_make_scorer_are_asked_for_what_they_want():
    scorer = metrics.make_scorer(metrics.fbeta_score, beta=2)
    found = bootstrap_ci(scorer, Y, LABELS, n_resamples=20, random_state=0)
    assert_allclose(found.estimate, metrics.fbeta_score(Y, LABELS, beta=2))


def test_accuracy_of_several_labels_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, said = rng.integers(0, 2, (2, 50, 3))
    found = bootstrap_ci("accuracy", y, said, n_resamples=10, random_state=0)
    assert_allclose(found.estimate, metrics.accuracy_score(y, said))
    with pytest.raises(ValueError, match=r"y_true must be 1D for this metric; got shape"):
        bootstrap_ci("error", y, said)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_two_values_are_no_classes_to_a_scorer_of_values(scale):
    rng = np.random.default_rng(0)
    y, said = rng.integers(0, 2, 60), scale * rng.random(60)
    found = bootstrap_ci("neg_median_absolute_error", y, said, n_resamples=10, random_state=0)
    assert_allclose(found.estimate, -np.median(np.abs(y - said)))


@pytest.mark.parametrize("name", ["average_precision", "roc_auc_ovr"])
def test_scorers_by_rank_take_decision_values(name):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    said = rng.normal(y, 2.0)
    found = bootstrap_ci(name, y, said, n_resamples=10, random_state=0)
    function = metrics.average_precision_score if name[0] == "a" else metrics.roc_auc_score
    assert_allclose(found.estimate, function(y, said))


def test_several_outputs_take_the_slow_way():
    y = RNG.normal(size=(30, 2))
    predicted = y + RNG.normal(size=(30, 2))
    found = bootstrap_ci("r2", y, predicted, n_resamples=20, random_state=0)
    assert_allclose(found.estimate, metrics.r2_score(y, predicted))
    rooted = bootstrap_ci("rmse", y, predicted, n_resamples=20, random_state=0)
    assert_allclose(rooted.estimate, metrics.root_mean_squared_error(y, predicted))


def test_missing_groups_of_any_kind_are_refused():
    import pandas as pd

    for missing in (None, np.nan, pd.NA):
        groups = np.array([missing] + ["a"] * (N - 1), dtype=object)
        with pytest.raises(ValueError, match="groups must not hold missing values"):
            bootstrap_ci("mae", TARGET, VALUE, groups=groups)


def test_a_metric_mostly_undefined_is_an_error():
    y = np.array([1] + [0] * 2)

    def fails(y_true, y_pred):
        if (y_true == 1).sum() != 1 or len(np.unique(y_pred)) < 3:
            raise ValueError
        return 1.0

    with pytest.raises(ValueError, match=r"is undefined on \d+ of 100"):
        bootstrap_ci(fails, y, np.arange(3.0), n_resamples=100, random_state=0)


def test_classes_that_the_rows_miss_are_named_by_labels():
    y = np.array([0, 1] * 10)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    found = bootstrap_ci(
        "log_loss", y, probabilities, labels=[0, 1, 2], n_resamples=20, random_state=0
    )
    assert_allclose(found.estimate, metrics.log_loss(y, probabilities, labels=[0, 1, 2]))
    with pytest.raises(ValueError, match="labels must name every class of y_true"):
        bootstrap_ci("log_loss", y, probabilities, labels=[0, 2, 3], n_resamples=20)


def test_lists_frames_and_series_will_do():
    import pandas as pd

    frame = pd.DataFrame({"y": Y, "p": PROBABILITY}, index=np.arange(N)[::-1])
    found = bootstrap_ci("roc_auc", frame["y"], frame["p"], n_resamples=20, random_state=0)
    plain = bootstrap_ci(
        "roc_auc", Y.tolist(), PROBABILITY.tolist(), n_resamples=20, random_state=0
    )
    assert_array_equal(found.distribution, plain.distribution)
    words = np.where(Y == 1, "yes", "no")
    said = np.where(LABELS == 1, "yes", "no")
    named = bootstrap_ci("f1", words, said, n_resamples=20, random_state=0)
    assert_allclose(named.estimate, metrics.f1_score(words, said, pos_label="yes"))


@pytest.mark.parametrize(
    ("metric", "y_pred"),
    [("roc_auc", PROBABILITY), ("log_loss", PROBABILITY), ("accuracy", LABELS), ("rmse", LABELS)],
)
def test_one_column_will_do_for_a_vector(metric, y_pred):
    """As networks answer, (n_rows, 1)."""
    options = {"n_resamples": 20, "random_state": 0}
    plain = bootstrap_ci(metric, Y, y_pred, paired_with=1 - y_pred, **options)
    tall = bootstrap_ci(metric, Y, y_pred[:, None], paired_with=1 - y_pred[:, None], **options)
    assert_array_equal(tall.distribution, plain.distribution)


@pytest.mark.parametrize("labels", [None, ["no", "yes"], ["yes", "no"]])
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier"])
def test_the_positive_class_has_its_own_column(metric, labels):
    """Of both columns its own, wherever it stands; a single column is the positive class'."""
    y, p = np.where(Y == 1, "yes", "no"), PROBABILITY
    options = {"n_resamples": 5, "random_state": 0, "labels": labels}
    columns = {"no": 1 - p, "yes": p}
    both = np.column_stack([columns[label] for label in labels or ("no", "yes")])
    score = {
        "roc_auc": metrics.roc_auc_score(Y, p),  # the same for either class
        "log_loss": metrics.log_loss(Y, p),
        "brier": metrics.brier_score_loss(Y, p),
    }[metric]
    for positive in ("no", "yes"):
        for asked in (both, columns[positive]):
            found = bootstrap_ci(metric, y, asked, pos_label=positive, **options)
            assert_allclose(found.estimate, score)


def test_a_positive_class_that_a_scorer_would_not_heed_is_refused():
    with pytest.raises(ValueError, match="pos_label must be None with a scorer or a callable"):
        bootstrap_ci("jaccard", Y, LABELS, pos_label=0)


@pytest.mark.parametrize(
    ("metric", "y", "said", "options"),
    [
        ("r2", np.ones(N), VALUE, {}),
        ("precision", Y, np.zeros(N, dtype=int), {}),
        ("roc_auc", Y, PROBABILITY, {"sample_weight": 1.0 - Y}),
        ("average_precision", Y, PROBABILITY, {"sample_weight": 1.0 - Y}),
    ],
)
def test_a_metric_undefined_on_the_data_says_why(metric, y, said, options):
    with pytest.raises(ValueError, match=f"'{metric}' is not: the rows that count leave it to div"):
        bootstrap_ci(metric, y, said, n_resamples=10, **options)


def test_an_array_in_the_metrics_place_is_not_printed_whole():
    with pytest.raises(ValueError, match="metric must be one of") as told:
        bootstrap_ci(np.arange(1000), Y, PROBABILITY)
    assert len(str(told.value)) < 600


def test_the_result_reads_well():
    found = bootstrap_ci("roc_auc", Y, PROBABILITY, random_state=0)
    assert str(found).endswith("(95 %, bca)")
    few = bootstrap_ci("roc_auc", Y, PROBABILITY, n_resamples=3, random_state=0)
    assert_allclose(few.standard_error, np.std(few.distribution, ddof=1))
    assert "distribution" not in repr(found)


@pytest.mark.parametrize(
    ("metric", "y_pred", "options", "message"),
    [
        (
            "accuracy",
            np.arange(40) % 2,
            {},
            r"the kind that y_true holds; got \[0\] where y_true has \['no'\]",
        ),
        (lambda y, f: y == f, np.repeat("no", 40), {}, "must return one number for all rows"),
        (lambda y, f: None, np.repeat("no", 40), {}, "one number for all rows; .* returned None"),
    ],
)
def test_what_can_never_agree_is_refused(metric, y_pred, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        bootstrap_ci(metric, np.array(["no", "yes"] * 20), y_pred, n_resamples=10, **options)


@pytest.mark.parametrize(
    ("metric", "y_pred", "options", "message"),
    [
        ("log_loss", np.full(40, 0.4), {"labels": [0, 0, 1]}, "labels must be distinct"),
        ("rmse", None, {}, "a prediction for every row"),
        ("rmse", np.ones(40) * 1j, {}, "y_pred must hold real numbers"),
        ("accuracy", np.r_[np.nan, np.ones(39)], {}, "y_pred must not hold NaN"),
    ],
)
def test_predictions_that_are_none_are_refused(metric, y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_ci(metric, np.arange(40) % 2, y_pred, n_resamples=10, **options)


def test_probabilities_that_do_not_sum_to_one_are_told_of():
    probabilities = np.tile([0.5, 0.6, 0.4], (40, 1))
    with pytest.warns(UserWarning, match="do not sum to one in 40 rows .to 1.5 in row 0"):
        bootstrap_ci("log_loss", np.arange(40) % 3, probabilities, n_resamples=10)


def test_a_loss_that_varies_by_rounding_alone_is_a_point():
    with pytest.warns(UserWarning, match=r"'log_loss' is 0\.693147 on every resample"):
        found = bootstrap_ci("log_loss", np.arange(40) % 2, np.full(40, 0.5), n_resamples=99)
    assert found.standard_error == 0


def test_a_loss_of_one_class_asks_for_the_others():
    probability = np.full(20, 0.8)
    with pytest.raises(ValueError, match=r"at least 2 classes; got \[1\] alone. Name all"):
        bootstrap_ci("log_loss", np.ones(20, dtype=int), probability)
    with pytest.warns(UserWarning, match="the interval is a point"):
        found = bootstrap_ci("log_loss", np.ones(20, dtype=int), probability, labels=[0, 1])
    assert_allclose(found.estimate, -np.log(0.8))
