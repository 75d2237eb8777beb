"""How sure a bag is of its predictions: deviations and intervals, with no model fitted again."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from ensembles.aggregation import Aggregation
from ensembles.bagging.asking import Asking
from ensembles.parameters import (
    check_real,
)
from ensembles.resampling import (
    Bootstrap,
    DirichletDraws,
    GroupBootstrap,
    ListedDraws,
    Subsample,
)
from ensembles.tasks import CLASSIFICATION
from ensembles.uncertainty import infinitesimal_jackknife, jackknife_plus_after_bootstrap


def _regresses(bag: Any) -> bool:
    task = bag._known_task()
    if task == CLASSIFICATION:
        raise AttributeError(f"{type(bag).__name__} has no intervals: its task is {task}.")
    return True


class Confidence(Asking):
    """Standard deviations and prediction intervals."""

    def predict_std(self, X: Any) -> NDArray[np.float64]:
        """Estimate the standard deviation of the prediction over new training sets.

        The infinitesimal jackknife of the bootstrap, corrected for the finite number of members
        (Wager, Hastie and Efron 2014): no model is fitted. For subsamples of s out of n rows the
        variance carries the factor ((n - 1) / n) (n / (n - s))^2 (Wager and Athey 2018). With few
        rows it is too small, for trees on 50 rows by a fifth of the deviation and more: see
        `ensembles.uncertainty.infinitesimal_jackknife`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        array of shape (n_rows,), (n_rows, n_outputs) or, in a classification, (n_rows, n_classes)
            In a classification the deviation of the class probabilities. Zero where the corrected
            variance is not positive: there are too few members then to tell it from zero, and a
            warning says for how many rows.

        Raises
        ------
        ValueError
            When the rows were not drawn by a bootstrap or subsample, the members are not averaged,
            there is one of them alone, or each was shown all rows.
        """
        X = self._check_asked(X)
        aggregation = self._aggregation(self.task_)
        if not aggregation.averages:
            raise ValueError(
                "predict_std needs members that are averaged: aggregation must be None, 'soft', "
                f"'hard' or 'mean'; got {self.aggregation!r}."
            )
        if len(self.estimators_) < 2:
            raise ValueError("predict_std needs at least 2 members; got n_estimators=1.")
        counts, spread, factor = self._counts_of_units()
        answers = np.stack(list(self._answers(aggregation, X)))
        variance = factor * infinitesimal_jackknife(answers, counts, spread)
        unknown = int(np.sum(variance <= 0)) - int(np.sum(np.ptp(answers, axis=0) == 0))
        if unknown > 0:
            warnings.warn(
                f"{unknown} of {variance.size} variances are too small to be told from the noise "
                f"of {len(answers)} members and are given as zero; use more n_estimators.",
                UserWarning,
                stacklevel=2,
            )
        return np.sqrt(np.maximum(variance, 0.0))

    def _counts_of_units(self) -> tuple[NDArray[np.integer[Any]], float, float]:
        """Counts of what was drawn, the sum of their variances, and the factor of the scheme."""
        draws = self._draws
        plain = self.resampling is None or isinstance(self.resampling, Bootstrap | Subsample)
        if isinstance(draws, ListedDraws | DirichletDraws) or not (
            plain or isinstance(self.resampling, GroupBootstrap)
        ):
            raise ValueError(
                "predict_std needs rows or groups drawn by Bootstrap, Subsample or GroupBootstrap; "
                f"got resampling={self.resampling!r}."
            )
        counts = np.stack([draws.counts(i) for i in range(len(self.estimators_))])
        size = float(counts.sum(axis=1).mean())
        if draws.repeats:
            return counts, size, 1.0
        n_units = counts.shape[1]
        if size == n_units:
            raise ValueError(
                "predict_std needs members that were not shown every row; got draws of all "
                f"{n_units} without replacement: set bootstrap=True, or max_samples below 1.0."
            )
        spread = size * (1 - size / n_units)
        return counts, spread, (n_units - 1) / n_units * (n_units / (n_units - size)) ** 2

    @available_if(_regresses)
    def predict_interval(self, X: Any, alpha: float = 0.1) -> NDArray[np.float64]:
        """Predict an interval for each target: the jackknife+-after-bootstrap.

        Covers a new target with probability at least 1 - 2 alpha for any distribution and any base
        estimator, about 1 - alpha in practice; no model is fitted (Kim, Xu and Barber 2020, whose
        theorem wants ``n_estimators`` drawn from a binomial distribution; a fixed number covered as
        much in our simulations). Needs ``oob_score=True`` at fit, whose residuals it uses.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        alpha : float in (0, 1), default=0.1
            The share of targets that may fall outside.

        Returns
        -------
        array of shape (n_rows, 2), or (n_rows, 2, n_outputs)
            Lower and upper ends; infinite where there are too few training rows for this alpha.

        Raises
        ------
        ValueError
            When alpha is not in (0, 1), or the out-of-bag residuals are not there.
        """
        X = self._check_asked(X)
        alpha = check_real("alpha", alpha, 0.0, 1.0, open_ends=True)
        if not hasattr(self, "oob_prediction_"):
            raise ValueError(
                "predict_interval needs the out-of-bag residuals: set oob_score=True before fit."
            )
        aggregation = self._aggregation(self.task_)
        answers = np.stack(list(self._answers(Aggregation(), X)))
        held_out = np.zeros((len(answers), self._draws.n_rows), dtype=bool)
        for i, mask in enumerate(held_out):
            mask[self._draws.test(i)] = True
        interval = partial(
            jackknife_plus_after_bootstrap,
            held_out=held_out,
            alpha=alpha,
            combine=aggregation.combine,
        )
        if answers.ndim == 2:
            return interval(answers, residuals=self._residuals)
        outputs = range(answers.shape[2])
        return np.stack(
            [interval(answers[:, :, k], residuals=self._residuals[:, k]) for k in outputs], axis=2
        )
