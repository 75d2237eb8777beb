"""What members of a fitted ensemble say one by one, and what their disagreement is worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ensembles.members import own_table
from ensembles.tables import take
from ensembles.validation.checking import as_table, check_numbers

__all__ = ["Ambiguity", "ambiguity_decomposition", "ambiguity_terms", "member_answers"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ambiguity:
    """What `ambiguity_decomposition` found: ``error = member_error - diversity``.

    Attributes
    ----------
    error : float
        Mean squared error of the ensemble; of its class probabilities (Brier) in a classification.
    member_error : float
        Weighted mean of the members' own.
    diversity : float
        Weighted mean squared distance of the members from the ensemble, never negative: so the
        ensemble is never worse than its members are on average.
    rows : tuple of three arrays of shape (n_rows,)
        The same for every row.
    """

    error: float
    member_error: float
    diversity: float
    rows: tuple[Floats, Floats, Floats] = field(repr=False)

    def __str__(self) -> str:
        return (
            f"error {self.error:.4g} = members' error {self.member_error:.4g} - diversity "
            f"{self.diversity:.4g}"
        )


def ambiguity_terms(
    answers: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return each row's squared error, mean squared error of members, and diversity.

    ``(f - y)^2 = sum_m w_m (f_m - y)^2 - sum_m w_m (f_m - f)^2`` with ``f = sum_m w_m f_m`` (Krogh
    and Vedelsby 1995, equations 5 and 6).

    Parameters
    ----------
    answers : array-like of shape (n_members, n_rows) or (n_members, n_rows, n_outputs)
    target : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Squared distances are summed over outputs.
    weights : array-like of shape (n_members,), optional
        The members' shares; scaled to a sum of one.

    References
    ----------
    A. Krogh and J. Vedelsby (1995). Neural network ensembles, cross validation, and active
    learning. NIPS 7.

    Examples
    --------
    >>> error, of_members, diversity = ambiguity_terms([[1.0], [3.0]], target=[0.0])
    >>> error, of_members, diversity
    (array([4.]), array([5.]), array([1.]))
    """
    given = check_numbers("answers", answers, ndim=np.ndim(answers) or 1)
    y = check_numbers("target", target, ndim=np.ndim(target) or 1)
    if given.shape[1:] != y.shape:
        raise ValueError(
            f"answers must be of every member for a target of shape {y.shape}; got shape "
            f"{given.shape}."
        )
    shares = np.ones(len(given)) if weights is None else check_numbers("weights", weights)
    if len(shares) != len(given) or (shares < 0).any() or shares.sum() <= 0:
        raise ValueError(
            f"weights must be one number >= 0 for each of {len(given)} members, not all zero; got "
            f"{weights!r}."
        )
    shares = shares / shares.sum()
    together = np.tensordot(shares, given, axes=1)
    error, of_members, diversity = (together - y) ** 2, np.zeros(y.shape), np.zeros(y.shape)
    for share, answer in zip(shares, given, strict=True):
        of_members += share * (answer - y) ** 2
        diversity += share * (answer - together) ** 2
    terms = [
        part if part.ndim == 1 else part.sum(axis=1) for part in (error, of_members, diversity)
    ]
    return terms[0], terms[1], terms[2]


def ambiguity_decomposition(ensemble: Any, X: Any, y: ArrayLike) -> Ambiguity:
    """Split an ensemble's squared error into that of its members and their diversity.

    Parameters
    ----------
    ensemble : fitted ensemble that averages its members
        Bagging, random forests, voting; values in a regression, class probabilities in a
        classification.
    X : table of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)

    Returns
    -------
    Ambiguity

    Raises
    ------
    ValueError
        When the ensemble is no average of its members, as with medians, votes and boosting.

    References
    ----------
    A. Krogh and J. Vedelsby (1995). Neural network ensembles, cross validation, and active
    learning. NIPS 7.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from ensembles import BaggingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bag = BaggingRegressor(n_estimators=20, random_state=0).fit(X[:300], y[:300])
    >>> found = ambiguity_decomposition(bag, X[300:], y[300:])
    >>> bool(abs(found.error - found.member_error + found.diversity) < 1e-6)
    True
    >>> bool(found.error < found.member_error)
    True
    """
    answers, weights = member_answers(ensemble, X)
    if np.shape(y)[:1] != answers.shape[1:2]:
        raise ValueError(
            f"y must hold a target for each of {answers.shape[1]} rows of X; got shape "
            f"{np.shape(y)}."
        )
    if is_classifier(ensemble):
        target = (np.asarray(y)[:, None] == np.asarray(ensemble.classes_)).astype(np.float64)
        if not target.any(axis=1).all():
            raise ValueError("y must hold classes that the ensemble knows; got others.")
    else:
        target = check_numbers("y", y, ndim=np.ndim(y) or 1)
    rows = ambiguity_terms(answers, target, weights)
    error, of_members, diversity = (float(part.mean()) for part in rows)
    return Ambiguity(error, of_members, diversity, rows)


def member_answers(ensemble: Any, X: Any) -> tuple[Floats, Floats | None]:
    """Return what every member says, and the members' weights where they have any.

    Returns
    -------
    answers : array of shape (n_members, n_rows) or (n_members, n_rows, n_classes)
        Values, or class probabilities in the order of the ensemble's classes.
    weights : array of shape (n_members,) or None

    Raises
    ------
    ValueError
        When these do not average to what the ensemble predicts.
    """
    check_is_fitted(ensemble)
    table = as_table(X)
    classifies = is_classifier(ensemble)
    if hasattr(ensemble, "predict_all"):
        answers = _unstaged(ensemble, table) if classifies else ensemble.predict_all(table)
        weights = None
    elif hasattr(ensemble, "estimators_"):
        answers, weights = _asked(ensemble, table, classifies), _voting_weights(ensemble)
    else:
        raise ValueError(f"ensemble must have members; {type(ensemble).__name__} has none.")
    answers = np.asarray(answers, dtype=np.float64)
    together = np.average(answers, axis=0, weights=weights)
    method = "predict_proba" if classifies else "predict"
    whole = own_table(table, ensemble)
    own = getattr(ensemble, method)(whole) if hasattr(ensemble, method) else np.nan
    if np.shape(own) != together.shape or not np.allclose(own, together, rtol=1e-6, atol=1e-8):
        raise ValueError(
            f"ensemble must average its members; {type(ensemble).__name__} combines them otherwise."
        )
    return answers, weights


def _unstaged(ensemble: Any, X: Any) -> Floats:
    """Every member's probabilities, from the running means of the first, the first two, ..."""
    means = np.stack(list(ensemble.staged_predict_proba(X)))
    sums = means * np.arange(1, len(means) + 1)[:, None, None]
    return np.clip(np.diff(sums, axis=0, prepend=np.zeros((1, *means.shape[1:]))), 0.0, 1.0)


def _asked(ensemble: Any, X: Any, classifies: bool) -> Floats:
    """Ask scikit-learn's ensembles' members, who know classes by their codes."""
    kept = ensemble.estimators_
    members = kept.ravel() if isinstance(kept, np.ndarray) else list(kept)
    columns = getattr(ensemble, "estimators_features_", [None] * len(members))
    table = np.asarray(X)
    tables = (
        own_table(table, member) if own is None else take(table, None, own)
        for member, own in zip(members, columns, strict=True)
    )
    if not classifies:
        return np.stack([one.predict(own) for one, own in zip(members, tables, strict=True)])
    answers = np.zeros((len(members), X.shape[0], len(ensemble.classes_)))
    for answer, member, own in zip(answers, members, tables, strict=True):
        if not hasattr(member, "predict_proba"):
            raise ValueError(
                f"ensemble must average probabilities; {type(member).__name__} has none."
            )
        answer[:, _places(member.classes_, ensemble.classes_)] = member.predict_proba(own)
    return answers


def _places(known: Any, classes: Any) -> NDArray[np.intp]:
    """Columns of a member's classes, which are codes of the ensemble's, or its own labels."""
    known, classes = np.asarray(known), np.asarray(classes)
    if known.dtype.kind in "iuf" and np.isin(known, np.arange(len(classes))).all():
        return known.astype(np.intp)
    places = np.minimum(np.searchsorted(classes, known), len(classes) - 1)
    if np.any(classes[places] != known):
        raise ValueError("ensemble must have members that know its classes; some know others.")
    return np.asarray(places)


def _voting_weights(ensemble: Any) -> Floats | None:
    weights = getattr(ensemble, "_weights_not_none", None)
    return None if weights is None else np.asarray(weights, dtype=np.float64)
