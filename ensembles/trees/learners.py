"""What the two public trees share: reading a table, growing on a draw of it, and asking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ensembles.parameters import (
    check_sample_weight,
    is_whole,
    refuse_masked,
    unchanged_on_error,
)
from ensembles.tables import check_rows, check_table, is_frame
from ensembles.trees.announcing import announce_compiling
from ensembles.trees.binning import Bins, find_bins
from ensembles.trees.boosting import Crew, Rounds
from ensembles.trees.checking import check_directions, check_max_bins, rules_of
from ensembles.trees.forest import Forest
from ensembles.trees.preparing import Prepared, draw_of
from ensembles.trees.pruning import PruningPath, prune, pruning_path
from ensembles.trees.tables import is_sparse
from ensembles.trees.text import tree_text
from ensembles.trees.tree import Tree, grow_tree

Floats = NDArray[np.float64]


@cache
def parameter_names(kind: Any) -> tuple[str, ...]:
    """Return the names of a constructor's parameters, sorted, as scikit-learn lists them."""
    return tuple(sorted(set(signature(kind).parameters)))


class HistTree(BaseEstimator):
    """The part of a tree that does not depend on what its leaves say."""

    bins_: Bins
    tree_: Tree
    n_features_in_: int
    n_outputs_: int

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; none holds another estimator, so `deep` changes nothing.

        scikit-learn reads the constructor's signature anew each time, four times a clone: of a
        forest's small trees that was half the time.
        """
        kind: Any = type(self)
        return {name: getattr(self, name) for name in parameter_names(kind)}

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Numbers of any type and memory order, or a pandas or polars frame. NaN, None and NA are
            missing values; infinities are values like any other. Numbers are compared as float64.
        y : array-like of shape (n_samples,) or, for a regression, (n_samples, n_outputs)
            Class labels of any sortable kind, or finite numbers.
        sample_weight : array-like of shape (n_samples,) or number, optional
            Not negative. A row of weight 0 is as good as absent; one of weight k counts as k rows,
            but as one sample for `min_samples_split` and `min_samples_leaf`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter or an argument breaks its rule. The tree is then what it was before.
        """
        with unchanged_on_error(self):
            prepared = self.prepare(X, y, sample_weight)
            weights = check_sample_weight(sample_weight, prepared.n_rows)
            return self.fit_draw(prepared, weights=weights)

    def prepare(self, X: Any, y: Any, sample_weight: Any = None) -> Prepared:
        """Bin X and encode y, once for all the trees that will learn from draws of them.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. The weights matter to the bins alone, which are made about equally heavy.

        Returns
        -------
        Prepared
            Never changed: trees and threads share it.
        """
        X = self._table(X, reset=True)
        names = [str(c) for c in X.columns] if is_frame(X) else [str(j) for j in range(X.shape[1])]
        rules = rules_of(self, 1, 1, names)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        refuse_masked("y", y)
        check_rows(X, y)
        weights = check_sample_weight(sample_weight, X.shape[0])
        max_bins = check_max_bins(self.max_bins)
        bins = find_bins(X, weights, max_bins, self.categorical_features, names)
        classes, target, centre, flat = self._target(y, weights)
        prepared = Prepared(
            bins.encode(X),
            bins,
            classes,
            target,
            centre,
            flat,
            getattr(self, "feature_names_in_", None),
        )
        check_directions(rules.signs, prepared)
        return prepared

    def fit_draw(
        self,
        prepared: Prepared,
        rows: Any = None,
        counts: Any = None,
        weights: Any = None,
        features: Any = None,
    ) -> Self:
        """Grow the tree on a draw of a prepared training set; touches no other row, and holds no
        lock.

        Parameters
        ----------
        prepared
            From `prepare` of a tree with the same parameters, but for its `random_state`.
        rows
            Distinct row numbers; None for all.
        counts
            One integer a row drawn: the row counts as so many samples. A count of 0 leaves the row
            out.
        weights
            One float a row drawn, in place of counts: the row counts as one sample of that weight.
        features
            Column numbers to learn from, in any order, repeats allowed; None for all. The tree is
            then as if fitted on ``X[:, features]``, and predicts from such tables.
        """
        n_columns = prepared.codes.shape[1]
        columns = (
            np.arange(n_columns) if features is None else np.unique(np.asarray(features, np.int64))
        )
        counts, weights = self._class_weighted(prepared, rows, counts, weights)
        draw = draw_of(prepared, rows, counts, weights, self.criterion in ("entropy", "log_loss"))
        n_samples = len(draw.rows) if draw.by_rows else int(draw.total)
        rules = rules_of(self, n_samples, len(columns), prepared.bins.names)
        tree = grow_tree(prepared, draw, rules, self._seed(), columns)
        tree = prune(tree, self.ccp_alpha) if self.ccp_alpha > 0 else tree
        self._hold(prepared, tree, min(rules.max_features, len(columns)))
        if features is not None:
            self._see_only(np.asarray(features, np.intp))
        return self

    def rounds(self, prepared: Prepared, crew: Crew | None = None) -> Rounds:
        """Make ready to grow tree after tree over all rows of a prepared training set: what
        boosting asks for. A `crew` is threads that are kept ready.
        """
        return Rounds(self, prepared, crew)

    def _hold(self, prepared: Prepared, tree: Tree, max_features: int) -> None:
        self.tree_ = tree
        self.bins_ = self._whole_bins = prepared.bins
        self.n_features_in_ = prepared.codes.shape[1]
        self.max_features_ = max_features
        if prepared.feature_names is not None:
            self.feature_names_in_ = prepared.feature_names
        self._keep(prepared)

    def _see_only(self, features: NDArray[np.intp]) -> None:
        """Renumber the tree for tables that hold these columns alone."""
        place = np.zeros(self.n_features_in_, np.intp)
        place[features[::-1]] = np.arange(len(features))[::-1]
        self.bins_ = self._whole_bins.of(features)
        self.tree_ = self.tree_.renumbered(place, self.bins_)
        self.n_features_in_ = len(features)
        if hasattr(self, "feature_names_in_"):
            self.feature_names_in_ = self.feature_names_in_[features]

    def _seed(self) -> int:
        """The address from which all draws of the growing are made."""
        seed = self.random_state
        if not is_whole(seed):
            seed = check_random_state(seed).randint(2**31 - 1)
        return int(seed) % 2**63

    @staticmethod
    def pack(trees: Sequence[Any], columns: Sequence[Any] | None = None) -> Forest:
        """Make one forest of fitted trees, which answers for all of them at once.

        Parameters
        ----------
        trees
            Fitted trees.
        columns
            For each tree the `features` that it was fitted on, None for all: the forest is asked
            about whole tables.
        """
        return Forest(trees, columns)

    @staticmethod
    def announce_compiling() -> None:
        """From now on say on standard error, once, when a kernel must be compiled."""
        announce_compiling()

    def apply(self, X: Any) -> NDArray[np.int32]:
        """Return the number of the leaf that each row reaches, (n_samples,)."""
        check_is_fitted(self)
        return self.tree_.apply(self._table(X))

    def decision_path(self, X: Any) -> Any:
        """Return which nodes each row passes, a sparse (n_samples, n_nodes) matrix of ones."""
        check_is_fitted(self)
        return self.tree_.decision_path(self._table(X))

    def get_depth(self) -> int:
        """Return the length of the longest path from the root to a leaf; 0 for a lone leaf."""
        check_is_fitted(self)
        return self.tree_.max_depth

    def get_n_leaves(self) -> int:
        """Return the number of leaves."""
        check_is_fitted(self)
        return self.tree_.n_leaves

    @property
    def feature_importances_(self) -> Floats:
        """The share of the decrease of impurity that each column brought, (n_features,).

        Adds up to 1, or to 0 for a lone leaf. Columns of many distinct values are favoured, since
        they offer more splits to choose from: permutation importance on held-out rows is not
        misled.
        """
        check_is_fitted(self)
        return self.tree_.compute_feature_importances()

    def cost_complexity_pruning_path(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> PruningPath:
        """Return the values of `ccp_alpha` at which the tree grown on X and y would lose nodes,
        and its impurity then.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        PruningPath
            Its `ccp_alphas` ascend from 0; `impurities` are those of all leaves together.
        """
        whole = type(self)(**{**self.get_params(), "ccp_alpha": 0.0})
        return pruning_path(whole.fit(X, y, sample_weight).tree_)

    def export_text(self, decimals: int = 2) -> str:
        """Return the tree as text: one line a branch, one a leaf, children indented below their
        parent.

        Parameters
        ----------
        decimals : int, default=2
            Digits after the point of thresholds and means.
        """
        check_is_fitted(self)
        names = getattr(
            self, "feature_names_in_", [f"feature_{j}" for j in range(self.n_features_in_)]
        )
        return tree_text(
            self.tree_, self.bins_, list(names), getattr(self, "classes_", None), decimals
        )

    def _table(self, X: Any, reset: bool = False) -> Any:
        X = check_table(self, X, reset=reset)
        if not is_sparse(X):
            return X
        if X.dtype.kind not in "biuf":
            raise ValueError(f"a sparse X must hold real numbers; got {X.dtype}.")
        return X.tocsc()

    def _forest(self) -> Forest:
        check_is_fitted(self)
        return Forest([self])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = False
        return tags
