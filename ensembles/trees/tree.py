"""A grown tree as arrays, named as scikit-learn's are, and how it is grown from a draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import copysign, inf, ldexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.tables import is_frame
from ensembles.trees.binning import CATEGORICAL, Bins
from ensembles.trees.preparing import CLASSES, OUTPUTS, PACKED, SCALAR, Draw, Prepared
from ensembles.trees.tables import is_sparse

Floats = NDArray[np.float64]
LEAF = -1
"""The child of a leaf."""
KEEP = 256
"""Rows from which a node keeps its histograms; see `deep`."""
KEEP_FIELDS = 160
"""The same of many classes that share words; see `fields`."""
ONE, EPSILON = np.ones(1), float(np.finfo(float).eps)
BEHIND = 4
"""Records behind the last of a half: a wide read may reach over the end."""
HISTOGRAMS = 1 << 25
"""Words that histograms may take: 256 MB."""
NO_CATEGORIES = np.zeros((1, 4), np.uint64)
"""The categories of a tree that asks for none."""
NO_SQUARES = np.empty(0)


@dataclass(frozen=True, eq=False)
class Tree:
    """The nodes of a tree, depth first, left before right: the left child of node i is i + 1.

    A row goes left where its value is at most the threshold, compared as float64, or where its
    category is among the node's; missing values, and categories the node never saw, go where
    `missing_go_to_left` says. A reader that rounds to float32, as scikit-learn's trees do, finds
    the same leaves where the data are float32.

    Attributes
    ----------
    children_left, children_right
        (node_count,) -1 for a leaf.
    feature
        (node_count,) the column split on, -2 for a leaf.
    code
        (node_count,) the last code that goes left.
    missing_go_to_left
        (node_count,) 1 or 0.
    category_codes
        (node_count, 4) or (1, 4): the codes that go left as 256 bits, of nodes that split
        categories.
    n_node_samples, weighted_n_node_samples
        (node_count,)
    value
        (node_count, n_outputs, n_classes) class shares; (node_count, n_outputs, 1) means.
    squared_error
        (node_count,) the impurity times the number of outputs where the value does not tell it: of
        means, and of class shares that constraints keep in bounds. None else.
    """

    children_right: NDArray[np.int32]
    feature: NDArray[np.int32]
    code: NDArray[np.uint8]
    missing_go_to_left: NDArray[np.uint8]
    category_codes: NDArray[np.uint64]
    n_node_samples: NDArray[np.int64]
    weighted_n_node_samples: Floats
    value: Floats
    max_depth: int
    bins: Bins
    entropy: bool
    squared_error: Floats | None

    def renumbered(self, columns: NDArray[np.intp], bins: Bins) -> Tree:
        """Return the same tree over another table, in which column j stands at ``columns[j]``."""
        split = self.feature >= 0
        feature = self.feature.copy()
        feature[split] = columns[feature[split]]
        return replace(self, feature=feature, bins=bins)

    @property
    def n_features(self) -> int:
        """The number of columns of the table."""
        return len(self.bins.cuts)

    @cached_property
    def threshold(self) -> Floats:
        """(node_count,) in the data's own units; NaN for a categorical split, -2 for a leaf."""
        return thresholds(self.bins, self.feature, self.code)

    @cached_property
    def impurity(self) -> Floats:
        """(node_count,) Gini or entropy in bits; or the mean squared error, over the outputs."""
        if self.squared_error is None:
            return class_impurity(self.value[:, 0], self.entropy)
        return self.squared_error / self.n_outputs

    def speaking(self, value: Floats) -> Tree:
        """Return the same tree with other values in its nodes, (node_count, n_values)."""
        whole = self.impurity * value.shape[1]
        return replace(self, value=value[:, :, np.newaxis], squared_error=whole)

    @property
    def node_count(self) -> int:
        """The number of nodes, leaves among them."""
        return len(self.feature)

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int((self.children_right == LEAF).sum())

    @property
    def n_outputs(self) -> int:
        """The number of targets."""
        return int(self.value.shape[1])

    @property
    def children_left(self) -> NDArray[np.int32]:
        """The left child of each node, -1 for a leaf."""
        following = np.arange(1, self.node_count + 1, dtype=np.int32)
        return np.where(self.children_right == LEAF, np.int32(LEAF), following)

    @property
    def n_classes(self) -> NDArray[np.int64]:
        """(n_outputs,) the number of classes; of 1 for a regression."""
        return np.full(self.n_outputs, self.value.shape[2])

    @property
    def max_n_classes(self) -> int:
        """The number of classes; 1 for a regression."""
        return int(self.value.shape[2])

    @property
    def capacity(self) -> int:
        """How many nodes the arrays have room for: no more than there are."""
        return self.node_count

    def apply(self, X: Any) -> NDArray[np.int32]:
        """Return the number of the leaf that each row of a table reaches, (n_samples,)."""
        from ensembles.trees.forest import pack, places

        X = X.tocsc() if is_sparse(X) else X if is_frame(X) else np.asarray(X)
        if len(X.shape) != 2 or X.shape[1] != self.n_features:
            raise ValueError(f"X must be of shape (n_samples, {self.n_features}); got {X.shape}.")
        packed = pack(self.bins, [self])
        return packed.names[places(packed, X, slice(0, X.shape[0]))[:, 0]]

    def predict(self, X: Any) -> Floats:
        """Return the value of the leaf that each row reaches, (n_samples, n_classes) or
        (n_samples, n_outputs).
        """
        return self.value.reshape(self.node_count, -1)[self.apply(X)]

    def decision_path(self, X: Any) -> Any:
        """Return which nodes each row passes, a sparse (n_samples, n_nodes) matrix of ones."""
        from scipy.sparse import csr_matrix

        leaves, paths = self.apply(X), self.paths()
        nodes = np.fromiter(chain.from_iterable(paths[leaf] for leaf in leaves), np.int64)
        ends = np.cumsum([0, *(len(paths[leaf]) for leaf in leaves)])
        return csr_matrix(
            (np.ones(len(nodes), np.int64), nodes, ends), shape=(len(leaves), self.node_count)
        )

    def paths(self) -> dict[int, list[int]]:
        """Return the nodes from the root to each leaf."""
        found: dict[int, list[int]] = {}
        waiting = [(0, [0])]
        while waiting:
            node, path = waiting.pop()
            right = int(self.children_right[node])
            if right == LEAF:
                found[node] = path
            else:
                waiting += [(child, [*path, child]) for child in (right, node + 1)]
        return found

    def compute_feature_importances(self, normalize: bool = True) -> Floats:
        """Return the share of the decrease of impurity that each column brought (Breiman et al.
        1984).
        """
        split = np.flatnonzero(self.children_right != LEAF)
        left, right = self.children_left[split], self.children_right[split]
        heavy = self.weighted_n_node_samples * self.impurity
        decrease = np.maximum(heavy[split] - heavy[left] - heavy[right], 0.0)
        importances = np.bincount(self.feature[split], decrease, minlength=self.n_features)
        whole = importances.sum() if normalize else self.weighted_n_node_samples[0]
        return np.asarray(importances / whole if whole > 0 else importances, float)


@dataclass(frozen=True)
class Rules:
    """When a tree stops growing, and how it chooses; what the public parameters come to."""

    entropy: bool = False
    random: bool = False
    max_depth: int = 2**31
    min_samples_split: int = 2
    min_samples_leaf: int = 1
    min_weight_fraction_leaf: float = 0.0
    max_features: int = 2**31
    max_leaf_nodes: int = 0
    min_impurity_decrease: float = 0.0
    signs: NDArray[np.int8] | None = None


def grow_tree(
    prepared: Prepared, draw: Draw, rules: Rules, seed: int, columns: NDArray[np.int64]
) -> Tree:
    """Grow one tree on a draw, over the columns given."""
    from ensembles.trees import deep, small

    kinds, sizes, plain = prepared.kinds, prepared.sizes, prepared.plain
    if len(columns) < len(kinds):
        kinds, sizes = kinds[columns], sizes[columns]
        plain = plain or not kinds.any()
    signs = np.zeros(len(columns), np.int8) if rules.signs is None else rules.signs[columns]
    m, n_payload = draw.payload.shape
    constrained = rules.signs is not None and bool(signs.any())
    by_table = rules.random or draw.mode == OUTPUTS or (draw.by_rows and rules.min_samples_leaf > 1)
    need = deep.USUAL if plain else deep.GAPPED
    if by_table or constrained or (not plain and bool((kinds == CATEGORICAL).any())):
        need = deep.TABULAR
    n_words = n_payload + (len(columns) + 7) // 8
    records = np.empty((2 * (m + BEHIND), n_words + n_words % 2), np.uint64)
    cells = records.view(np.uint8)
    deep.gather(prepared.codes, draw.rows, columns, draw.payload, records, cells)
    capacity = max(1, 2 * min(m, rules.max_leaf_nodes or m, 2 ** min(rules.max_depth, 40)) - 1)
    planes, keep = histogram_planes(draw, rules)
    width = 256 * planes
    pooled = draw.mode != OUTPUTS and not by_table and rules.max_features >= len(columns)
    n_blocks = 0
    if pooled and m >= keep and (plain or bool((kinds != CATEGORICAL).any())):
        wanted = rules.max_leaf_nodes + 2 if rules.max_leaf_nodes else (m // keep).bit_length() + 3
        possible = HISTOGRAMS // (len(columns) * width)
        n_blocks = min(wanted, possible) if possible > 1 else 0
    settings = deep.Settings(
        n_rows=m,
        n_columns=len(columns),
        first=8 * n_payload,
        n_sums=draw.n_sums,
        entropy=int(rules.entropy),
        exact=int(draw.exact),
        by_rows=int(draw.by_rows),
        max_depth=rules.max_depth,
        min_samples_split=rules.min_samples_split,
        min_samples_leaf=rules.min_samples_leaf,
        max_features=rules.max_features,
        max_leaf_nodes=rules.max_leaf_nodes,
        random=int(rules.random),
        seed=seed,
        n_blocks=n_blocks,
        constrained=int(constrained),
        width=width,
        keep=keep,
        sheet_width=small.sheet_width(min(len(columns), rules.max_features)),
    )
    least_weight = scaled(rules.min_weight_fraction_leaf * draw.total, draw.weight_power)
    least = max(least_weight, 1.0 if draw.by_rows else float(rules.min_samples_leaf))
    scale, units, power = decrease_units(prepared, draw)
    enough = scaled(rules.min_impurity_decrease * draw.total - EPSILON * draw.total, power)
    desk = deep.desk_for(draw.mode, need, capacity, settings)
    n_nodes = deep.grower(draw.mode, need)(
        records,
        cells,
        records.view(np.float64),
        np.array(settings),
        least,
        enough,
        scale,
        kinds,
        sizes,
        signs,
        units,
        *desk,
    )
    return finish(prepared, draw, rules, columns, desk, n_nodes)


def histogram_planes(draw: Draw, rules: Rules) -> tuple[int, int]:
    """Return the number of tables of 256 words in a histogram of one column, and the rows from
    which a node keeps its histograms.
    """
    from ensembles.trees import fields

    if draw.mode != CLASSES:
        planes = 2 if draw.mode == SCALAR else 1
        return planes, KEEP
    n_classes, counts = draw.n_sums - 1, draw.exact and not rules.entropy
    fours = (n_classes + 3) // 4
    if not counts or n_classes > fields.MOST_CLASSES:
        return n_classes, max(KEEP, 64 * n_classes)
    light = draw.total <= fields.FOUR_A_WORD
    return fours if light else n_classes, max(KEEP_FIELDS, 32 * fours)


def scaled(number: float, power: int) -> float:
    """Return number x 2^power, infinite where no double holds it."""
    try:
        return ldexp(number, power)
    except OverflowError:
        return copysign(inf, number)


def decrease_units(prepared: Prepared, draw: Draw) -> tuple[float, Floats, int]:
    """Return what turns a kernel's gain, and each output's squared sums, into a decrease of
    impurity, and the power of two by which that is more than the user's.

    Weights and targets may be so heavy or so small that no number holds it in the user's units.
    """
    if prepared.classes is not None:
        return 2.0 if draw.mode in (PACKED, SCALAR) else 1.0, ONE, draw.weight_power
    if len(draw.powers) == 1:
        return 1.0, ONE, 2 * int(draw.powers[0]) - draw.weight_power
    powers = draw.weight_power - 2 * draw.powers
    largest = int(powers.max())
    return 1.0, np.ldexp(1.0, powers - largest) / len(powers), -largest


def finish(
    prepared: Prepared,
    draw: Draw,
    rules: Rules,
    columns: NDArray[np.int64],
    desk: Any,
    n: int,
) -> Tree:
    """Turn what the kernel left on the desk, a tree of n nodes, into a tree in the user's units."""
    from ensembles.trees import describing

    listed = np.empty(n, np.int64)
    right, feature = np.empty(n, np.int32), np.empty(n, np.int32)
    code, missing_left = np.empty(n, np.uint8), np.empty(n, np.uint8)
    samples, weight, values = np.empty(n, np.int64), np.empty(n), np.empty((n, prepared.n_values))
    squares = None if prepared.classes is not None else np.empty(n)
    depth = describing.describe(
        desk.nodes,
        desk.errors,
        desk.totals,
        columns,
        desk.frontier,
        listed,
        right,
        feature,
        code,
        missing_left,
        samples,
        weight,
        values,
        NO_SQUARES if squares is None else squares,
    )
    if squares is None and len(desk.bounds) > 1:  # of the rows, not of the shares kept in bounds
        squares = class_impurity(values, rules.entropy)
    sorts = not prepared.plain and prepared.kinds[columns].max(initial=0) == CATEGORICAL
    return Tree(
        children_right=right,
        feature=feature,
        code=code,
        missing_go_to_left=missing_left,
        category_codes=desk.sides[listed] if sorts else NO_CATEGORIES,
        n_node_samples=samples,
        weighted_n_node_samples=times_two_to(-draw.weight_power, weight),
        value=spoken(prepared, draw, values, desk.bounds, listed),
        max_depth=depth,
        bins=prepared.bins,
        entropy=rules.entropy,
        squared_error=squares,
    )


def spoken(
    prepared: Prepared, draw: Draw, values: Floats, bounds: Floats, listed: NDArray[np.int64]
) -> Floats:
    """Return what nodes of these values say, (n_nodes, 1, n_classes) or (n_nodes, n_outputs, 1):
    class shares, or means in the user's units, within what monotonic constraints allow.
    """
    limited = len(bounds) > 1
    if prepared.classes is not None:
        if limited and values.shape[1] == 2:  # of one class all have the share of one
            values[:, 1:] = bounded(values[:, 1:], bounds[listed], draw)
            np.subtract(1.0, values[:, 1], out=values[:, 0])
        return values[:, np.newaxis, :]
    for target, power in enumerate(draw.powers.tolist()):
        times_two_to(draw.weight_power - power, values[:, target])
    if limited:
        values = bounded(values, bounds[listed], draw)
    values += prepared.centre
    return values[:, :, np.newaxis]


def times_two_to(power: int, numbers: Floats) -> Floats:
    """Multiply numbers by 2^power where they stand, and return them: by a product, which rounds
    alike and is quicker, where the power is a double.
    """
    if -1022 <= power <= 1023:
        numbers *= 2.0**power
    else:
        np.ldexp(numbers, power, out=numbers)
    return numbers


def bounded(means: Floats, bounds: Floats, draw: Draw) -> Floats:
    """Keep means within what monotonic constraints allow a node."""
    limits = np.ldexp(bounds, draw.weight_power - int(draw.powers[0]))
    return np.clip(means, limits[:, :1], limits[:, 1:])


def class_impurity(shares: Floats, entropy: bool) -> Floats:
    """Return the entropy in bits, or the Gini impurity, of class shares (n_nodes, n_classes)."""
    if entropy:
        return np.asarray(-(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(axis=1))
    return np.asarray(1.0 - (shares * shares).sum(axis=1))


def thresholds(bins: Bins, feature: NDArray[np.int32], code: NDArray[np.uint8]) -> Floats:
    """Return the value that each code stands for: the cut above it, or infinity above the last."""
    split, kinds = feature >= 0, bins.kinds
    found = np.full(len(feature), -2.0)
    table, n_cuts = bins.table
    at = np.minimum(code[split].astype(np.int64) - 1, n_cuts[feature[split]])
    found[split] = np.where(at >= 0, table[feature[split], at], -np.inf)
    found[split] = np.where(kinds[feature[split]] == CATEGORICAL, np.nan, found[split])
    return found
