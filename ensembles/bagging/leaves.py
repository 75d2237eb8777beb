"""Where rows end in a bag of trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ensembles.bagging.asking import Asking
from ensembles.members import Member


def _of_trees(bag: Any) -> bool:
    """Tell whether the members are single trees; an AttributeError says why not."""
    base = bag._template()
    if not (hasattr(base, "decision_path") and hasattr(base, "get_n_leaves")):
        raise AttributeError(f"{type(base).__name__} is not a tree: it has no leaves.")
    return True


class Leaves(Asking):
    """Leaves and paths, as scikit-learn's forests give them."""

    @available_if(_of_trees)
    def apply(self, X: Any) -> NDArray[np.integer[Any]]:
        """Return the leaf that each row reaches in each tree.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        array of shape (n_rows, n_members)
            Numbers of nodes, each in its own tree.
        """
        check_is_fitted(self, "estimators_")
        X = self._check_asked(X)
        if self._forest is not None:
            return np.asarray(self._forest.leaves(X))
        return np.stack(list(self._ask(_leaves, X)), axis=1)

    @available_if(_of_trees)
    def decision_path(self, X: Any) -> tuple[csr_matrix, NDArray[np.intp]]:
        """Return which nodes each row passes, the nodes of all trees side by side.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        indicator : sparse matrix of shape (n_rows, n_nodes)
            One where a row passes a node, in CSR format.
        n_nodes_ptr : array of shape (n_members + 1,)
            The nodes of tree ``i`` are the columns ``n_nodes_ptr[i]`` to ``n_nodes_ptr[i + 1]``.
        """
        check_is_fitted(self, "estimators_")
        paths = list(self._ask(_path, self._check_asked(X)))
        ends = np.cumsum([0, *(path.shape[1] for path in paths)])
        return hstack(paths, format="csr"), ends


def _leaves(member: Member, X: Any) -> Any:
    return member.estimator.apply(X)


def _path(member: Member, X: Any) -> Any:
    return member.estimator.decision_path(X)
