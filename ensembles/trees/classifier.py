"""The public classification tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import column_or_1d

from ensembles.naming import named_here
from ensembles.parameters import check_one_label, distinct_labels, has_missing
from ensembles.trees.learners import HistTree
from ensembles.trees.preparing import Prepared
from ensembles.trees.tables import is_sparse

Floats = NDArray[np.float64]


@named_here
class HistTreeClassifier(ClassifierMixin, HistTree):
    """A decision tree classifier grown on binned columns: scikit-learn's parameters, a fraction of
    its time.

    Each column is reduced once to at most 255 bins and a code for missing values, and splits are
    sought among the bins. With at most 255 distinct values a column the splits are those of the
    exact tree. Missing values go the way the split learned; categories are split many against
    many. Where splits are equally good the lowest bin of the first column wins, in a cyclic order
    of the columns whose start is drawn for each node from `random_state`.

    Parameters
    ----------
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
        What a split is to decrease: the Gini impurity, or the entropy of the labels in bits, which
        "log_loss" is another name for.
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
    class_weight : "balanced", dict or None, default=None
        A factor for the weight of each class's rows: inversely proportional to how often it occurs
        among the rows learned from, whatever their weight, or ``{label: factor}``, 1 for labels
        not named.
    ccp_alpha : float >= 0, default=0.0
        Cost of a leaf in minimal cost-complexity pruning: of the pruned trees, the smallest of
        least impurity plus `ccp_alpha` a leaf is kept. `cost_complexity_pruning_path` lists the
        values that matter.
    monotonic_cst : array-like of shape (n_features,) or dict, optional
        1 where the share of the second class may only rise with the column, -1 where it may only
        fall, 0 where it may do either. Two classes only. Columns of categories have no order
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
    classes_ : ndarray of shape (n_classes,)
        The distinct labels, ascending.
    n_classes_ : int
        Their number.
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
        1: one label a row.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees.
    Fisher (1958), On grouping for maximum homogeneity, JASA 53.
    Geurts, Ernst, Wehenkel (2006), Extremely randomized trees, Machine Learning 63.

    Examples
    --------
    >>> from ensembles.trees import HistTreeClassifier
    >>> X = [[0, 0], [1, 0], [2, 1], [3, 1]]
    >>> tree = HistTreeClassifier(random_state=0).fit(X, ["no", "no", "no", "yes"])
    >>> tree.predict([[3, 0]])
    array(['yes'], dtype='<U3')
    >>> print(tree.export_text())
    |--- feature_0 <= 2.50
    |   |--- class: no (3 samples)
    |--- feature_0 > 2.50
    |   |--- class: yes (1 samples)
    """

    _criteria = ("gini", "entropy", "log_loss")

    def __init__(
        self,
        *,
        criterion: str = "gini",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins
        self.categorical_features = categorical_features

    def predict_proba(self, X: Any) -> Floats:
        """Return the share of each class in the leaf each row reaches, (n_samples, n_classes)."""
        return self._forest().mean(self._table(X))

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most frequent class of the leaf each row reaches, (n_samples,)."""
        shares = self.predict_proba(X)
        return np.asarray(self.classes_.take(shares.argmax(axis=1)))

    def _target(
        self, y: Any, weights: Floats | None
    ) -> tuple[NDArray[Any], NDArray[Any], Floats, bool]:
        if is_sparse(y):
            raise TypeError("y must be dense; got a sparse matrix. Use y.toarray().")
        y = np.asarray(y)
        check_one_label(y, "HistTreeClassifier")
        y = y if y.ndim == 1 else column_or_1d(y, warn=True)
        if has_missing(y):
            raise ValueError("Input y contains NaN: y must hold a class for every row.")
        try:
            if y.dtype.kind not in "biu":
                assert_all_finite(y, input_name="y")
            classes, numbers = distinct_labels(y)
        except TypeError as error:
            raise ValueError(f"y must hold labels that can be sorted: {error}.") from None
        return classes, numbers.astype(np.int64), np.zeros(1), True

    def _keep(self, prepared: Prepared) -> None:
        assert prepared.classes is not None
        self.classes_, self.n_classes_, self.n_outputs_ = prepared.classes, len(prepared.classes), 1

    def _class_weighted(
        self, prepared: Prepared, rows: Any, counts: Any, weights: Any
    ) -> tuple[Any, Any]:
        """Return counts and weights, class weights among them."""
        if self.class_weight is None:
            return counts, weights
        y = prepared.y if rows is None else prepared.y[rows]
        base = np.ones(len(y)) if counts is None else np.asarray(counts, float)
        factors = self._class_factors(prepared, y if counts is None else np.repeat(y, counts))
        return None, factors[y] * (base if weights is None else weights)

    def _class_factors(self, prepared: Prepared, y: NDArray[np.int64]) -> Floats:
        """Return the factor of each class, given the class numbers of the rows learned from."""
        assert prepared.classes is not None
        present = np.unique(y)
        known = prepared.classes[present]
        chosen = self.class_weight
        if isinstance(chosen, dict):
            chosen = {label: factor for label, factor in chosen.items() if label in known}
        elif not isinstance(chosen, str) or chosen != "balanced":
            raise ValueError(f"class_weight must be None, 'balanced' or a dict; got {chosen!r}.")
        factors = np.ones(len(prepared.classes))
        factors[present] = compute_class_weight(chosen, classes=known, y=prepared.classes[y])
        if not np.isfinite(factors).all() or (factors < 0).any():
            raise ValueError(f"class_weight must be finite and >= 0; got {chosen!r}.")
        return factors
