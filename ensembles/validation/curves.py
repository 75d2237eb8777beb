"""Learning curves of members: how good an ensemble is with fewer of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ensembles.parameters import check_whole, has_missing
from ensembles.resampling import generator, seed_of
from ensembles.scoring import Answers, check_scoring, score_answers
from ensembles.validation.checking import as_table, check_numbers
from ensembles.validation.diversity import member_answers

__all__ = ["MemberCurve", "learning_curve"]

Floats = NDArray[np.float64]

MOST_SIZES = 30
"""Sizes on a curve, unless they are chosen."""


@dataclass(frozen=True)
class MemberCurve:
    """Score against number of members.

    Attributes
    ----------
    n_members : array of shape (n_sizes,)
    scores : array of shape (n_sizes,)
        Mean score of an ensemble of so many members.
    standard_error : array of shape (n_sizes,) or None
        Monte Carlo error: how much that score would vary if the members were drawn anew. None for a
        boosted ensemble, whose members cannot change places.
    scoring : str
    """

    n_members: NDArray[np.intp]
    scores: Floats
    standard_error: Floats | None = field(repr=False)
    scoring: str

    def enough(self, tolerance: float | None = None) -> int:
        """Return the fewest members whose score is within ``tolerance`` of the last.

        Parameters
        ----------
        tolerance : float, optional
            The Monte Carlo error of the whole ensemble when None.
        """
        if tolerance is None:
            tolerance = 0.0 if self.standard_error is None else float(self.standard_error[-1])
        within = np.abs(self.scores - self.scores[-1]) <= tolerance
        last_outside = np.flatnonzero(~within)
        return int(self.n_members[0 if len(last_outside) == 0 else last_outside[-1] + 1])


def learning_curve(
    ensemble: Any,
    X: Any,
    y: ArrayLike,
    *,
    scoring: Any = None,
    sizes: Sequence[int] | None = None,
    n_orders: int = 50,
    random_state: Any = None,
) -> MemberCurve:
    """Score a fitted ensemble with fewer members, on rows it has not seen.

    Members that are averaged (bagging, forests) can stand in any order: the score of m of them is
    the mean over ``n_orders`` random subsets, and its Monte Carlo error their standard deviation,
    corrected for subsets that overlap (by ``1 / sqrt(1 - m / M)``; beyond half of the members it
    falls as ``1 / sqrt(m)``). Boosted members stand in theirs: the curve is that of its stages.

    Parameters
    ----------
    ensemble : fitted ensemble
        Any that averages its members or has ``staged_predict``.
    X, y
        Rows to judge on.
    scoring : str, callable or None, default=None
        As in scikit-learn; accuracy or R2 when None.
    sizes : sequence of int, optional
        Numbers of members; up to 30 of them, evenly on a logarithmic scale, when None.
    n_orders : int, default=50
    random_state : int, RandomState, Generator or None, default=None

    Returns
    -------
    MemberCurve

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from ensembles import BaggingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> bag = BaggingClassifier(n_estimators=20, random_state=0).fit(X[::2], y[::2])
    >>> curve = learning_curve(bag, X[1::2], y[1::2], sizes=[1, 5, 20], random_state=0)
    >>> curve.n_members
    array([ 1,  5, 20])
    """
    check_is_fitted(ensemble)
    check_scoring("scoring", scoring)
    check_whole("n_orders", n_orders, least=2)
    seed = seed_of(random_state)
    table = as_table(X)
    y = np.asarray(y)
    if y.shape[:1] != (table.shape[0],):
        raise ValueError(
            f"y must hold a target for each of {table.shape[0]} rows of X; got shape {y.shape}."
        )
    if has_missing(y):
        raise ValueError("y must hold a target for every row; got None or NaN.")
    if not is_classifier(ensemble):
        y = check_numbers("y", y, ndim=y.ndim)
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", None)
    name = name or ("accuracy" if is_classifier(ensemble) else "r2")
    judge = _judge(ensemble, y, True if scoring is None else scoring, name)
    if _is_staged(ensemble):
        scores = [judge(answer) for answer in _stages(ensemble, table)]
        chosen = _sizes(sizes, len(scores))
        return MemberCurve(chosen, np.array(scores)[chosen - 1], None, name)
    answers, weights = member_answers(ensemble, table)
    if weights is not None:
        raise ValueError("ensemble must average its members with equal weights for a curve.")
    chosen = _sizes(sizes, len(answers))
    drawn = np.array([_scores_in_order(answers, chosen, judge, seed, i) for i in range(n_orders)])
    spread = drawn.std(axis=0, ddof=1)
    error = _monte_carlo_error(spread, chosen, len(answers), answers, judge, n_orders, seed)
    return MemberCurve(chosen, drawn.mean(axis=0), error, name)


def _is_staged(ensemble: Any) -> bool:
    return hasattr(ensemble, "staged_predict") and not hasattr(ensemble, "predict_all")


def _stages(ensemble: Any, X: Any) -> Any:
    if is_classifier(ensemble) and hasattr(ensemble, "staged_predict_proba"):
        return ensemble.staged_predict_proba(X)
    if not is_classifier(ensemble):
        return ensemble.staged_predict(X)
    classes = np.asarray(ensemble.classes_)
    return ((labels[:, None] == classes).astype(float) for labels in ensemble.staged_predict(X))


def _judge(ensemble: Any, y: NDArray[Any], scoring: Any, name: str) -> Any:
    classes = np.asarray(ensemble.classes_) if is_classifier(ensemble) else None
    rows = np.arange(len(y))

    def judge(answer: Floats) -> float:
        if classes is not None:
            answer = np.clip(answer, 0.0, 1.0)  # rounding must not make a probability of 1 + 2e-16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a score is undefined, the error below says so
            score = score_answers(scoring, Answers(answer, classes), rows, y)
        if not np.isfinite(score):
            raise ValueError(
                f"scoring must be defined on the rows of y; {name!r} is {score} there."
            )
        return score

    return judge


def _sizes(sizes: Any, n_members: int) -> NDArray[np.intp]:
    if sizes is None:
        if n_members <= MOST_SIZES:
            return np.arange(1, n_members + 1)
        spread = np.geomspace(1, n_members, MOST_SIZES)
        return np.unique(np.round(spread).astype(np.intp))
    if np.ndim(sizes) != 1:
        raise ValueError(f"sizes must be a sequence of numbers of members; got {sizes!r}.")
    given = [check_whole("sizes", size, most=n_members) for size in sizes]
    if not given:
        raise ValueError("sizes must hold at least one number of members; got none.")
    return np.unique(np.array(given, dtype=np.intp))


def _scores_in_order(
    answers: Floats, sizes: NDArray[np.intp], judge: Any, seed: int, i: int
) -> list[float]:
    """Scores of the first members in a random order, the i-th."""
    order = generator(seed, i).permutation(len(answers))
    total, done, scores = np.zeros(answers.shape[1:]), 0, []
    for size in sizes:
        total += answers[order[done:size]].sum(axis=0)
        done = size
        scores.append(judge(total / size))
    return scores


def _monte_carlo_error(
    spread: Floats,
    sizes: NDArray[np.intp],
    n_members: int,
    answers: Floats,
    judge: Any,
    n_orders: int,
    seed: int,
) -> Floats:
    """Undo what overlap takes from the spread of subsets; extrapolate beyond half of all."""
    half = max(1, n_members // 2)
    at_half = np.array(
        [_scores_in_order(answers, np.array([half]), judge, seed, i) for i in range(n_orders)]
    ).std(ddof=1)
    of_half = at_half / np.sqrt(1 - half / n_members) if n_members > 1 else 0.0
    overlap = np.sqrt(1 - np.minimum(sizes, half) / n_members) if n_members > 1 else 1.0
    return np.asarray(np.where(sizes <= half, spread / overlap, of_half * np.sqrt(half / sizes)))
