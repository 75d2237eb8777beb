"""A leaderboard: several models on the same folds, and which of their differences are real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import check_flag
from ensembles.validation.comparison import corrected_resampled_t_test
from ensembles.validation.result import CrossValidation
from ensembles.validation.telling import number, table_of

if TYPE_CHECKING:
    from ensembles.validation.running import Run

__all__ = ["Leaderboard", "holm"]

LEVEL = 0.05
"""A difference is called real below this p-value."""


class Leaderboard(Mapping[str, CrossValidation]):
    """Models in the order of their scores, all on the same folds.

    A mapping of names to `CrossValidation` results, best first. What `cross_validate` returns for
    a dict of estimators. A model that has no score on some folds comes after those that have one on
    more: its mean is that of other folds, and it may have failed on the hard ones.

    Attributes
    ----------
    best_ : CrossValidation
        The result of the model with the best mean score; ``best_.refit()`` trains it on all rows.
    best_name_ : str
        Its name.
    scoring_ : str
        The scorer that models are ordered by.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from ensembles import cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> board = cross_validate({"chance": DummyClassifier(), "bayes": GaussianNB()}, X, y)
    >>> list(board)
    ['bayes', 'chance']
    >>> frame = board.to_frame()
    >>> frame["real"].tolist()
    [False, True]
    """

    def __init__(self, run: Run, results: dict[str, CrossValidation], *, refit: bool = False):
        self._run: Run | None = run
        self._results = dict(results)
        if refit:
            self.best_.refit()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_run": None}

    # -----------------------------------------------------------------------------------------
    # Models

    def _ordered(self) -> list[str]:
        def place(name: str) -> tuple[int, bool, float]:
            score = self._results[name].score_
            return _n_unscored(self._results[name]), bool(np.isnan(score)), -score

        return sorted(self._results, key=place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ordered())

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, name: str) -> CrossValidation:
        return self._results[name]

    @property
    def best_name_(self) -> str:
        """The name of the model with the best mean score."""
        return self._ordered()[0]

    @property
    def best_(self) -> CrossValidation:
        """The result of the model with the best mean score."""
        return self._results[self.best_name_]

    @property
    def scoring_(self) -> str:
        """The scorer that models are ordered by."""
        return next(iter(self._results.values())).scoring_

    def add(self, name: Any, estimator: Any = None, *, refit: bool = False) -> Leaderboard:
        """Cross-validate further models on the same folds, and enter them.

        Parameters
        ----------
        name : str, or dict of str to estimator
        estimator : estimator, optional
            The model, where ``name`` is one name.
        refit : bool, default=False
            Whether to train the best model then once more on all rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a name is taken, or this leaderboard was unpickled and holds no data.
        """
        check_flag("refit", refit)
        models = dict(name) if isinstance(name, Mapping) else {name: estimator}
        if self._run is None:
            raise ValueError(
                "add needs the data, which a pickled Leaderboard does not hold: call "
                "cross_validate with all models; with cache_dir only new ones are computed."
            )
        taken = [one for one in models if one in self._results]
        if taken or not all(isinstance(one, str) and one for one in models):
            raise ValueError(f"name must be a name that is not taken; got {taken or list(models)}.")
        self._results |= self._run.validate(models)
        if refit:
            self.best_.refit()
        return self

    # -----------------------------------------------------------------------------------------
    # Differences

    def compare(self, first: str, second: str) -> Any:
        """Test the difference of two models' scores, fold by fold.

        Returns
        -------
        CorrectedTTest
            Of the first model's scores less the second's: ``statistic``, ``p_value``, ``mean``,
            ``low``, ``high`` (Nadeau and Bengio 2003).
        """
        one, other = self[first], self[second]
        differences, kept = _differences(one, other)
        if kept.sum() < 2:
            raise ValueError(
                f"{first!r} and {second!r} must have scores on at least 2 folds in common; got "
                f"{int(kept.sum())}."
            )
        n_train, n_test = one._mean_sizes(kept)
        return corrected_resampled_t_test(differences, n_train, n_test)

    def _p_values(self, names: list[str]) -> NDArray[np.float64]:
        """P-values of the differences to the best, corrected for their number; NaN for the best."""
        best = names[0]
        p_values = np.full(len(names), np.nan)
        for place, name in enumerate(names[1:], start=1):
            if _differences(self[best], self[name])[1].sum() > 1:
                p_values[place] = self.compare(best, name).p_value
        known = ~np.isnan(p_values)
        p_values[known] = holm(p_values[known])
        return p_values

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each model, best first.

        Columns are the mean score, its 95 % interval ``low`` to ``high``, the score of all
        out-of-fold predictions together (``pooled``), the generalization gap, seconds to fit and
        to predict and score a fold (medians: a process' first fold may hold what is compiled and
        loaded once), the number of folds without a score (``failed``), the difference to the best
        model on the folds that both have scores on, its p-value (Nadeau and
        Bengio 2003, corrected by Holm for the number of models) and whether it is ``real``.
        """
        import pandas as pd

        return pd.DataFrame(self._rows()).set_index("model")

    def _rows(self) -> list[dict[str, Any]]:
        names = self._ordered()
        rows = []
        for name, p_value in zip(names, self._p_values(names), strict=True):
            result = self[name]
            low, high = result._interval()
            rows.append(
                {
                    "model": name,
                    "score": result.score_,
                    "low": low,
                    "high": high,
                    "pooled": result.pooled_score_,
                    "gap": result.gap_ if result.train_scores_ else np.nan,
                    "fit_time": float(np.median(result.fit_times_)),
                    "predict_time": float(np.median(result.score_times_)),
                    "failed": _n_unscored(result),
                    "difference": _difference(result, self.best_),
                    "p_value": float(p_value),
                    "real": bool(p_value < LEVEL),
                }
            )
        return rows

    # -----------------------------------------------------------------------------------------
    # Telling

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        rows = self._rows()
        if not any(row["failed"] for row in rows):
            rows = [{key: row[key] for key in row if key != "failed"} for row in rows]
        head = list(rows[0])
        head[1] = f"score ({self.best_.scorer_name_})"
        body = [
            [
                value if isinstance(value, str) else _yes(value) if key == "real" else number(value)
                for key, value in row.items()
            ]
            for row in rows
        ]
        return head, body

    def summary(self) -> str:
        """Say it as a table."""
        head, body = self._cells()
        widths = [max(len(row[k]) for row in [head, *body]) for k in range(len(head))]
        lines = []
        for row in [head, *body]:
            first, *others = (
                cell.ljust(w) if k == 0 else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *others]))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return table_of(*self._cells())


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _n_unscored(result: CrossValidation) -> int:
    """Folds without a score that counts: the model or the scorer failed, or said NaN."""
    return len(result.splits_) - len(result._valid(result.scoring_))


def _difference(one: CrossValidation, other: CrossValidation) -> float:
    """Difference of two mean scores, over the folds that both have; NaN where there are none."""
    kept = _differences(one, other)[1]
    if not kept.any():
        return float("nan")
    scores = (result.test_scores_[result.scoring_][kept] for result in (one, other))
    return float(np.subtract(*(own.mean() for own in scores)))


def _differences(
    one: CrossValidation, other: CrossValidation
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Differences of two models' scores on the folds that both have, and which these are."""
    scores = one.test_scores_[one.scoring_], other.test_scores_[other.scoring_]
    scored = one._scored(one.scoring_) & other._scored(other.scoring_)
    kept = scored & ~np.isnan(scores[0]) & ~np.isnan(scores[1])
    return np.asarray(scores[0][kept] - scores[1][kept]), kept


def holm(p_values: Any) -> NDArray[np.float64]:
    """Correct p-values for their number, so that any false rejection is as rare as the level says.

    Holm (1979): the k-th smallest of m is multiplied by m - k + 1, and none is smaller than the
    one before.

    Examples
    --------
    >>> holm([0.04, 0.01, 0.03]).round(6)
    array([0.06, 0.03, 0.06])
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * values[order]))
    return corrected
