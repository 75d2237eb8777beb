"""Scores of answers that are given: the same numbers as the metrics themselves give."""

import contextlib
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import metrics
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import make_scorer
from sklearn.utils.validation import check_is_fitted

from ensembles.scoring import SHORT_FOR, Answers, check_scoring, score_answers, score_range

LABELS = np.array(["no", "yes"])
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5], [0.8, 0.2]])
TRUTH = np.array(["no", "no", "yes", "yes", "no"])
SAID = np.array(["no", "yes", "yes", "no", "no"])
VALUES = np.array([1.0, 2.0, 4.0, 7.0])
TARGETS = np.array([1.5, 2.0, 3.0, 9.0])
WEIGHTS = np.array([1.0, 2.0, 0.5, 4.0, 1.0])

classification = Answers(PROBABILITIES, LABELS)
regression = Answers(VALUES)


def score_classes(scoring, weights=None):
    return score_answers(scoring, classification, np.arange(5), TRUTH, weights)


def score_values(scoring, weights=None):
    return score_answers(scoring, regression, np.arange(4), TARGETS, weights)


# Answers


def test_answers_are_an_estimator_of_their_task():
    assert is_classifier(classification)
    assert is_regressor(regression)
    check_is_fitted(classification)
    check_is_fitted(regression)
    assert classification.fit(None, None) is classification


def test_asked_about_rows_the_answers_of_these_rows_are_given():
    rows = np.array([2, 0, 3])
    assert_array_equal(classification.predict_proba(rows), PROBABILITIES[rows])
    assert_array_equal(classification.predict(rows), SAID[rows])
    assert_array_equal(regression.predict(rows), VALUES[rows])
    assert_array_equal(classification.classes_, LABELS)


def test_equal_probabilities_go_to_the_class_that_sorts_first():
    assert classification.predict(np.array([3])).tolist() == ["no"]


def test_values_have_no_probabilities():
    assert not hasattr(regression, "predict_proba")
    assert not hasattr(regression, "classes_")


def test_a_clone_gives_the_same_answers():
    rows = np.arange(5)
    assert_array_equal(clone(classification).predict_proba(rows), PROBABILITIES)


# Scores


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("scoring", [True, np.True_, "accuracy"])
def test_a_classification_is_scored_by_accuracy(scoring, weights):
    expected = metrics.accuracy_score(TRUTH, SAID, sample_weight=weights)
    assert score_classes(scoring, weights) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS[:4]])
@pytest.mark.parametrize("scoring", [True, "r2"])
def test_a_regression_is_scored_by_r2(scoring, weights):
    expected = metrics.r2_score(TARGETS, VALUES, sample_weight=weights)
    assert score_values(scoring, weights) == expected


def test_r2_of_one_row_is_nan():
    assert np.isnan(score_answers(True, regression, np.array([1]), TARGETS[[1]]))


def test_several_outputs_are_scored_together():
    given = np.column_stack([VALUES, VALUES[::-1]])
    targets = np.column_stack([TARGETS, TARGETS[::-1]])
    score = score_answers(True, Answers(given), np.arange(4), targets)
    assert score == metrics.r2_score(targets, given)


AVERAGE_PRECISION = partial(metrics.average_precision_score, pos_label="yes")
NAMED_METRICS = {
    "balanced_accuracy": (metrics.balanced_accuracy_score, SAID),
    "f1_macro": (partial(metrics.f1_score, average="macro"), SAID),
    "neg_log_loss": (
        lambda *given, **weighted: -metrics.log_loss(*given, **weighted),
        PROBABILITIES,
    ),
}
RANKING_METRICS = {
    "roc_auc": metrics.roc_auc_score,
    make_scorer(AVERAGE_PRECISION, response_method="predict_proba"): AVERAGE_PRECISION,
}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", NAMED_METRICS)
def test_a_scorer_asks_for_labels_or_probabilities_as_it_needs(name, weights):
    metric, answers = NAMED_METRICS[name]
    expected = metric(TRUTH, answers, sample_weight=weights)
    assert score_classes(name, weights) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("scoring", RANKING_METRICS, ids=["roc_auc", "average_precision"])
def test_a_scorer_of_two_classes_ranks_by_the_second_ones_probability(scoring, weights):
    expected = RANKING_METRICS[scoring](TRUTH, PROBABILITIES[:, 1], sample_weight=weights)
    assert score_classes(scoring, weights) == expected


def test_more_than_two_classes_can_be_ranked():
    rng = np.random.default_rng(0)
    given, truth = rng.dirichlet([1, 1, 1], size=30), rng.permutation(np.arange(30) % 3)
    score = score_answers("roc_auc_ovr", Answers(given, np.arange(3)), np.arange(30), truth)
    assert score == metrics.roc_auc_score(truth, given, multi_class="ovr")


@pytest.mark.parametrize("weights", [None, WEIGHTS[:4]])
def test_errors_are_better_when_smaller(weights):
    expected = -metrics.mean_absolute_error(TARGETS, VALUES, sample_weight=weights)
    assert score_values("neg_mean_absolute_error", weights) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_metric_of_truth_and_answer_is_used_as_it_is(weights):
    expected = metrics.zero_one_loss(TRUTH, SAID, sample_weight=weights)
    assert score_classes(metrics.zero_one_loss, weights) == expected
    fbeta = partial(metrics.fbeta_score, beta=2, pos_label="yes")
    expected = fbeta(TRUTH, SAID, sample_weight=weights)
    assert score_classes(fbeta, weights) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_metric_that_takes_no_weights_is_given_none(weights):
    assert score_classes(lambda truth, said: float(np.sum(truth == said)), weights) == 3.0


def test_a_scorer_of_estimator_rows_and_truth_gets_all_three():
    def margin(estimator, rows, truth):
        return estimator.predict_proba(rows)[truth == "yes", 1].min()

    assert score_classes(margin) == 0.5


def test_a_scorer_may_take_weights():
    def weighted_hits(estimator, rows, truth, sample_weight=None):
        return np.sum(sample_weight * (estimator.predict(rows) == truth))

    assert score_classes(weighted_hits, WEIGHTS) == 2.5


@pytest.mark.parametrize(
    "scoring",
    [
        lambda estimator, rows, truth: np.max(np.abs(estimator.predict(rows) - truth)),
        "neg_max_error",
    ],
    ids=["callable", "name"],
)
def test_a_scorer_that_takes_no_weights_is_given_none(scoring):
    assert abs(score_values(scoring, WEIGHTS[:4])) == 2.0


@pytest.mark.parametrize("scoring", [True, "accuracy", metrics.accuracy_score])
def test_only_the_rows_asked_about_are_scored(scoring):
    rows = np.array([3, 1, 2])
    expected = metrics.accuracy_score(TRUTH[rows], SAID[rows])
    assert score_answers(scoring, classification, rows, TRUTH[rows]) == expected


@pytest.mark.parametrize("scoring", [True, "accuracy", metrics.accuracy_score])
def test_a_score_is_a_plain_number(scoring):
    assert type(score_classes(scoring)) is float


@pytest.mark.parametrize("scoring", [True, "accuracy", metrics.accuracy_score])
def test_what_can_score_passes_the_check(scoring):
    check_scoring("oob_score", scoring)


@pytest.mark.parametrize("short", SHORT_FOR)
def test_what_competitions_call_a_metric_is_told_the_scorer(short):
    assert SHORT_FOR[short] in metrics.get_scorer_names()
    with pytest.raises(ValueError, match=rf"got '{short}'\. Did you mean '{SHORT_FOR[short]}'\?"):
        check_scoring("scoring", short)


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 6.0)])
def test_accuracy_is_scikit_learn_s_to_the_bit(weights):
    answers = Answers(np.eye(3)[[0, 2, 1, 1, 0]], np.array(["a", "b", "c"]))
    y = np.array(["a", "c", "c", "b", "b"])
    expected = metrics.accuracy_score(y, answers.predict(np.arange(5)), sample_weight=weights)
    assert score_answers(True, answers, np.arange(5), y, weights) == expected


def test_labels_of_another_kind_are_not_called_wrong_in_silence():
    answers = Answers(np.eye(2)[[0, 1]], np.array([0, 1]))
    with pytest.raises((TypeError, ValueError)):
        score_answers(True, answers, np.arange(2), np.array(["0", "1"]), None)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"oob_score .* got 'acuracy'\. Did you mean 'accuracy'\?"):
        check_scoring("oob_score", "acuracy")
    with pytest.raises(ValueError, match=r"got 'nothing like it'\.$"):
        check_scoring("oob_score", "nothing like it")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'acuracy' is not a valid scoring value"):
        score_classes("acuracy")


def test_a_score_that_needs_probabilities_is_refused_of_values():
    with pytest.raises(AttributeError, match="predict_proba"):
        score_values("neg_log_loss")


def test_log_loss_of_rows_that_miss_a_class():
    given = np.array([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
    answers = Answers(given, np.array(["a", "b", "c"]))
    y = np.array(["a", "c", "a"])
    expected = np.mean(np.log([0.7, 0.6, 0.5]))
    assert score_answers("neg_log_loss", answers, np.arange(3), y) == pytest.approx(expected)
    weights = np.array([1.0, 0.0, 3.0])
    expected = np.average(np.log([0.7, 0.6, 0.5]), weights=weights)
    found = score_answers("neg_log_loss", answers, np.arange(3), y, weights)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "name", "sign"),
    [
        (metrics.log_loss, "neg_log_loss", -1),
        (metrics.brier_score_loss, "neg_brier_score", -1),
        (metrics.d2_log_loss_score, "d2_log_loss_score", 1),
        (metrics.roc_auc_score, "roc_auc", 1),
        (metrics.average_precision_score, "average_precision", 1),
    ],
)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_metric_of_probabilities_is_given_probabilities(metric, name, sign, weights):
    """With labels in their place log loss is nonsense, and AUC that of one threshold."""
    answers = Answers(PROBABILITIES, np.array([0, 1]))
    truth = (TRUTH == "yes").astype(int)
    given = (answers, np.arange(5), truth, weights)
    assert score_answers(metric, *given) == pytest.approx(sign * score_answers(name, *given))


def test_a_metric_of_probabilities_may_have_arguments_of_its_own():
    three = Answers(np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]), np.arange(3))
    given = (three, np.arange(3), np.arange(3))
    one_against_rest = partial(metrics.roc_auc_score, multi_class="ovr")
    assert score_answers(one_against_rest, *given) == score_answers("roc_auc_ovr", *given) == 1.0


def test_log_loss_knows_the_classes_that_the_rows_miss():
    rows = np.array([2, 3])
    expected = metrics.log_loss(TRUTH[rows], PROBABILITIES[rows], labels=LABELS)
    assert score_answers(metrics.log_loss, classification, rows, TRUTH[rows]) == expected


@pytest.mark.parametrize("name", metrics.get_scorer_names())
def test_no_score_is_outside_its_range(name):
    """Of every scorer of scikit-learn: of the worst answers, of the best, and of guesses."""
    low, high = score_range(name)
    assert low < high
    assert score_range(metrics.get_scorer(name)) == (low, high)
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [15, 25])
    for share in (y, 1 - y, rng.random(40)):
        answers = np.clip(share, 0.01, 0.99) if "d2" in name else share
        with warnings.catch_warnings(), contextlib.suppress(ValueError):
            warnings.simplefilter("ignore")
            model = Answers(np.column_stack([1 - answers, answers]), np.array([0, 1]))
            score = metrics.get_scorer(name)(model, np.arange(40), y)
            assert low - 1e-12 <= score <= high + 1e-12


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        ("accuracy", (0, 1)),
        ("balanced_accuracy", (0, 1)),
        ("roc_auc_ovo", (0, 1)),
        ("r2", (-np.inf, 1)),
        ("d2_log_loss_score", (-np.inf, 1)),
        ("matthews_corrcoef", (-1, 1)),
        ("neg_root_mean_squared_error", (-np.inf, 0)),
        (metrics.log_loss, (0, np.inf)),
        (metrics.f1_score, (0, 1)),
        (metrics.make_scorer(metrics.fbeta_score, beta=2), (0, 1)),
        (metrics.make_scorer(metrics.zero_one_loss, greater_is_better=False), (-np.inf, 0)),
        (metrics.make_scorer(metrics.balanced_accuracy_score, adjusted=True), (-np.inf, np.inf)),
        (metrics.make_scorer(metrics.accuracy_score, normalize=False), (-np.inf, np.inf)),
        (lambda estimator, X, y: 7.0, (-np.inf, np.inf)),
        (len, (-np.inf, np.inf)),
    ],
)
def test_the_range_of_a_score(scoring, expected):
    assert score_range(scoring) == expected
