"""The public regression tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from ensembles.naming import named_here
from ensembles.trees.learners import HistTree
from ensembles.trees.preparing import Prepared, centred

Floats = NDArray[np.float64]


@named_here
class HistTreeRegressor(RegressorMixin, HistTree):
    """A regression tree grown on binned columns: scikit-learn's parameters, a fraction of its time.

    See `HistTreeClassifier` for what binning means, missing values, categories and ties. Several
    targets are learned together: a split is to decrease their mean squared error.

    Parameters
    ----------
    criterion : {"squared_error"}, default="squared_error"
        What a split is to decrease: the squared error of the mean, averaged over the targets.
    splitter : {"best", "random"}, default="best"
        Whether every bin edge of a column is tried, or one drawn at random between the node's
        lowest and highest value (for categories: a side drawn for each), as in extremely
        randomised trees.
    max_depth : int, optional
        The longest path from the root to a leaf; None for no limit.
    min_samples_split : int >= 2 or float in (0, 1], default=2
        Samples that a node must have to be split; a float is a share of the samples learned from.
    min_samples_leaf : int >= 1 or float in (0, 1], default=1
        Samples that either side of a split must keep; a float is a share of the samples learned
        from. Larger leaves are smoother.
    min_weight_fraction_leaf : float in [0, 0.5], default=0.0
        The share of the whole weight that either side of a split must keep.
    max_features : {"sqrt", "log2"}, int >= 1, float in (0, 1] or None, default=None
        How many columns are drawn for each node to look for a split in: the square root or the
        binary logarithm of their number, so many, such a share of them, all. Columns of one value
        in the node are drawn past, and the search goes on where no drawn column has an allowed
        split. A random forest is a bag of trees with "sqrt".
    random_state : int, RandomState or None, default=None
        Decides ties between columns, `max_features` and `splitter="random"`. An int gives the same
        tree every time.
    max_leaf_nodes : int >= 2, optional
        Grow best first, the split that takes most off the impurity next, until there are so many
        leaves; None for no limit.
    min_impurity_decrease : float >= 0, default=0.0
        What a split must take off the impurity, times the share of the weight in its node.
    ccp_alpha : float >= 0, default=0.0
        Cost of a leaf in minimal cost-complexity pruning: of the pruned trees, the smallest of
        least impurity plus `ccp_alpha` a leaf is kept. `cost_complexity_pruning_path` lists the
        values that matter.
    monotonic_cst : array-like of shape (n_features,) or dict, optional
        1 where the prediction may only rise with the column, -1 where it may only
        fall, 0 where it may do either. One target only. Columns of categories have no order
        and take 0. A dict gives the columns it names, or numbers, the others are 0.
    max_bins : int in [3, 256], default=256
        Codes of a column, the one for missing values among them. Fewer are hardly faster and
        less exact.
    categorical_features : "from_dtype", None, mask, or column numbers or names, \
default="from_dtype"
        Which columns hold categories, whose order means nothing. "from_dtype": those of a frame
        whose type is `category`, `Enum`, strings or objects that are strings, and the columns of
        text of an array, but those that read as numbers throughout. None: none. A boolean mask
        of (n_features,), or a list of numbers (from the end if negative) or names of a frame's
        columns: these. Beyond ``max_bins - 1`` categories the rarest share a code.

    Attributes
    ----------
    tree_ : Tree
        The nodes as arrays that have scikit-learn's names and meanings: `children_left`,
        `children_right`, `feature`, `threshold` (in the column's own units), `value`, `impurity`,
        `n_node_samples`, `weighted_n_node_samples`, `missing_go_to_left`.
    bins_ : Bins
        How each column becomes a byte.
    feature_importances_ : ndarray of shape (n_features,)
        The share of the decrease of impurity that each column brought.
    max_features_ : int
        How many columns `max_features` came to.
    n_features_in_ : int
        The number of columns learned from.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names; only where X was a frame whose names are all strings.
    n_outputs_ : int
        The number of targets.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees.
    Fisher (1958), On grouping for maximum homogeneity, JASA 53.
    Geurts, Ernst, Wehenkel (2006), Extremely randomized trees, Machine Learning 63.

    Examples
    --------
    >>> from ensembles.trees import HistTreeRegressor
    >>> X, y = [[0], [1], [2], [3]], [0.0, 0.0, 5.0, 7.0]
    >>> tree = HistTreeRegressor(max_depth=1, random_state=0).fit(X, y)
    >>> tree.predict([[0], [9]])
    array([0., 6.])
    """

    _criteria = ("squared_error",)

    def __init__(
        self,
        *,
        criterion: str = "squared_error",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        ccp_alpha: float = 0.0,
        monotonic_cst: Any = None,
        max_bins: int = 256,
        categorical_features: Any = "from_dtype",
    ) -> None:
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins
        self.categorical_features = categorical_features

    def predict(self, X: Any) -> Floats:
        """Return the mean target of the leaf each row reaches, (n_samples,) or (n_samples,
        n_outputs).
        """
        means = self._forest().mean(self._table(X))
        return means[:, 0] if self._flat else means

    def _target(self, y: Any, weights: Floats | None) -> tuple[None, Floats, Floats, bool]:
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a check that adds up what is huge
                targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(f"y must hold numbers for a regression: {error}.") from None
        flat = targets.ndim == 1
        if targets.ndim > 2:
            raise ValueError(
                f"y must be (n_samples,) or (n_samples, n_outputs); got shape {targets.shape}."
            )
        targets = targets.reshape(len(targets), -1)
        _, centre = centred(targets if weights is None else targets[weights > 0])
        return None, np.ascontiguousarray(targets - centre), centre, flat

    def _keep(self, prepared: Prepared) -> None:
        self.n_outputs_, self._flat = prepared.y.shape[1], prepared.flat

    def _class_weighted(
        self, prepared: Prepared, rows: Any, counts: Any, weights: Any
    ) -> tuple[Any, Any]:
        return counts, weights

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
