"""Explaining: which columns matter, what each adds to a row, which leaves it falls in."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ensembles.gradient_boosting import partitions
from ensembles.gradient_boosting.core import Core
from ensembles.gradient_boosting.gpu import cupy_named, place
from ensembles.gradient_boosting.settings import OPTIONS, n_threads
from ensembles.parameters import check_option

__all__ = ["Explaining"]


class Explaining(Core):
    """What a fitted model tells about itself."""

    def _coded(self, X: Any) -> Any:
        raise NotImplementedError

    def _matrix(self, X: Any) -> Any:
        with cupy_named():
            return xgboost.DMatrix(
                self._coded(X),
                missing=self._missing,
                feature_names=[f"f{i}" for i in range(self.n_features_in_)],
                feature_types=self._columns.types,
                nthread=n_threads(self.n_jobs),
                enable_categorical=True,
            )

    def _ask(self, X: Any, **question: Any) -> list[NDArray[Any]]:
        check_is_fitted(self, "boosters_")
        matrix = self._matrix(X)
        for booster in self.boosters_:
            place(booster, self.device_)
        return [
            booster.predict(matrix, validate_features=False, **question)
            for booster in self.boosters_
        ]

    def importances(self, kind: str = "gain") -> NDArray[np.float64]:
        """Return how much each column matters, summing to 1.

        Parameters
        ----------
        kind : {"gain", "weight", "cover", "total_gain", "total_cover"}
            Mean gain of the column's splits, their number, the mean weight of the rows they
            divide, and the sums of gain and of weight.

        Returns
        -------
        array of shape (n_columns,)
            Zeros where no tree splits; the mean over the seeds with ``n_seeds``.
        """
        check_is_fitted(self, "boosters_")
        check_option("importance_type", kind, OPTIONS["importance_type"])
        found = [self._importances_of(booster, kind) for booster in self.boosters_]
        total = np.mean(found, axis=0)
        return total / total.sum() if total.any() else total

    def _importances_of(self, booster: Any, kind: str) -> NDArray[np.float64]:
        scores = booster.get_score(importance_type=kind)
        names = booster.feature_names or [f"f{i}" for i in range(self.n_features_in_)]
        raw = np.array([np.sum(scores.get(name, 0.0)) for name in names])
        return raw / raw.sum() if raw.any() else raw

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """How much each column matters, by ``importance_type``, summing to 1."""
        return self.importances(self.importance_type)

    def shap_values(self, X: Any) -> NDArray[np.float32]:
        """Return what each column adds to each row's margin (Lundberg et al. 2020, TreeSHAP).

        Returns
        -------
        array of shape (n_rows, n_columns + 1) or (n_rows, n_classes, n_columns + 1)
            The last column is what every row starts from. The columns of a row sum to its margin:
            the log odds of the second class, one score per class, or the value (its logarithm for
            counts and amounts). The mean over the seeds with ``n_seeds``.

        References
        ----------
        S. Lundberg et al. (2020). From local explanations to global understanding with explainable
        AI for trees. Nature Machine Intelligence 2.
        """
        if partitions.is_collection(X):
            check_is_fitted(self, "boosters_")
            return partitions.ask(self, "shap_values", X)
        mean: NDArray[np.float64] = np.mean(self._ask(X, pred_contribs=True), axis=0, dtype=float)
        return mean.astype(np.float32)

    def apply(self, X: Any) -> NDArray[np.int32]:
        """Return the leaf of each tree that each row falls in.

        Returns
        -------
        array of shape (n_rows, n_trees)
            The trees of a round stand together, class by class, and those of a seed before those of
            the next.
        """
        if partitions.is_collection(X):
            check_is_fitted(self, "boosters_")
            return partitions.ask(self, "apply", X)
        leaves = self._ask(X, pred_leaf=True)
        return np.concatenate([one.reshape(len(one), -1) for one in leaves], axis=1).astype(
            np.int32
        )
