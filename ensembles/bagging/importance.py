"""Which columns matter: impurity importance of the members, permutation importance out of bag."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ensembles import combining, members
from ensembles.bagging.asking import Asking
from ensembles.members import FOR_SHUFFLES
from ensembles.parameters import (
    check_sample_weight,
    check_whole,
)
from ensembles.resampling import (
    generator,
)
from ensembles.scoring import Answers, check_scoring, refuse_loss, score_answers
from ensembles.tables import (
    container_of,
    take,
)

ROWS_AT_ONCE = 2**15
"""Most rows of shuffled copies that a member is asked about together, if one copy has fewer."""


def _has_importances(bag: Any) -> bool:
    check_is_fitted(bag, "estimators_")
    if not any(hasattr(member, "feature_importances_") for member in bag.estimators_):
        raise AttributeError(f"{type(bag.estimator_).__name__} has no feature_importances_.")
    return True


class Importance(Asking):
    """Importances of the columns, with their spread over the members."""

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Mean importance of each column over the members, shape (n_columns,).

        A column that a member was not given has importance zero there.
        """
        return combining.mean(self._importances())

    @property
    def feature_importances_std_(self) -> NDArray[np.float64]:
        """Standard deviation of each column's importance over the members, shape (n_columns,)."""
        return np.std(self._importances(), axis=0)

    def _importances(self) -> NDArray[np.float64]:
        _has_importances(self)
        table = np.zeros((len(self.estimators_), self.n_features_in_))
        for row, member in zip(table, self._members(), strict=True):
            columns: Any = slice(None) if member.columns is None else member.columns
            if hasattr(member.estimator, "feature_importances_"):
                np.add.at(row, columns, member.estimator.feature_importances_)
        return table

    def oob_permutation_importance(
        self, X: Any, y: Any, *, scoring: Any = None, n_repeats: int = 5, sample_weight: Any = None
    ) -> Bunch:
        """Measure how much worse members judge held-out rows when a column is shuffled.

        Each member is scored on the rows held out from it, before and after one column of these
        rows is shuffled (Breiman 2001, section 10): an importance that rests on rows never learned
        from, and favours no column for having many values.

        Parameters
        ----------
        X, y : the very rows that were fitted on.
        scoring : str or callable, optional
            A scorer's name, a scorer, or a metric of (y_true, y_pred); accuracy or R2 when None.
        n_repeats : int, default=5
            Shuffles of each column.
        sample_weight : array-like of shape (n_rows,), optional

        Returns
        -------
        Bunch
            ``importances`` of shape (n_columns, n_members), each the mean over the repeats,
            ``importances_mean`` and ``importances_std`` over the members. A column that a member
            was not given, or a member from which nothing was held out, counts as NaN and is left
            out of both; a column given to no member has importance zero.
        """
        X = self._check_asked(X)
        y = np.asarray(y)
        check_whole("n_repeats", n_repeats)
        check_scoring("scoring", scoring)
        refuse_loss(scoring)
        check_consistent_length(X, y)
        if X.shape[0] != self._draws.n_rows:
            raise ValueError(
                f"X must be the {self._draws.n_rows} rows that were fitted on; got {X.shape[0]}."
            )
        weights = check_sample_weight(sample_weight, len(y))
        scoring = True if scoring is None else scoring
        measure = partial(self._importance_of_member, X, y, weights, scoring, n_repeats)
        table = np.stack(
            list(
                members.run(
                    measure,
                    range(len(self.estimators_)),
                    learner=self.estimator_,
                    n_jobs=self.n_jobs,
                    prefer="threads",
                    verbose=self.verbose,
                    doing="shuffling columns",
                )
            ),
            axis=1,
        )
        given = ~np.isnan(table).all(axis=1)
        average, spread = np.zeros(len(table)), np.zeros(len(table))
        average[given] = np.nanmean(table[given], axis=1)
        spread[given] = np.nanstd(table[given], axis=1)
        return Bunch(importances_mean=average, importances_std=spread, importances=table)

    def _importance_of_member(
        self, X: Any, y: Any, weights: Any, scoring: Any, n_repeats: int, i: int
    ) -> NDArray[np.float64]:
        drop = np.full(self.n_features_in_, np.nan)
        rows = self._draws.test(i)
        if weights is not None:
            rows = rows[weights[rows] > 0]
        if len(rows) == 0:
            return drop
        member = self._members()[i]
        question = self._question(self._aggregation(self.task_))
        own = None if weights is None else weights[rows]
        table, n = take(X, rows, member.columns), len(rows)

        def scores_of(asked: Any, n_tables: int) -> list[float]:
            """Judge tables that stand one above the other: one question costs less than many."""
            answers = Answers(question(member, asked), getattr(self, "classes_", None))
            places = np.arange(n_tables * n).reshape(n_tables, n)
            return [score_answers(scoring, answers, place, y[rows], own) for place in places]

        (before,) = scores_of(table, 1)
        at_once = max(1, min(n_repeats, ROWS_AT_ONCE // n))
        copies = take(table, np.tile(np.arange(n), at_once))
        columns = np.arange(self.n_features_in_) if member.columns is None else member.columns
        for column in np.unique(columns):
            rng = generator(self._seed, i, FOR_SHUFFLES, int(column))
            places = np.flatnonzero(columns == column)
            after: list[float] = []
            while len(after) < n_repeats:
                n_tables = min(at_once, n_repeats - len(after))
                orders = np.concatenate([rng.permutation(n) for _ in range(n_tables)])
                above = copies if n_tables == at_once else take(copies, np.arange(len(orders)))
                after += scores_of(_shuffled(above, places, orders), n_tables)
            drop[column] = before - float(np.mean(after))
        return drop


def _shuffled(table: Any, places: NDArray[np.intp], order: NDArray[np.intp]) -> Any:
    """A copy of the table with some columns put in another order of the rows."""
    others = take(table, order)
    if container_of(table) == "pandas":
        shuffled = table.copy()
        for place in places:
            shuffled.isetitem(place, others.iloc[:, place].array)
        return shuffled
    if container_of(table) == "polars":
        return table.with_columns([others.to_series(int(place)) for place in places])
    if isinstance(table, np.ndarray):
        shuffled = table.copy()
        shuffled[:, places] = others[:, places]
        return shuffled
    shuffled = table.tolil()
    shuffled[:, places] = others[:, places]
    return shuffled.asformat(table.format)
