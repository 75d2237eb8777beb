"""Judging: the scores of a fitted model on some rows, and of answers that are given."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from traceback import format_exc
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import (
    accuracy_score,
    check_scoring,
    get_scorer,
    get_scorer_names,
    make_scorer,
    r2_score,
)
from sklearn.pipeline import Pipeline

from ensembles.scoring import check_scoring as check_name
from ensembles.scoring import score_range
from ensembles.tasks import CLASSIFICATION, Task
from ensembles.validation.answering import Judged, Recorded

__all__ = [
    "Scoring",
    "Verdict",
    "check_scorers",
    "first_of",
    "judge",
    "pooled_scoring",
    "range_of",
]

AVERAGES = ("macro", "micro", "weighted")
"""How scikit-learn averages a metric of two classes over more."""


@dataclass(frozen=True)
class Scoring:
    """The scorers of a cross-validation.

    Attributes
    ----------
    scorers : dict of name to scorer
        A single scorer is called "score". None stands for the estimator's own ``score``.
    single : bool
        Whether ``scoring`` was one scorer; one that returns a dict turns out not to be.
    combined : object
        scikit-learn's scorer of them all, which knows what metadata they ask for.
    label : str
        What a single scorer is called when results are told.
    """

    scorers: dict[str, Any]
    single: bool
    combined: Any
    label: str = "score"


def check_scorers(estimator: Any, scoring: Any, error_score: Any) -> Scoring:
    """Check ``scoring`` as scikit-learn does, and list the scorers by name."""
    check_name("scoring", scoring)
    wanted = scoring.values() if isinstance(scoring, dict) else [scoring]
    kinds = (str, list, tuple, set, dict)
    if not all(one is None or callable(one) or isinstance(one, kinds) for one in wanted):
        raise ValueError(
            "scoring must be the name of a scorer, a scorer of (estimator, X, y), or a list, "
            f"tuple, set or dict of them; got {scoring!r}."
        )
    if isinstance(scoring, str):
        combined = get_scorer(scoring)
        return Scoring({"score": combined}, True, combined, scoring)
    combined = check_scoring(estimator, scoring=scoring, raise_exc=error_score == "raise")
    if scoring is None:
        return Scoring({"score": None}, True, combined)
    if isinstance(scoring, dict):
        named = {name: check_scoring(estimator, scorer) for name, scorer in scoring.items()}
        return Scoring(named, False, combined)
    if isinstance(scoring, list | tuple | set):
        return Scoring({name: get_scorer(name) for name in scoring}, False, combined)
    return Scoring({"score": combined}, True, combined)


@dataclass(frozen=True)
class Verdict:
    """Scores by name, and the tracebacks of the scorers that failed."""

    scores: dict[str, float]
    failures: dict[str, str]
    single: bool


def judge(
    scoring: Scoring,
    judged: Judged | Recorded,
    X: Any,
    y: Any,
    *,
    weights: NDArray[np.float64] | None = None,
    arguments: dict[str, dict[str, Any]] | None = None,
    error_score: Any = np.nan,
) -> Verdict:
    """Score a model on some rows.

    Parameters
    ----------
    weights : array of shape (n_rows,), optional
        Handed to every scorer that takes weights.
    arguments : dict of scorer name to dict, optional
        Further arguments of the scorers.
    error_score : "raise" or number
        What a scorer that fails gets.
    """
    scores: dict[str, float] = {}
    failures: dict[str, str] = {}
    single = scoring.single
    for name, scorer in scoring.scorers.items():
        try:
            found = _score(scorer, judged, X, y, weights, (arguments or {}).get(name, {}))
        except Exception as error:
            if way_out := _way_out(scorer, judged.classes):
                error.add_note(way_out)
            if error_score == "raise":
                raise
            failures[name] = format_exc()
            found = error_score
        if isinstance(found, dict):
            single = False
            scores |= {key: _number(value, key) for key, value in found.items()}
        else:
            scores[name] = _number(found, name)
    return Verdict(scores, failures, single)


def _way_out(scorer: Any, classes: NDArray[Any] | None) -> str:
    """Name the scorers of many classes, where a scorer of two was asked about more."""
    metric, given = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    of_two = given.get("average", "binary") == "binary" and "multi_class" not in given
    names = _of_many_classes(metric) if of_two and metric is not None else []
    if classes is None or len(classes) < 3 or not names:
        return ""
    return f"For {len(classes)} classes scoring may be {', '.join(map(repr, names))}."


@cache
def _of_many_classes(metric: Any) -> list[str]:
    """The names of a metric's scorers that average over classes, or over pairs of them."""
    scorers = {name: get_scorer(name) for name in get_scorer_names()}
    return [
        name
        for name, scorer in scorers.items()
        if getattr(scorer, "_score_func", None) is metric
        and ("multi_class" in scorer._kwargs or scorer._kwargs.get("average") in AVERAGES)
    ]


def _number(score: Any, name: str) -> float:
    if hasattr(score, "item"):
        with suppress(ValueError):
            score = score.item()
    if not isinstance(score, numbers.Number):
        raise ValueError(
            f"scoring must return a number, got {score} ({type(score)}) instead. (scorer={name})"
        )
    return score  # type: ignore[return-value]


def _score(
    scorer: Any, judged: Judged | Recorded, X: Any, y: Any, weights: Any, arguments: dict[str, Any]
) -> Any:
    if scorer is None:
        return _own_score(judged, X, y, weights, arguments)
    asked = _as_scorers_see_it(judged, scorer)
    if isinstance(judged, Judged) and asked is not judged:
        X = judged.table(X)
    if weights is not None and _takes_weights(scorer):
        arguments = arguments | {"sample_weight": weights}
    if isinstance(judged, Judged | Recorded) and _needs_labels(scorer, judged, y):
        return _score_with_labels(scorer, asked, X, y, arguments)
    if y is None:
        return scorer(asked, X, **arguments)
    found = _response(scorer, asked, arguments)
    if found is None:
        return scorer(asked, X, y, **arguments)
    given = {**scorer._kwargs, **arguments}
    return scorer._sign * scorer._score_func(y, found(X), **given)


def _as_scorers_see_it(judged: Judged | Recorded, scorer: Any) -> Any:
    """The model itself for the user's own scorers, where it speaks the user's labels."""
    if isinstance(judged, Recorded) or hasattr(scorer, "_score_func"):
        return judged
    return judged if _is_translated(judged) else judged.member.estimator


def _is_translated(judged: Judged) -> bool:
    """Tell whether the model's labels or classes differ from those of all the data."""
    known = judged.member.classes
    missing = judged.classes is not None and known is not None and len(known) < len(judged.classes)
    return judged.member.coded or missing or _is_stand_in(judged)


def _is_stand_in(judged: Judged) -> bool:
    return type(judged.member.estimator).__name__ == "DummyClassifier"


def _own_score(
    judged: Judged | Recorded, X: Any, y: Any, weights: Any, arguments: dict[str, Any]
) -> Any:
    """What the estimator's own ``score`` says, or the task's metric of answers as recorded."""
    if isinstance(judged, Recorded) or judged.member.coded or _is_stand_in(judged):
        metric = r2_score if judged.classes is None else accuracy_score
        return metric(y, judged.predict(X), sample_weight=weights)
    estimator = judged.member.estimator
    if not arguments and _scores_as_regressors_do(estimator):
        return r2_score(y, judged.predict(X), sample_weight=weights)  # asked once, not twice
    if weights is not None and "sample_weight" in inspect.signature(estimator.score).parameters:
        arguments = arguments | {"sample_weight": weights}
    X = judged.table(X)
    return estimator.score(X, **arguments) if y is None else estimator.score(X, y, **arguments)


def _scores_as_regressors_do(estimator: Any) -> bool:
    """Tell whether ``score`` is scikit-learn's for regressors: R2 of what ``predict`` says."""
    while type(estimator) is Pipeline:
        estimator = estimator.steps[-1][1]
    return getattr(type(estimator), "score", None) is RegressorMixin.score


def _response(scorer: Any, asked: Any, arguments: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What a plain scorer of scikit-learn's asks, and makes of it; None where it must say itself.

    Called in its place a metric is several times faster on a fold: the scorer finds out anew each
    time what kind of labels there are, and which of them is the positive one.
    """
    if type(scorer).__name__ != "_Scorer":
        return None
    if not arguments.keys() <= {"sample_weight"} - scorer._kwargs.keys():
        return None
    positive = scorer._kwargs.get("pos_label", _parameters_of(scorer._score_func).get("pos_label"))
    methods = scorer._response_method
    methods = (methods,) if isinstance(methods, str) else methods
    method = next((name for name in methods if hasattr(asked, name)), None)
    if method == "predict" and positive is None:
        return cast(Callable[[Any], Any], asked.predict)
    if method is None or not _are_labels(asked.classes, positive):
        return None
    return partial(_of_positive, asked, method, positive)


def _are_labels(classes: NDArray[Any] | None, positive: Any) -> bool:
    """Tell whether classes are what scikit-learn takes for labels, the positive one among them."""
    if classes is None or (positive is not None and positive not in classes.tolist()):
        return False
    if classes.dtype.kind == "f":
        return bool(np.all(classes == np.floor(classes)))
    return classes.dtype.kind in "biuUT" or all(isinstance(label, str) for label in classes)


def _of_positive(asked: Any, method: str, positive: Any, X: Any) -> Any:
    """An answer as metrics want it: of two classes, what is said of the positive one alone."""
    answer, classes = getattr(asked, method)(X), asked.classes
    if method == "predict" or len(classes) != 2:
        return answer
    place = 1 if positive is None else classes.tolist().index(positive)
    if method == "decision_function":
        return answer if place == 1 else -answer
    return answer[:, place]


def _takes_weights(scorer: Any) -> bool:
    return "sample_weight" in _parameters_of(getattr(scorer, "_score_func", scorer))


def _parameters_of(metric: Any) -> dict[str, Any]:
    """A metric's parameters and their defaults, None where there are none; {} if it hides them."""
    try:
        return _read_parameters(metric)
    except (TypeError, ValueError):
        return {}


@lru_cache(maxsize=128)
def _read_parameters(metric: Any) -> dict[str, Any]:
    parameters = inspect.signature(metric).parameters.values()
    return {one.name: None if one.default is one.empty else one.default for one in parameters}


def _needs_labels(scorer: Any, judged: Judged | Recorded, y: Any) -> bool:
    """Tell of a metric of probabilities where the rows judged hold not all of the classes."""
    if judged.classes is None or y is None or not hasattr(scorer, "_score_func"):
        return False
    method = getattr(scorer, "_response_method", None)
    by_probability = "predict_proba" in ([method] if isinstance(method, str) else (method or ()))
    if not by_probability or "labels" not in _parameters_of(scorer._score_func):
        return False
    n_classes = len(judged.classes)
    if n_classes == 2 and not _is_log_loss(scorer):
        return False
    return len(np.unique(np.asarray(y))) < n_classes


def _is_log_loss(scorer: Any) -> bool:
    return "log_loss" in scorer._score_func.__name__


def _score_with_labels(scorer: Any, asked: Any, X: Any, y: Any, arguments: dict[str, Any]) -> float:
    """Tell the metric which classes there are: it would take those in ``y`` for all."""
    given = {**scorer._kwargs, "labels": asked.classes, **arguments}
    return scorer._sign * scorer._score_func(y, asked.predict_proba(X), **given)


def first_of(scores: dict[str, Any]) -> str:
    """Name the scorer that models are compared by: the first."""
    return next(iter(scores))


def range_of(scorer: Any, estimator: Any) -> tuple[float, float]:
    """Return the least and the greatest score, infinite where not known.

    Of an estimator's own ``score`` it is known where that is scikit-learn's, at the end of a
    pipeline too: accuracy or R2.
    """
    if scorer is not None:
        return score_range(scorer)
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    own = getattr(type(last), "score", None)
    known = {ClassifierMixin.score: accuracy_score, RegressorMixin.score: r2_score}
    return score_range(known.get(own))


def pooled_scoring(scoring: Scoring, task: Task) -> Scoring:
    """Return the scorers of out-of-fold answers: the task's own metric for the estimator's own."""
    own: Callable[..., Any] = accuracy_score if task == CLASSIFICATION else r2_score
    named = {
        name: make_scorer(own) if scorer is None else scorer
        for name, scorer in scoring.scorers.items()
    }
    return Scoring(named, scoring.single, scoring.combined)
