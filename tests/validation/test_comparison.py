"""The tests of models beside published numbers, slow definitions and scipy."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.datasets import load_iris, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold, RepeatedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from ensembles import cross_validate
from ensembles.validation import (
    compare_models,
    corrected_resampled_t_test,
    delong_test,
    five_by_two_f_test,
    friedman_test,
    mcnemar_test,
)
from ensembles.validation.ranking import critical_difference, holm

DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
"""Demsar (2006), table 6: areas under the ROC curve of four variants of C4.5 on 14 data sets.

The printed 0.975 and 0.975 of the last but one row are no tie: the paper ranks them 2 and 3.
"""
C45 = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


# The corrected t-test


def test_the_corrected_t_test_is_the_formula_of_nadeau_and_bengio():
    differences = np.array([0.03, -0.01, 0.02, 0.04, 0.01, 0.00])
    found = corrected_resampled_t_test(differences, n_train=90, n_test=10)
    error = np.sqrt((1 / 6 + 10 / 90) * differences.var(ddof=1))
    assert_allclose(found.statistic, differences.mean() / error)
    assert_allclose(found.p_value, 2 * stats.t.sf(found.statistic, 5))
    assert_allclose([found.low, found.high], stats.t.interval(0.95, 5, differences.mean(), error))
    assert found.degrees_of_freedom == 5


def test_without_test_rows_to_share_the_corrected_test_is_the_usual_one():
    differences = np.random.default_rng(0).normal(0.3, 1, 20)
    found = corrected_resampled_t_test(differences, n_train=1e12, n_test=1)
    assert_allclose(found[:2], stats.ttest_1samp(differences, 0), rtol=1e-9)


def test_models_that_never_differ_are_not_told_apart_and_never_nan():
    assert corrected_resampled_t_test([0.0, 0.0, 0.0], 9, 1)[:2] == (0.0, 1.0)
    assert corrected_resampled_t_test([0.1, 0.1, 0.1], 9, 1)[:2] == (np.inf, 0.0)
    assert corrected_resampled_t_test([-0.1] * 3, 9, 1).statistic == -np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.1], 9, 1), "at least 2 folds; got 1"),
        (([0.1, np.nan], 9, 1), r"finite numbers; got nan at \[1\]"),
        (([0.1, 0.2], 0, 1), "n_train must be a number"),
        (([0.1, 0.2], 9, [1, 2, 3]), "n_test must be a number > 0, or one for each of 2 folds"),
        ((["a", "b"], 9, 1), "differences must hold numbers"),
        (([], 9, 1), "not be empty"),
    ],
)
def test_bad_differences_get_an_error_that_says_so(arguments, message):
    with pytest.raises(ValueError, match=message):
        corrected_resampled_t_test(*arguments)


# The 5x2cv F-test


def test_the_f_test_is_alpaydins_formula():
    table = np.random.default_rng(1).normal(0.1, 0.1, (5, 2))
    spread = sum((a - (a + b) / 2) ** 2 + (b - (a + b) / 2) ** 2 for a, b in table)
    found = five_by_two_f_test(table)
    assert_allclose(found.statistic, np.sum(table**2) / (2 * spread))
    assert_allclose(found.p_value, stats.f.sf(found.statistic, 10, 5))
    assert five_by_two_f_test(table.ravel()) == found
    assert found.low is None


def test_the_f_test_wants_five_times_two():
    with pytest.raises(ValueError, match=r"shape \(5, 2\) or \(10,\); got shape \(9,\)"):
        five_by_two_f_test(np.zeros(9))


# McNemar


def labelled(only_a, only_b, both, neither):
    """Rows that only a gets right, only b, both, and neither."""
    truth = np.ones(only_a + only_b + both + neither, dtype=int)
    a = np.repeat([1, 0, 1, 0], [only_a, only_b, both, neither])
    b = np.repeat([0, 1, 1, 0], [only_a, only_b, both, neither])
    return truth, a, b


def test_mcnemar_counts_the_discordant_rows():
    rows = labelled(5, 15, 100, 7)
    found = mcnemar_test(*rows)
    assert_allclose(found.p_value, stats.binomtest(5, 20).pvalue)
    assert_allclose(found.statistic, (10 - 1) ** 2 / 20)
    assert_allclose(found.difference, -10 / 127)
    assert found.low < found.difference < found.high < 0
    at_most_4, just_5 = stats.binom.cdf(4, 20, 0.5), stats.binom.pmf(5, 20, 0.5)
    assert_allclose(mcnemar_test(*rows, method="mid-p").p_value, 2 * (at_most_4 + just_5 / 2))
    chi2 = mcnemar_test(*rows, method="chi2")
    assert_allclose(chi2.p_value, stats.chi2.sf(81 / 20, 1))


def test_mcnemar_of_equal_predictions_says_nothing():
    found = mcnemar_test(*labelled(0, 0, 10, 3))
    assert (found.statistic, found.p_value, found.difference) == (0, 1, 0)
    assert mcnemar_test(*labelled(4, 4, 1, 1), method="mid-p").p_value == 1


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ([1.0, np.nan, 0.0], "prediction_a must hold a label for every row; got None or NaN"),
        (
            ["1", "0", "1"],
            r"prediction_a must hold labels of the kind that y_true holds; got \['1'",
        ),
        ([0.9, 0.2, 1.0], "prediction_a must hold labels; got fractions such as 0.9, which no row"),
        (np.eye(3), r"must be 1D labels and not be empty; got shapes \(3,\), \(3, 3\)"),
    ],
)
def test_mcnemar_never_counts_what_is_no_label_as_wrong(prediction, message):
    with pytest.raises(ValueError, match=message):
        mcnemar_test([1, 0, 1], prediction, [1, 1, 1])


# DeLong


def delong_by_definition(y, a, b):
    """DeLong et al. (1988) as printed: every pair of a positive and a negative row."""
    placements = []
    for score in (a, b):
        x, z = score[y == 1][:, None], score[y == 0]
        psi = (x > z) + 0.5 * (x == z)
        placements.append((psi.mean(axis=1), psi.mean(axis=0)))
    positives = np.cov([v10 for v10, _ in placements])
    negatives = np.cov([v01 for _, v01 in placements])
    s = positives / np.sum(y == 1) + negatives / np.sum(y == 0)
    difference = placements[0][0].mean() - placements[1][0].mean()
    return difference, s[0, 0] + s[1, 1] - 2 * s[0, 1]


@pytest.mark.parametrize("decimals", [1, 8])
def test_the_fast_delong_test_is_the_slow_one_ties_included(decimals):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 60)
    a, b = np.round(rng.normal(y[None] * [[1.0], [0.3]], 1.0), decimals)
    difference, variance = delong_by_definition(y, a, b)
    found = delong_test(y, a, b)
    assert_allclose(found.difference, difference)
    assert_allclose(found.difference, roc_auc_score(y, a) - roc_auc_score(y, b))
    assert_allclose(found.statistic, difference / np.sqrt(variance))
    assert_allclose(found.p_value, 2 * stats.norm.sf(abs(found.statistic)))


def test_delong_of_equal_scores_says_nothing():
    y = np.arange(20) % 2
    score = np.random.default_rng(0).normal(size=20)
    assert delong_test(y, score, score)[:3] == (0, 1, 0)
    assert delong_test(y, score, 3 * score + 1)[:2] == (0, 1)


def test_delong_takes_any_two_labels():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(40) < 0.5, "sick", "healthy")
    a, b = rng.normal(size=(2, 40))
    one, other = delong_test(y, a, b), delong_test(y, a, b, pos_label="healthy")
    assert_allclose(one.difference, -other.difference)
    assert_allclose(one.p_value, other.p_value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1] * 6, r"exactly 2 classes; got 1: \[1\]"),
        ([0, 1, 2, 0, 1, 2], "exactly 2 classes; got 3"),
        ([0, 0, 0, 0, 0, 1], "at least 2 rows of either class"),
    ],
)
def test_delong_needs_two_classes(y, message):
    with pytest.raises(ValueError, match=message):
        delong_test(y, np.arange(6.0), np.arange(6.0))


# Friedman, Nemenyi, Holm


def test_friedman_finds_what_demsar_printed():
    ranking = friedman_test(DEMSAR, names=C45)
    assert_allclose(ranking.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert_allclose(ranking.statistic, 9.28, atol=0.005)
    assert_allclose(ranking.f_statistic, 3.69, atol=0.005)
    assert_allclose(ranking.critical_difference, 1.25, atol=0.005)
    assert ranking.different() == []
    at_ten_percent = friedman_test(DEMSAR, names=C45, alpha=0.1)
    assert_allclose(at_ten_percent.critical_difference, 1.12, atol=0.005)
    assert at_ten_percent.different() == [("C4.5+m+cf", "C4.5"), ("C4.5+m", "C4.5")]


def test_holm_against_a_control_is_demsars_example():
    ranking = friedman_test(DEMSAR, names=C45, post_hoc="holm", control="C4.5")
    z = np.abs(ranking.mean_ranks - ranking.mean_ranks[0])[1:] / np.sqrt(4 * 5 / (6 * 14))
    assert_allclose(z, [2.342, 0.512, 2.416], atol=2e-3)
    assert {worse for _, worse in ranking.different()} == {"C4.5"}
    assert {better for better, _ in ranking.different()} == {"C4.5+m", "C4.5+m+cf"}


@pytest.mark.parametrize(
    ("n_models", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (9, 3.102), (10, 3.164)]
)
def test_critical_values_are_those_of_demsars_table_5(n_models, q):
    difference = critical_difference(n_models, 30)
    assert_allclose(difference / np.sqrt(n_models * (n_models + 1) / 180), q, atol=1e-3)


def test_friedman_is_scipys_where_there_are_no_ties():
    scores = np.random.default_rng(0).random((12, 5))
    expected = stats.friedmanchisquare(*scores.T)
    ranking = friedman_test(scores)
    assert_allclose([ranking.statistic, ranking.p_value], expected)
    worse = friedman_test(-scores, greater_is_better=False)
    assert_allclose(worse.mean_ranks, ranking.mean_ranks)


def test_a_model_always_best_leaves_no_doubt_and_no_division_by_zero():
    scores = np.arange(3) + np.arange(10)[:, None] * 0.1
    ranking = friedman_test(scores, names=["c", "b", "a"])
    assert ranking.order == ("a", "b", "c")
    assert ranking.f_statistic == np.inf
    assert ranking.f_p_value == 0


def test_cliques_join_neighbours_that_do_not_differ():
    scores = np.tile([0.9, 0.5, 0.1], (20, 1)) + np.random.default_rng(0).normal(0, 0.2, (20, 3))
    ranking = friedman_test({"good": scores[:, 0], "middling": scores[:, 1], "bad": scores[:, 2]})
    assert ranking.cliques() == []
    blurred = friedman_test(np.random.default_rng(0).random((5, 3)), names=["x", "y", "z"])
    assert [set(clique) for clique in blurred.cliques()] == [{"x", "y", "z"}]
    assert "mean rank" in str(blurred)


def test_holm_is_monotone_and_at_most_one():
    assert_allclose(holm([0.5, 0.01, 0.6]), [1.0, 0.03, 1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": np.ones((1, 3))}, "at least 2 models on at least 2 data sets; got 3 on 1"),
        ({"scores": np.full((3, 2), np.nan)}, "scores must hold finite numbers"),
        ({"scores": {"a": [1, 2], "b": [1]}}, "equally many for every model"),
        ({"scores": DEMSAR, "names": ["a"]}, "one distinct name for each of 4 models"),
        ({"scores": DEMSAR, "post_hoc": "tukey"}, "post_hoc must be one of 'nemenyi', 'holm'"),
        ({"scores": DEMSAR, "names": C45, "control": "C4.5"}, "needs post_hoc='holm'"),
    ],
)
def test_bad_tables_of_scores_get_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        friedman_test(**arguments)


# compare_models


class Result(dict):
    """A stand-in for a cross-validation's result."""

    def __init__(self, scores, folds, oof=None):
        super().__init__(test_score=scores)
        self.folds_, self.oof_prediction_ = folds, oof


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    X, y = np.zeros((100, 1)), rng.integers(0, 2, 100)
    folds = list(KFold(5).split(X))
    oof = [np.clip(strength * y + rng.random(100) * 0.6, 0, 1) for strength in (0.4, 0.1)]
    return SimpleNamespace(
        y=y, a=Result(rng.random(5), folds, oof[0]), b=Result(rng.random(5), folds, oof[1])
    )


def test_the_default_is_the_corrected_t_test_with_the_folds_own_sizes(results):
    found = compare_models(results.a, results.b)
    differences = results.a["test_score"] - results.b["test_score"]
    expected = corrected_resampled_t_test(differences, 80, 20)
    assert found.test == "corrected_t"
    assert (found.statistic, found.p_value, found.low) == (expected[0], expected[1], expected.low)
    bare = compare_models(results.a["test_score"], results.b["test_score"], n_train=80, n_test=20)
    assert bare == found


def test_scores_of_other_folds_are_not_compared(results):
    other = Result(results.b["test_score"], list(KFold(5, shuffle=True).split(np.zeros(100))))
    with pytest.raises(ValueError, match="of the same folds"):
        compare_models(results.a, other)


def test_scores_of_another_kind_or_number_are_not_subtracted(results):
    results.a.scorer_name_, results.b.scorer_name_ = "accuracy", "roc_auc"
    with pytest.raises(ValueError, match="scored alike; a has 'accuracy', b has 'roc_auc'"):
        compare_models(results.a, results.b)
    results.b.scorer_name_ = "score"  # the estimator's own, which has no name
    assert compare_models(results.a, results.b).n_compared == 5
    with pytest.raises(ValueError, match="scores of the same folds; got 5 and 2 of them"):
        compare_models(results.a, [0.1, 0.2])


def test_cross_validations_go_in_as_they_are():
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    from ensembles.validation import cross_validate

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 2)), np.arange(90) % 2
    one, other, elsewhere, fewer = (
        cross_validate(model, X, y, cv=cv, random_state=seed)
        for model, cv, seed in (
            (LogisticRegression(), 5, 0),
            (GaussianNB(), 5, 0),
            (GaussianNB(), 5, 1),
            (GaussianNB(), 4, 0),
        )
    )
    assert compare_models(one, other).n_compared == 5
    assert compare_models(one, other, test="mcnemar", y_true=y).n_compared == 90
    for differing in (elsewhere, fewer):
        with pytest.raises(ValueError, match="of the same folds; their rows differ"):
            compare_models(one, differing)


def test_five_by_two_needs_folds_that_swap(results):
    folds = list(RepeatedKFold(n_splits=2, n_repeats=5, random_state=0).split(np.zeros(20)))
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 10))
    found = compare_models(Result(a, folds), Result(b, folds), test="5x2cv_f")
    assert found.statistic == five_by_two_f_test(a - b).statistic
    assert found.low is None
    assert "interval" not in str(found)
    with pytest.raises(ValueError, match="five repeats of two folds that swap"):
        compare_models(results.a, results.b, test="5x2cv_f")


def test_out_of_fold_predictions_are_compared_on_rows_that_both_have(results):
    y, a, b = results.y, results.a, results.b
    a.oof_prediction_ = a.oof_prediction_.copy()
    a.oof_prediction_[:7] = np.nan
    found = compare_models(a, b, test="delong", y_true=y)
    expected = delong_test(y[7:], a.oof_prediction_[7:], b.oof_prediction_[7:])
    assert (found.statistic, found.p_value) == expected[:2]
    assert (found.n_compared, found.n_excluded) == (93, 7)
    labels = compare_models(a, b, test="mcnemar", y_true=y)
    said = [(model.oof_prediction_[7:] > 0.5).astype(int) for model in (a, b)]
    assert labels.p_value == mcnemar_test(y[7:], *said).p_value


def test_probabilities_of_all_classes_are_understood(results):
    y = results.y
    a, b = (np.column_stack([1 - p, p]) for p in (results.a.oof_prediction_,) * 2)
    assert compare_models(a, b, test="delong", y_true=y).p_value == 1
    assert compare_models(a, b, test="mcnemar", y_true=y).p_value == 1


def test_labels_are_those_that_the_models_were_trained_on():
    X, y = make_classification(90, 4, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
    words = np.array(["a", "b", "c"])[y]
    models = GaussianNB(), DecisionTreeClassifier(random_state=0)
    one, other = (cross_validate(model, X, words) for model in models)
    for test in ("mcnemar", "bootstrap"):
        given = {"metric": "accuracy"} if test == "bootstrap" else {}
        with pytest.raises(ValueError, match=r"y_true must hold the labels .* got \[0, 1, 2\]"):
            compare_models(one, other, test=test, y_true=y, **given)
    one.oof_count_[words == "c"] = 0
    one._answers[words == "c"] = np.nan
    found = compare_models(one, other, test="bootstrap", metric="log_loss", y_true=words)
    assert found.n_excluded == np.sum(words == "c")
    losses = [
        log_loss(words[words != "c"], model.oof_prediction_[words != "c"], labels=["a", "b", "c"])
        for model in (one, other)
    ]
    assert_allclose(found.difference, losses[0] - losses[1])


def test_the_paired_bootstrap_of_any_metric(results):
    found = compare_models(
        results.a, results.b, test="bootstrap", y_true=results.y, metric="roc_auc", random_state=0
    )
    delong = compare_models(results.a, results.b, test="delong", y_true=results.y)
    assert_allclose(found.difference, delong.difference)
    assert_allclose([found.low, found.high], [delong.low, delong.high], atol=0.03)
    assert found.p_value < 0.01


def test_groups_follow_the_rows_that_are_left(results):
    a = results.a
    a.oof_prediction_ = np.where(np.arange(100) < 7, np.nan, a.oof_prediction_)
    given = {"y_true": results.y, "metric": "log_loss", "n_resamples": 50, "random_state": 0}
    groups = np.arange(100) // 3
    found = compare_models(a, results.b, test="bootstrap", groups=groups, **given)
    assert (found.n_compared, found.n_excluded) == (93, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": "t-test"}, "test must be one of 'corrected_t'"),
        ({}, "n_train and n_test must be given with bare scores"),
        ({"test": "delong"}, "y_true must be given"),
        ({"test": "bootstrap", "y_true": [0, 1, 0]}, "metric must be given"),
        ({"test": "friedman"}, "b must be None with test='friedman'"),
        ({"test": "mcnemar", "y_true": [0, 1]}, "equally many rows"),
        ({"confidence_level": 95}, r"confidence_level must be a number in \(0, 1\); got 95"),
    ],
)
def test_what_a_test_needs_is_asked_for(options, message):
    with pytest.raises(ValueError, match=message):
        compare_models([0.1, 0.2, 0.3], [0.1, 0.3, 0.1], **options)


def test_nan_predictions_given_as_arrays_are_refused():
    with pytest.raises(ValueError, match="must not hold NaN; got some in 1 of 3 rows"):
        compare_models([0.1, np.nan, 0.2], [0.1, 0.2, 0.3], test="delong", y_true=[0, 1, 0])


def test_many_models_go_to_friedman():
    assert compare_models(DEMSAR, names=C45).order[0] == "C4.5+m+cf"


@pytest.fixture(scope="module")
def board():
    X, y = load_iris(return_X_y=True)
    models = {"bayes": GaussianNB(), "chance": DummyClassifier()}
    return cross_validate(models, X, y, random_state=0)


def test_a_cross_validation_alone_is_no_table_of_scores(board):
    """It is a dict: its times and scores were once ranked as if they were models."""
    with pytest.raises(ValueError, match="b must be given where a is a CrossValidation"):
        compare_models(board["bayes"])


@pytest.mark.parametrize(
    "given",
    [
        lambda board: board,
        lambda board: dict(board),
        lambda board: list(board.values()),
        lambda board: GaussianNB(),
        lambda board: {"bayes": GaussianNB()},
        lambda board: "bayes",
    ],
)
def test_models_of_one_data_set_are_no_table_of_many(board, given):
    with pytest.raises(ValueError, match=r"on each of many data sets.*compare_models\(a, b\)"):
        compare_models(given(board))


@pytest.mark.parametrize(
    ("given", "way"),
    [
        (lambda board: board, r"got a Leaderboard: take its models, such as board\['bayes'\]"),
        (lambda board: GaussianNB(), "got a GaussianNB: cross_validate it first"),
        (lambda board: {"test_score": [0.9]}, r"got a dict: take its scores"),
        (lambda board: "bayes", "got a str: give the scores"),
    ],
)
@pytest.mark.parametrize("test", ["corrected_t", "mcnemar"])
def test_what_is_no_model_is_told_how_to_become_one(board, given, way, test):
    y = load_iris().target
    with pytest.raises(ValueError, match=f"b must be a CrossValidation or an array; {way}"):
        compare_models(board["bayes"], given(board), test=test, y_true=y)


@pytest.mark.parametrize("test", ["corrected_t", "5x2cv_f"])
def test_a_difference_that_never_varies_is_told_of(test):
    a, b = np.full(10, 0.75), np.full(10, 0.5)
    with pytest.warns(UserWarning, match=r"differ by 0\.25 wherever they are compared"):
        found = compare_models(a, b, test=test, n_train=80, n_test=20)
    assert found.p_value == 0.0
    assert compare_models(a, a, test=test, n_train=80, n_test=20).p_value == 1.0


@pytest.mark.parametrize("test", ["corrected_t", "5x2cv_f"])
def test_a_difference_that_varies_by_rounding_alone_never_varies(test):
    scores = np.tile([0.3, 7.9], 5)
    assert np.ptp(scores + 0.1 - scores) > 0
    with pytest.warns(UserWarning, match=r"differ by 0\.1 wherever they are compared"):
        found = compare_models(scores + 0.1, scores, test=test, n_train=90, n_test=10)
    assert (found.statistic, found.p_value) == (np.inf, 0.0)


@pytest.mark.parametrize("test", ["mcnemar", "delong", "bootstrap"])
def test_one_column_of_predictions_will_do_for_a_vector(test):
    """Its argmax is the first class in every row: p was 1 whatever the predictions."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    a, b = (np.where(rng.random(100) < share, y, 1 - y).astype(float) for share in (0.9, 0.6))
    options = {"test": test, "metric": "accuracy", "n_resamples": 50, "random_state": 0}
    plain = compare_models(a, b, y_true=y, **options)
    tall = compare_models(a[:, None], b[:, None], y_true=y[:, None], **options)
    assert plain.difference > 0.2
    assert tall == plain


def test_areas_of_either_class_are_by_its_own_column():
    y = np.random.default_rng(0).integers(0, 2, 60)
    a, b = (np.random.default_rng(seed).random(60) for seed in (1, 2))
    tables = [np.column_stack([1 - p, p]) for p in (a, b)]
    last = compare_models(*tables, test="delong", y_true=y)
    first = compare_models(*tables, test="delong", y_true=y, pos_label=0)
    assert abs(last.difference) > 0.01
    assert_allclose([first.difference, first.p_value], [last.difference, last.p_value])


def test_labels_that_no_row_has_are_wrong_and_not_refused():
    """As where all rows are of one class, and a model says the other."""
    found = compare_models([1, 1, 0, 1], [1, 0, 0, 0], test="mcnemar", y_true=[1, 1, 1, 1])
    assert_allclose(found.difference, 0.5)


def test_columns_that_are_no_classes_are_refused():
    y = np.arange(20) % 2
    with pytest.raises(ValueError, match=r"one column for each of 2 classes; got shape \(20, 3\)"):
        compare_models(np.eye(3)[y], np.eye(3)[y], test="mcnemar", y_true=y)


def test_areas_without_a_variance_are_told_of():
    """One model ranks perfectly, the other not at all: DeLong's variances are zero."""
    y = np.arange(20) % 2
    with pytest.warns(UserWarning, match=r"differ by 0\.5 wherever they are compared"):
        found = compare_models(y, np.ones(20), test="delong", y_true=y)
    assert (found.difference, found.p_value) == (0.5, 0.0)


def test_a_constant_difference_has_a_point_for_an_interval_and_says_so():
    y, wrong = np.zeros(40), np.full(40, 0.1)
    options = {"y_true": y, "test": "bootstrap", "metric": "mae", "n_resamples": 50}
    with pytest.warns(UserWarning, match="the difference of 'mae' is -0.2 on every resample"):
        found = compare_models(wrong, wrong + 0.2, random_state=0, **options)
    assert found.low == pytest.approx(found.high)
    assert compare_models(wrong, wrong, random_state=0, **options).p_value == 1.0


def test_models_may_be_named_by_numbers():
    ranking = friedman_test(np.arange(12.0).reshape(3, 4), names=[10, 20, 30, 40])
    assert ranking.names == ("10", "20", "30", "40")
    assert "  40  mean rank 1.000" in str(ranking)


# Published elsewhere


def test_mcnemar_of_mlxtends_table():
    """The 2x2 table [[101, 121], [59, 33]] of mlxtend's test_mcnemar_test.py."""
    truth = np.ones(314, int)
    a = np.repeat([1, 0], [222, 92])
    b = np.repeat([1, 0, 1, 0], [101, 121, 59, 33])
    exact = mcnemar_test(truth, a, b)
    assert exact.p_value == pytest.approx(4.4344492637555101e-06, rel=1e-12)
    corrected = mcnemar_test(truth, a, b, method="chi2")
    assert corrected.statistic == pytest.approx(20.672222222222221, rel=1e-12)
    assert corrected.p_value == pytest.approx(5.4500948254271171e-06, rel=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("rival", "statistic", "p_value"),
    [
        (DecisionTreeClassifier(random_state=1), 1.14, 0.47),
        (DecisionTreeClassifier(max_depth=1, random_state=1), 59.587, 0.0),
    ],
)
def test_five_by_two_of_mlxtends_iris(rival, statistic, p_value):
    """The figures of mlxtend's test_combined_ftest_5x2cv.py, its halves drawn as it draws them.

    Its iris is that of the UCI repository, with two rows mistyped.
    """
    X, y = load_iris(return_X_y=True)
    X[[34, 37]] = [4.9, 3.1, 1.5, 0.1]
    rng = np.random.RandomState(1)
    halves = [
        train_test_split(np.arange(150), test_size=0.5, random_state=rng.randint(0, 32767))
        for _ in range(5)
    ]
    cv = [fold for one, other in halves for fold in ((one, other), (other, one))]
    a, b = (cross_validate(model, X, y, cv=cv) for model in (LogisticRegression(), rival))
    found = compare_models(a, b, test="5x2cv_f")
    assert round(found.statistic, 3) == statistic
    assert round(found.p_value, 3) == p_value


def test_nemenyi_of_pmcmrs_example():
    """Sachs (1997, p. 675), six treatments of six persons, as R's PMCMR and its vignette print it.

    Pohlert (2014). The pairwise multiple comparison of mean ranks package, section 4.
    """
    columns = [
        [3.88, 5.64, 5.76, 4.25, 5.91, 4.33],
        [30.58, 30.14, 16.92, 23.19, 26.74, 10.91],
        [25.24, 33.52, 25.45, 18.85, 20.45, 26.67],
        [4.44, 7.94, 4.04, 4.4, 4.23, 4.36],
        [29.41, 30.72, 32.92, 28.23, 23.35, 12.0],
        [38.87, 33.12, 39.15, 28.06, 38.23, 26.65],
    ]
    ranking = compare_models(dict(zip("ABCDEF", columns, strict=True)))
    assert round(ranking.statistic, 3) == 23.333
    assert round(ranking.p_value, 7) == 0.0002915
    printed = {
        "BA": 0.1880, "CA": 0.0917, "DA": 0.9996, "EA": 0.0395, "FA": 0.0016,
        "CB": 0.9996, "DB": 0.3388, "EB": 0.9898, "FB": 0.6363,
        "DC": 0.1880, "EC": 0.9996, "FC": 0.8200,
        "ED": 0.0917, "FD": 0.0052, "FE": 0.9400,
    }  # fmt: skip
    for (one, other), p_value in printed.items():
        found = ranking.p_values["ABCDEF".index(one), "ABCDEF".index(other)]
        assert found == pytest.approx(p_value, abs=5.1e-5)


def test_a_score_that_is_not_there_is_told_which_are():
    X, y = make_classification(60, random_state=0)
    found = cross_validate(GaussianNB(), X, y, scoring=["accuracy", "f1"])
    with pytest.raises(
        ValueError, match=r"one of \['test_accuracy', 'test_f1'\]; got 'test_score'"
    ):
        compare_models(found, found)


def test_predictions_without_a_test_are_told_which_go_by_predictions():
    with pytest.raises(ValueError, match="predictions need test='bootstrap'"):
        compare_models([0.2, 0.7, 0.6], [0.1, 0.9, 0.4], y_true=[0, 1, 1])
