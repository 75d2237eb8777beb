"""Refitting: having found out what to expect, train once more on all rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import indexable

from ensembles.members import Member
from ensembles.parameters import check_sample_weight
from ensembles.validation.answering import Relabelled
from ensembles.validation.data import Data, n_rows_of
from ensembles.validation.evaluating import Job
from ensembles.validation.fitting import Stopping
from ensembles.validation.folds import Fold

__all__ = ["refitted", "scaled_rounds"]


def scaled_rounds(rounds: list[int], n_train: float, n_rows: int) -> int:
    """Scale the mean number of rounds to a larger set.

    More rows bear more rounds before the loss turns; in proportion is the usual rule.

    Examples
    --------
    >>> scaled_rounds([90, 110], n_train=80, n_rows=100)
    125
    """
    return max(1, round(float(np.mean(rounds)) * n_rows / n_train))


def refitted(result: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, int | None]:
    """Train the estimator of a `CrossValidation` on all rows.

    Returns
    -------
    estimator, int or None
        The model, and its number of rounds where early stopping found one.
    """
    run = result._run
    if run is None or (X is None and run.data.X is None):
        raise ValueError(
            f"refit needs the data, which a pickled {type(result).__name__} does not hold: "
            "give it X and y, or call cross_validate(..., refit=True)."
        )
    data = _data(run.data, X, y, sample_weight)
    rounds = _rounds(result, data.n_rows)
    everyone = np.arange(data.n_rows)
    fold = Fold(-1, -1, everyone, np.empty(0, dtype=np.intp))
    raising = replace(run.protocol, error_score="raise")
    alone = replace(run, data=data, n_jobs=1, verbose=0, protocol=raising)
    classes = data.classes_for(result.task_)
    job = Job(replace(result._candidate, classes=classes), fold, Stopping(rounds=rounds))
    (outcome,) = alone.outcomes([job])
    return _in_labels(outcome.member, classes), rounds


def _data(kept: Data, X: Any, y: Any, sample_weight: Any) -> Data:
    """The data that was given, or that of the cross-validation where none was."""
    if X is None:
        if y is not None:
            raise ValueError("X and y must be given together; got y alone.")
        weights = check_sample_weight(sample_weight, kept.n_rows)
        return kept if weights is None else replace(kept, sample_weight=weights)
    X, y = indexable(X, y)
    if y is None and kept.y is not None:
        raise ValueError("X and y must be given together; got X alone.")
    weights = check_sample_weight(sample_weight, n_rows_of(X))
    return Data(X, y, sample_weight=weights, fit_arguments=kept.fit_arguments)


def _in_labels(member: Member, classes: Any) -> Any:
    """The model, which answers in labels also where it was given their places."""
    known = classes if classes is None or member.classes is None else classes[member.classes]
    if not member.coded or known is None or np.array_equal(known, np.arange(len(known))):
        return member.estimator
    return Relabelled(member.estimator, known)


def _rounds(result: Any, n_rows: int) -> int | None:
    found = [rounds for rounds in result.best_iterations_ if rounds is not None]
    if not found:
        return None
    learned = [len(train) for train, _ in result.splits_]
    if result._run.early_stopping == "nested":
        learned = [size * (1 - result._run.validation_fraction) for size in learned]
    return scaled_rounds(found, float(np.mean(learned)), n_rows)
