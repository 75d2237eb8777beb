"""Scoring of answers that are given already, such as out-of-bag predictions.

A scorer wants an estimator and a table; here it gets an estimator that remembers its answers, and
the numbers of the rows. So every scorer there is can judge them, direction, thresholds and all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, get_scorer, r2_score
from sklearn.utils import ClassifierTags, RegressorTags

__all__ = ["Answers", "score_answers"]


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
            self.predict_proba = self._rows

    def _rows(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.given[rows]

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
        answers = self._rows(rows)
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
        y); or a metric of (y_true, y_pred).
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
    if isinstance(scoring, bool | np.bool_):
        return _score_by_task(answers, rows, y, weighted)
    if isinstance(scoring, str) or _takes_estimator(scoring):
        return float(get_scorer(scoring)(answers, rows, y, **weighted))
    if weighted and "sample_weight" not in inspect.signature(scoring).parameters:
        weighted = {}
    return float(scoring(y, answers.predict(rows), **weighted))


def _score_by_task(
    answers: Answers, rows: NDArray[np.intp], y: NDArray[Any], weighted: dict[str, Any]
) -> float:
    if answers.classes is not None:
        return float(accuracy_score(y, answers.predict(rows), **weighted))
    if len(rows) < 2:
        return float("nan")
    return float(r2_score(y, answers.predict(rows), **weighted))


def _takes_estimator(scoring: Callable[..., Any]) -> bool:
    """Tell a scorer of (estimator, X, y) from a metric of (y_true, y_pred)."""
    needed = [
        parameter
        for parameter in inspect.signature(scoring).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) >= 3
