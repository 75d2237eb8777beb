"""Scoring of answers that are given already, such as out-of-bag predictions.

A scorer wants an estimator and a table; here it gets an estimator that remembers its answers, and
the numbers of the rows. So every scorer there is can judge them, direction, thresholds and all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    d2_log_loss_score,
    get_scorer,
    get_scorer_names,
    log_loss,
    make_scorer,
    r2_score,
    roc_auc_score,
    top_k_accuracy_score,
)
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

__all__ = [
    "LOSSES",
    "LOSS_OF",
    "SCORES",
    "Answers",
    "check_scoring",
    "is_loss",
    "refuse_loss",
    "score_answers",
    "score_range",
    "takes_estimator",
]

SCORES, LOSSES = ("_score",), ("_error", "_loss", "_deviance")
"""How scikit-learn's metrics end: of a score more is better, of a loss less."""

LOSS_OF = {"error": "zero_one", "log_loss": "log", "mae": "absolute", "mse": "squared"}
"""Names of errors, and of the loss of a row that each is the mean of: both name the same."""

RISING = {
    "error": "accuracy",
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
}
RISING |= {loss: RISING[error] for error, loss in LOSS_OF.items()}
"""The scorer that rises as an error of this name falls."""

ORDERED = ("decision_function", "predict_proba")
NO_LABELS = {
    average_precision_score: ORDERED,
    brier_score_loss: "predict_proba",
    d2_log_loss_score: "predict_proba",
    log_loss: "predict_proba",
    roc_auc_score: ORDERED,
    top_k_accuracy_score: ORDERED,
}
"""Metrics of scikit-learn that judge no labels, and what its own scorers ask for in their place."""

SHARES = (
    *("accuracy", "average_precision", "balanced_accuracy", "f1", "fbeta", "jaccard"),
    *("precision", "recall", "roc_auc", "top_k_accuracy"),
)
SPANS = (
    (SHARES, (0.0, 1.0)),
    (("r2", "explained_variance", "d2"), (-np.inf, 1.0)),
    (("matthews_corrcoef",), (-1.0, 1.0)),
)
"""How scikit-learn's metrics begin, and what values they have."""

SHORT_FOR = {
    "ap": "average_precision",
    "auc": "roc_auc",
    "logloss": "neg_log_loss",
    "mape": "neg_mean_absolute_percentage_error",
    "mlogloss": "neg_log_loss",
    "rmsle": "neg_root_mean_squared_log_error",
}
"""What else competitions and boosters call a metric, and the scorer that goes by it."""


def check_scoring(name: str, scoring: Any) -> None:
    """Refuse the name of a scorer that does not exist, and suggest the nearest.

    Errors, which `bootstrap_score` and others take by name, are refused where scores are compared.
    """
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        rising, meant = RISING.get(scoring.lower()), SHORT_FOR.get(scoring.lower())
        near = [meant] if meant else get_close_matches(scoring, get_scorer_names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        if rising:
            hint = f" That is an error; the score that rises as it falls is {rising!r}."
        raise ValueError(
            f"{name} must be the name of a scorer (sklearn.metrics.get_scorer_names() lists them), "
            f"a callable or a default; got {scoring!r}.{hint}"
        )


def is_loss(scoring: Any) -> bool:
    """Tell a metric of (y_true, y_pred) of which less is better, by how scikit-learn names them."""
    named = str(getattr(scoring, "__name__", ""))
    return callable(scoring) and named.endswith(LOSSES) and not takes_estimator(scoring)


def refuse_loss(scoring: Any) -> None:
    """Refuse a metric of which less is better where the score is to rise."""
    if is_loss(scoring):
        raise ValueError(
            "scoring must be a metric of which more is better; give sklearn.metrics."
            f"make_scorer({scoring.__name__}, greater_is_better=False) in the place of "
            f"{scoring.__name__}."
        )


def score_range(scoring: Any) -> tuple[float, float]:
    """Return the least and the greatest value of a metric or scorer, infinite where not known.

    Examples
    --------
    >>> score_range("accuracy"), score_range("r2"), score_range("neg_log_loss")
    ((0.0, 1.0), (-inf, 1.0), (-inf, 0.0))
    """
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    metric = getattr(scorer, "_score_func", scorer)
    name = getattr(metric, "__name__", "")
    scaled = {"normalize", "adjusted"} & set(getattr(scorer, "_kwargs", {}))
    if scaled or not (getattr(metric, "__module__", None) or "").startswith("sklearn.metrics"):
        return -np.inf, np.inf
    low, high = next((span for names, span in SPANS if name.startswith(names)), (-np.inf, np.inf))
    if name.endswith(LOSSES):
        low = 0.0
    return (0.0 - high, 0.0 - low) if getattr(scorer, "_sign", 1) < 0 else (low, high)


class Answers(BaseEstimator):
    """An estimator whose answers are given: ask it about row numbers.

    Parameters
    ----------
    given : array of shape (n_rows, n_classes), or (n_rows,) or (n_rows, n_outputs)
        Class probabilities when there are ``classes``, else values.
    classes : array of shape (n_classes,), optional
        None in a regression.
    """

    def __init__(self, given: NDArray[np.float64], classes: NDArray[Any] | None = None) -> None:
        self.given = given
        self.classes = classes
        if classes is not None:
            self.classes_ = classes

    @available_if(lambda self: self.classes is not None)
    def predict_proba(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the class probabilities."""
        return self.given[rows]

    @available_if(lambda self: self.classes is not None and len(self.classes) == 2)
    def decision_function(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return what is given of the second of two classes, for scorers that go by its order."""
        return self.given[rows, 1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.classes is None:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Answers:
        """Change nothing: the answers are given."""
        return self

    def predict(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return the likeliest labels, or the values."""
        answers = self.given[rows]
        return answers if self.classes is None else self.classes[np.argmax(answers, axis=1)]


def score_answers(
    scoring: Any,
    answers: Answers,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None = None,
) -> float:
    """Score the answers about some rows.

    Parameters
    ----------
    scoring : bool, str or callable
        True for the task's own metric (accuracy, R2); a scorer's name; a scorer of (estimator, X,
        y); or a metric of (y_true, y_pred), which is given labels, or the probabilities where it
        is one of scikit-learn's that judge those, as `roc_auc_score` and `log_loss` do.
    rows : array of shape (n_scored,)
        Rows of ``answers``.
    y, sample_weight : arrays of shape (n_scored,)
        Their targets and weights.

    Returns
    -------
    float
        NaN where R2 has fewer than two rows to go by.
    """
    weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
    if isinstance(scoring, str) and scoring == "neg_log_loss" and answers.classes is not None:
        known = _log_loss_of(answers.classes)
        scoring = make_scorer(known, response_method="predict_proba", greater_is_better=False)
    if isinstance(scoring, bool | np.bool_):
        return _score_by_task(answers, rows, y, weighted)
    if isinstance(scoring, str) or takes_estimator(scoring):
        scorer = get_scorer(scoring)
        metric = getattr(scorer, "_score_func", scorer)
        return float(scorer(answers, rows, y, **(weighted if _takes_weights(metric) else {})))
    weighted = weighted if _takes_weights(scoring) else {}
    asked = _asked_for(scoring)
    if answers.classes is not None and asked is not None:
        metric = _log_loss_of(answers.classes) if scoring is log_loss else scoring
        return float(make_scorer(metric, response_method=asked)(answers, rows, y, **weighted))
    return float(scoring(y, answers.predict(rows), **weighted))


def _asked_for(metric: Callable[..., Any]) -> Any:
    """Return what a metric of scikit-learn judges in the place of labels, None for labels."""
    plain = getattr(metric, "func", metric)
    return next((asked for one, asked in NO_LABELS.items() if one is plain), None)


def _log_loss_of(classes: NDArray[Any]) -> Callable[..., float]:
    """Return the log loss of rows that may miss a class."""
    return partial(log_loss, labels=classes)


def _takes_weights(metric: Callable[..., Any]) -> bool:
    return "sample_weight" in inspect.signature(metric).parameters


def _score_by_task(
    answers: Answers, rows: NDArray[np.intp], y: NDArray[Any], weighted: dict[str, Any]
) -> float:
    if answers.classes is not None:
        predicted = answers.predict(rows)
        if y.ndim == 1 and y.dtype == predicted.dtype and len(rows):
            # what accuracy_score comes to, without its millisecond of looking at labels
            return float(np.average(y == predicted, weights=weighted.get("sample_weight")))
        return float(accuracy_score(y, predicted, **weighted))
    if len(rows) < 2:
        return float("nan")
    return float(r2_score(y, answers.predict(rows), **weighted))


def takes_estimator(scoring: Callable[..., Any]) -> bool:
    """Tell a scorer of (estimator, X, y) from a metric of (y_true, y_pred)."""
    needed = [
        parameter
        for parameter in inspect.signature(scoring).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) >= 3
