"""The public trees: what scikit-learn's decision trees do, by histogram."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ensembles.trees.binning import Bins, find_bins
from ensembles.trees.boosting import Rounds
from ensembles.trees.forest import Forest
from ensembles.trees.preparing import Prepared, centred, draw_of
from ensembles.trees.pruning import PruningPath, prune, pruning_path
from ensembles.trees.tables import is_frame, is_sparse
from ensembles.trees.text import tree_text
from ensembles.trees.tree import Rules, Tree, grow_tree

Floats = NDArray[np.float64]


class HistTree(BaseEstimator):
    """What the two trees share: reading a table, growing, and asking."""

    bins_: Bins
    tree_: Tree
    n_features_in_: int
    n_outputs_: int

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X
            (n_samples, n_features): array of any numeric type and memory order, sparse matrix,
            pandas or polars frame. NaN, None and NA are missing values; infinities are values like
            any other.
        y
            (n_samples,), or (n_samples, n_outputs) for a regression.
        sample_weight
            (n_samples,) not negative. A row of weight 0 is as good as absent.
        """
        weights = sample_weights(sample_weight)
        prepared = self.prepare(X, y, weights)
        if isinstance(weights, float):
            weights = np.full(prepared.n_rows, weights)
        return self.fit_draw(prepared, weights=weights)

    def prepare(self, X: Any, y: Any, sample_weight: Any = None) -> Prepared:
        """Bin X and encode y, once for all the trees that will learn from draws of them.

        `sample_weight` matters to the bins alone: they are made about equally heavy.
        """
        X = self._table(X, reset=True)
        self._rules(1, 1)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        weights = sample_weights(sample_weight)
        if isinstance(weights, float):
            weights = None
        check_consistent_length(X, y, weights)
        names = [str(c) for c in X.columns] if is_frame(X) else [str(j) for j in range(X.shape[1])]
        max_bins = whole_number("max_bins", self.max_bins, 3, 256)
        bins = find_bins(X, weights, max_bins, self.categorical_features, names)
        classes, target, centre, flat = self._target(y, weights)
        return Prepared(
            bins.encode(X),
            bins,
            classes,
            target,
            centre,
            flat,
            getattr(self, "feature_names_in_", None),
        )

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
        columns = (
            np.arange(prepared.codes.shape[1])
            if features is None
            else np.unique(np.asarray(features, np.int64))
        )
        counts, weights = self._class_weighted(prepared, rows, counts, weights)
        draw = draw_of(prepared, rows, counts, weights, self.criterion in ("entropy", "log_loss"))
        n_samples = len(draw.rows) if draw.by_rows else int(draw.total)
        rules = self._rules(n_samples, len(columns))
        if rules.signs is not None and (
            len(prepared.classes) > 2 if prepared.classes is not None else prepared.y.shape[1] > 1
        ):
            raise ValueError("monotonic_cst needs a single output and at most two classes.")
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        tree = grow_tree(prepared, draw, rules, seed % 2**63, columns)
        tree = prune(tree, self.ccp_alpha) if self.ccp_alpha > 0 else tree
        self._hold(prepared, tree, min(rules.max_features, len(columns)))
        if features is not None:
            self._see_only(np.asarray(features, np.intp))
        return self

    def rounds(self, prepared: Prepared) -> Rounds:
        """Make ready to grow tree after tree over all rows of a prepared training set: what
        boosting asks for.
        """
        return Rounds(self, prepared)

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
        self.tree_ = self.tree_.renumbered(place, len(features))
        self.bins_ = self._whole_bins.of(features)
        self.n_features_in_ = len(features)
        if hasattr(self, "feature_names_in_"):
            self.feature_names_in_ = self.feature_names_in_[features]

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

    def apply(self, X: Any) -> NDArray[np.int32]:
        """Return the leaf that each row reaches, (n_samples,)."""
        return self._forest().leaves(self._table(X))[:, 0]

    def decision_path(self, X: Any) -> Any:
        """Return which nodes each row passes, a sparse (n_samples, n_nodes) matrix of ones."""
        from scipy.sparse import csr_matrix

        paths = self.tree_.paths()
        leaves = self.apply(X)
        lengths = [len(paths[leaf]) for leaf in leaves]
        nodes = np.concatenate([paths[leaf] for leaf in leaves])
        ends = np.concatenate(([0], np.cumsum(lengths)))
        return csr_matrix(
            (np.ones(len(nodes), np.int64), nodes, ends), shape=(len(leaves), self.tree_.node_count)
        )

    def get_depth(self) -> int:
        """Return the length of the longest path from the root to a leaf."""
        check_is_fitted(self)
        return self.tree_.max_depth

    def get_n_leaves(self) -> int:
        """Return the number of leaves."""
        check_is_fitted(self)
        return self.tree_.n_leaves

    @property
    def feature_importances_(self) -> Floats:
        """The share of the decrease of impurity that each column brought; adds up to 1, or to 0
        for a lone leaf.
        """
        check_is_fitted(self)
        return self.tree_.compute_feature_importances()

    def cost_complexity_pruning_path(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> PruningPath:
        """Return the values of `ccp_alpha` at which the tree grown on X and y would lose nodes,
        and its impurity then.
        """
        return pruning_path(
            type(self)(**{**self.get_params(), "ccp_alpha": 0.0}).fit(X, y, sample_weight).tree_
        )

    def export_text(self, decimals: int = 2) -> str:
        """Return the tree as text: one line a branch, one a leaf, children indented below their
        parent.
        """
        check_is_fitted(self)
        names = getattr(
            self, "feature_names_in_", [f"feature_{j}" for j in range(self.n_features_in_)]
        )
        return tree_text(
            self.tree_, self.bins_, list(names), getattr(self, "classes_", None), decimals
        )

    def _table(self, X: Any, reset: bool = False) -> Any:
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if X.shape[0] < 1 or X.shape[1] < 1:
                raise ValueError(
                    f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) "
                    f"(shape={X.shape}) while a minimum of 1 is required."
                )
            return X
        read = validate_data(
            self, X, reset=reset, dtype=None, accept_sparse="csc", ensure_all_finite=False
        )
        if is_sparse(read) and read.dtype.kind not in "biuf":
            raise ValueError(f"a sparse X must hold real numbers; got {read.dtype}.")
        return read

    def _forest(self) -> Forest:
        check_is_fitted(self)
        return Forest([self])

    def _rules(self, n_samples: int, n_columns: int) -> Rules:
        """Check the parameters and say what they come to, for a draw of so many samples and
        columns.
        """
        one_of("splitter", self.splitter, ("best", "random"))
        one_of("criterion", self.criterion, self._criteria)
        whole_number("max_bins", self.max_bins, 3, 256)
        real_number("ccp_alpha", self.ccp_alpha, 0.0, np.inf)
        leaves = self.max_leaf_nodes
        return Rules(
            entropy=self.criterion in ("entropy", "log_loss"),
            random=self.splitter == "random",
            max_depth=2**31
            if self.max_depth is None
            else whole_number("max_depth", self.max_depth, 1, 2**31),
            min_samples_split=n_samples_of(
                "min_samples_split", self.min_samples_split, 2, n_samples
            ),
            min_samples_leaf=n_samples_of("min_samples_leaf", self.min_samples_leaf, 1, n_samples),
            min_weight_fraction_leaf=real_number(
                "min_weight_fraction_leaf", self.min_weight_fraction_leaf, 0.0, 0.5
            ),
            max_features=n_features(self.max_features, n_columns),
            max_leaf_nodes=0
            if leaves is None
            else whole_number("max_leaf_nodes", leaves, 2, 2**31),
            min_impurity_decrease=real_number(
                "min_impurity_decrease", self.min_impurity_decrease, 0.0, np.inf
            ),
            signs=self._signs(n_columns),
        )

    def _signs(self, n_columns: int) -> NDArray[np.int8] | None:
        if self.monotonic_cst is None:
            return None
        signs = np.asarray(self.monotonic_cst)
        if signs.shape != (self.n_features_in_,) or not np.isin(signs, (-1, 0, 1)).all():
            raise ValueError(
                f"monotonic_cst must hold -1, 0 or 1 for each of the {self.n_features_in_} "
                f"features; got {self.monotonic_cst!r}."
            )
        return signs.astype(np.int8)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = False
        return tags


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
    criterion : {"gini", "entropy", "log_loss"}
        What a split is to decrease.
    splitter : {"best", "random"}
        Whether all splits of a column are tried or one, at a bin edge drawn at random.
    max_depth, min_samples_split, min_samples_leaf, min_weight_fraction_leaf, max_features,
    random_state, \
max_leaf_nodes, min_impurity_decrease, class_weight, ccp_alpha, monotonic_cst
        As in `sklearn.tree.DecisionTreeClassifier`.
    max_bins : int in [3, 256]
        Codes of a column, the one for missing values among them.
    categorical_features : "from_dtype", None, mask, or column numbers or names
        Which columns hold categories. From the type: `category`, `Enum`, strings.

    Attributes
    ----------
    classes_ : (n_classes,)
        The labels.
    tree_ : Tree
        The nodes as arrays.
    feature_importances_ : (n_features,)
        The share of the decrease of impurity each column brought.
    max_features_, n_classes_, n_features_in_, n_outputs_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees.
    Fisher (1958), On grouping for maximum homogeneity, JASA 53.

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
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                f"HistTreeClassifier learns one label a row; got y of shape {y.shape}. Fit one "
                "classifier a label, or use sklearn.multioutput.MultiOutputClassifier."
            )
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        classes, numbers = np.unique(y, return_inverse=True)
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
        repeated = y if counts is None else np.repeat(y, counts)
        present = np.unique(repeated)
        assert prepared.classes is not None
        known = prepared.classes[present]
        if isinstance(self.class_weight, dict):
            chosen = {label: w for label, w in self.class_weight.items() if label in known}
        else:
            chosen = self.class_weight
        factors = np.ones(len(prepared.classes))
        factors[present] = compute_class_weight(chosen, classes=known, y=prepared.classes[repeated])
        base = (
            weights
            if weights is not None
            else np.ones(len(y))
            if counts is None
            else np.asarray(counts, float)
        )
        return None, base * factors[y]


class HistTreeRegressor(RegressorMixin, HistTree):
    """A regression tree grown on binned columns: scikit-learn's parameters, a fraction of its time.

    See `HistTreeClassifier` for what binning means, missing values, categories and ties. Several
    targets are learned together: a split is to decrease their mean squared error.

    Parameters
    ----------
    criterion : {"squared_error"}
        What a split is to decrease.
    splitter, max_depth, min_samples_split, min_samples_leaf, min_weight_fraction_leaf,
    max_features, random_state, \
max_leaf_nodes, min_impurity_decrease, ccp_alpha, monotonic_cst
        As in `sklearn.tree.DecisionTreeRegressor`.
    max_bins, categorical_features
        As in `HistTreeClassifier`.

    Attributes
    ----------
    tree_, feature_importances_, max_features_, n_features_in_, n_outputs_, feature_names_in_
        As in `HistTreeClassifier`.

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
        targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
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


def sample_weights(weights: Any) -> Floats | float | None:
    """Return checked weights as float64, a number for all rows, or None."""
    if weights is None:
        return None
    if isinstance(weights, Real):
        return real_number("sample_weight", weights, np.finfo(float).tiny, np.finfo(float).max)
    checked = check_array(weights, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if checked.ndim != 1:
        raise ValueError(
            f"sample_weight must be 1D array or scalar, a number a row; got shape {checked.shape}."
        )
    if (checked < 0).any() or not checked.any():
        raise ValueError("sample_weight must not be negative, and not all zero.")
    return np.asarray(checked)


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Check a parameter that is a word."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}; got {value!r}.")


def is_whole(value: Any) -> bool:
    """Tell whether a parameter is an integer, and not a truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_fraction(value: Any) -> bool:
    """Tell whether a parameter is a real number that is not an integer by type."""
    return isinstance(value, Real) and not isinstance(value, Integral)


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Return a parameter that is an integer in [low, high]."""
    if not is_whole(value) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer in [{low}, {high}]; got {value!r}.")
    return int(value)


def real_number(name: str, value: Any, low: float, high: float) -> float:
    """Return a parameter that is a number in [low, high]."""
    if not (is_whole(value) or is_fraction(value)) or not low <= value <= high:
        raise ValueError(f"{name} must be a number in [{low}, {high}]; got {value!r}.")
    return float(value)


def n_samples_of(name: str, value: Any, low: int, n_samples: int) -> int:
    """Return a number of samples given as such or as a share of them."""
    if is_whole(value) and value >= low:
        return int(value)
    if is_fraction(value) and 0.0 < value <= 1.0:
        return max(low, int(np.ceil(value * n_samples)))
    raise ValueError(
        f"{name} must be an integer of at least {low} or a float in (0, 1]; got {value!r}."
    )


def n_features(value: Any, n_columns: int) -> int:
    """Return how many columns a split is sought among."""
    if value is None:
        return n_columns
    if isinstance(value, str) and value in ("sqrt", "log2"):
        return max(1, int(np.sqrt(n_columns) if value == "sqrt" else np.log2(n_columns)))
    if is_whole(value) and value >= 1:
        return min(int(value), n_columns)
    if is_fraction(value) and 0.0 < value <= 1.0:
        return max(1, int(value * n_columns))
    raise ValueError(
        "max_features must be None, 'sqrt', 'log2', an integer of at least 1 or a float in "
        f"(0, 1]; got {value!r}."
    )
