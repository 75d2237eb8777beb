"""Scores of folds are those of scikit-learn's own function, whatever is asked of the labels."""

import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    fbeta_score,
    get_scorer_names,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedKFold
from sklearn.model_selection import cross_validate as theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ensembles import cross_validate
from ensembles.validation.judging import check_scorers

LABELS = {
    "0 and 1": np.array([0, 1]),
    "3 and 7": np.array([3, 7]),
    "-1.0 and 1.0": np.array([-1.0, 1.0]),
    "booleans": np.array([False, True]),
    "no and yes": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "three": np.array([0, 1, 2]),
    "three texts": np.array(["a", "b", "c"]),
}
FOLDS = StratifiedKFold(3)
POS = make_scorer(f1_score, pos_label="neither")


def labelled(labels):
    X, places = make_classification(
        150, 6, n_informative=4, n_classes=len(labels), n_clusters_per_class=1, random_state=3
    )
    return X, labels[places]


def both(learner, labels, scoring):
    X, y = labelled(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = {"scoring": scoring, "cv": FOLDS, "return_train_score": True}
        ours, expected = cross_validate(learner, X, y, **run), theirs(learner, X, y, **run)
    return ours, expected


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(
    "learner",
    [LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0)],
    ids=["with decisions", "without"],
)
def test_every_scorer_says_what_scikit_learn_says(learner, labels):
    """Also where it fails, and for the metrics that are called in their scorer's place."""
    ours, expected = both(learner, labels, get_scorer_names())
    for name in get_scorer_names():
        for part in ("test", "train"):
            said, right = ours[f"{part}_{name}"], expected[f"{part}_{name}"]
            np.testing.assert_array_equal(said, right, err_msg=f"{name}, {part}")


@pytest.mark.parametrize("positive", ["no", "yes", "neither"])
@pytest.mark.parametrize(
    ("metric", "asked"),
    [
        (f1_score, "predict"),
        (partial(fbeta_score, beta=2), "predict"),
        (average_precision_score, ("decision_function", "predict_proba")),
        (average_precision_score, "predict_proba"),
        (brier_score_loss, "predict_proba"),
    ],
    ids=["f1", "fbeta", "average precision", "of probabilities", "brier"],
)
def test_the_positive_class_is_the_one_that_was_named(metric, asked, positive):
    scorer = make_scorer(metric, response_method=asked, pos_label=positive)
    if positive == "neither":
        with pytest.raises(ValueError, match="not a valid label"):
            cross_validate(
                LogisticRegression(),
                *labelled(LABELS["objects"]),
                scoring=scorer,
                cv=FOLDS,
                error_score="raise",
            )
        return
    ours, expected = both(LogisticRegression(), LABELS["objects"], scorer)
    np.testing.assert_array_equal(ours["test_score"], expected["test_score"])
    np.testing.assert_array_equal(ours["train_score"], expected["train_score"])


@pytest.mark.parametrize(("name", "way_out"), [("roc_auc", "roc_auc_ovr"), ("f1", "f1_macro")])
@pytest.mark.parametrize(
    "given", [str, lambda name: ["accuracy", name], lambda name: {"own": name}]
)
def test_a_scorer_of_two_classes_names_those_of_three(name, way_out, given):
    X, y = labelled(LABELS["three texts"])
    with pytest.warns(UserWarning, match=f"(?s)Scoring failed.*For 3 classes.*'{way_out}'"):
        cross_validate(LogisticRegression(), X, y, scoring=given(name))
    with pytest.raises(ValueError, match=f"fold 0 of repeat 0 .* For 3 classes .*'{way_out}'"):
        cross_validate(LogisticRegression(), X, y, scoring=given(name), error_score="raise")
    cross_validate(LogisticRegression(), X, y, scoring=way_out, error_score="raise")
    with pytest.raises(ValueError, match="pos_label") as raised:  # of two, it is something else
        cross_validate(LogisticRegression(), X, y == "a", scoring=POS, error_score="raise")
    assert "classes scoring" not in str(raised.value)


@pytest.mark.parametrize("metric", [roc_auc_score, log_loss], ids=["roc_auc", "log_loss"])
def test_a_metric_that_names_labels_is_handed_them(metric):
    labels = LABELS["three texts"]
    known = {"multi_class": "ovr"} if metric is roc_auc_score else {}
    scorer = make_scorer(metric, response_method="predict_proba", labels=labels, **known)
    ours, expected = both(LogisticRegression(), labels, scorer)
    np.testing.assert_array_equal(ours["test_score"], expected["test_score"])


def test_a_scorer_of_ones_own_kind_is_left_to_itself():
    """A subclass may do what it likes: nothing is called in its place."""

    class Doubled(type(check_scorers(LogisticRegression(), "roc_auc", "raise").combined)):
        def _score(self, *given, **more):
            return 2 * super()._score(*given, **more)

    scorer = Doubled(roc_auc_score, 1, {}, "predict_proba")
    ours, expected = both(LogisticRegression(), LABELS["0 and 1"], scorer)
    np.testing.assert_array_equal(ours["test_score"], expected["test_score"])
    assert ours["test_score"].mean() > 1.5


@pytest.mark.parametrize("method", ["auto", "predict", "predict_log_proba"])
def test_a_pipeline_transforms_a_table_once_however_many_questions_there_are(method, monkeypatch):
    seen = []
    transform = StandardScaler.transform
    counted = lambda scaler, X, copy=None: seen.append(len(X)) or transform(scaler, X, copy)  # noqa: E731
    monkeypatch.setattr(StandardScaler, "transform", counted)
    X, y = labelled(LABELS["no and yes"])
    scoring = ["roc_auc", "neg_log_loss", "accuracy", "balanced_accuracy"]
    learner = make_pipeline(StandardScaler(), "passthrough", LogisticRegression())
    ours = cross_validate(learner, X, y, scoring=scoring, cv=FOLDS, X_test=X[:7], method=method)
    assert seen == 3 * [100, 50, 100, 7]  # fitted; held out, learned from, to predict
    expected = theirs(learner, X, y, scoring=scoring, cv=FOLDS, return_train_score=True)
    for name in scoring:
        np.testing.assert_array_equal(ours[f"test_{name}"], expected[f"test_{name}"])
        np.testing.assert_array_equal(ours[f"train_{name}"], expected[f"train_{name}"])
