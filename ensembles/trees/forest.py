"""Predict with many trees as with one: their nodes packed into one array, their answers from one
kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.trees.binning import CATEGORICAL, Bins
from ensembles.trees.preparing import Prepared
from ensembles.trees.tree import Tree

Floats = NDArray[np.float64]
Bits = NDArray[np.uint8]
MEANS, VOTES, LEAVES = 0, 1, 2
LARGEST = 63
"""Nodes of the largest tree that is swept: beyond, most nodes would move few rows."""
WIDEST = 1024
"""Columns of the widest table that is swept, so that a block stays in the cache."""
LEAVES_AT_ONCE = 1 << 22
"""Leaves of rows in trees that are held at a time."""


@dataclass(frozen=True)
class HeldOut:
    """What the members that were not shown a row say of it.

    Attributes
    ----------
    sums
        (n_rows, n_values) their values, or votes, added up.
    n_members
        (n_rows,) how many they are.
    """

    sums: Floats
    n_members: NDArray[np.int64]

    @property
    def mean(self) -> Floats:
        """Their mean; NaN for a row that every member was shown."""
        with np.errstate(invalid="ignore"):
            return self.sums / self.n_members[:, np.newaxis]


@dataclass(frozen=True)
class Packed:
    """Trees that share their bins, as the arrays of the kernel; see `traversing`."""

    bins: Bins
    columns: NDArray[np.intp]
    nodes: NDArray[np.uint64]
    roots: NDArray[np.int64]
    asks: NDArray[np.int32]
    sides: NDArray[np.uint64]
    values: Floats
    votes: NDArray[np.int32]
    names: NDArray[np.int32]

    def ask(
        self,
        how: int,
        codes: NDArray[np.uint8],
        in_bag: Bits,
        first_row: int,
        sums: Floats,
        n_asked: NDArray[np.int64],
        leaves: NDArray[np.int32],
    ) -> None:
        """Add the trees' answers about coded rows to the sums; see `traversing.ask`."""
        sizes = np.diff(self.roots, append=len(self.nodes))
        small = sizes.max() <= LARGEST and codes.shape[1] <= WIDEST
        if small and len(self.asks) == 0 and in_bag.shape[1] == 0:
            from ensembles.trees import sweeping

            sweeping.sweep(
                self.nodes,
                self.roots,
                sizes,
                self.values,
                self.votes,
                how,
                codes,
                sums,
                n_asked,
                leaves,
                np.empty((codes.shape[1], sweeping.BLOCK), np.uint8),
                np.empty(sweeping.BLOCK, np.uint8),
            )
            return
        from ensembles.trees import lockstep, traversing

        traversing.ask(
            self.nodes,
            self.roots,
            self.asks,
            self.sides,
            self.values,
            self.votes,
            how,
            codes.ravel(),
            codes.shape[1],
            in_bag,
            first_row,
            sums,
            n_asked,
            leaves,
            np.empty(traversing.BLOCK + lockstep.LANES, np.uint64),
            np.empty((2, lockstep.LANES), np.uint64),
        )


def pack(bins: Bins, trees: Sequence[Tree]) -> Packed:
    """Pack trees that share their bins."""
    from ensembles.trees.packing import pack_tree

    sizes = np.array([t.node_count for t in trees])
    roots = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    columns = split_columns(trees)
    numbers = np.zeros(trees[0].n_features, np.int64)
    numbers[columns] = np.arange(len(columns))
    categorical = bins.kinds == CATEGORICAL
    n_asks = 0
    if categorical[columns].any():
        n_asks = sum(int(categorical[t.feature[t.feature >= 0]].sum()) for t in trees)
    n_nodes, n_values = int(sizes.sum()), trees[0].value[0].size
    packed = Packed(
        bins,
        columns,
        np.empty(n_nodes, np.uint64),
        roots,
        np.zeros(n_nodes if n_asks else 0, np.int32),
        np.zeros((max(n_asks, 1), 4), np.uint64),
        np.empty((n_nodes, n_values)),
        np.empty(n_nodes, np.int32),
        np.empty(n_nodes, np.int32),
    )
    places, n_asked = np.empty(sizes.max(), np.int64), 0
    for tree, root in zip(trees, roots, strict=True):
        n_asked = pack_tree(
            tree.children_right,
            tree.feature,
            tree.code,
            tree.missing_go_to_left,
            tree.category_codes,
            np.ascontiguousarray(tree.value.reshape(-1, n_values)),
            categorical.view(np.uint8),
            numbers,
            root,
            n_asked,
            packed.nodes,
            packed.names,
            packed.asks,
            packed.sides,
            packed.values,
            packed.votes,
            places,
        )
    return packed


def split_columns(trees: Sequence[Tree]) -> NDArray[np.intp]:
    """Return the columns that the trees split on, in order."""
    split = np.zeros(trees[0].n_features + 2, bool)
    for tree in trees:
        split[tree.feature] = True  # a leaf's is -2, one of the two behind the columns
        if split[:-2].all():
            break
    columns = np.flatnonzero(split[:-2])
    if len(columns) > 1 << 16:
        raise ValueError(
            f"a forest may split on at most 65536 columns; these trees split on {len(columns)}."
        )
    return columns


class Forest:
    """The fitted trees of an ensemble, packed.

    Members speak in their order, so every answer about a row is the same, to the last bit, however
    the rows are cut into blocks and whether members are added at once or one by one.

    Parameters
    ----------
    members
        Fitted `HistTreeClassifier` (of equal `classes_`) or `HistTreeRegressor`.
    columns
        For each member the columns that its own columns are of the table asked about; None, or None
        for a member, where it was fitted on all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.trees import Forest, HistTreeRegressor
    >>> X, y = np.arange(8.0)[:, None], np.arange(8.0)
    >>> trees = [HistTreeRegressor(max_depth=depth).fit(X, y) for depth in (1, 2, 3)]
    >>> Forest(trees).mean(X[:2])
    array([[0.66666667],
           [1.        ]])
    """

    def __init__(self, members: Iterable[Any], columns: Sequence[Any] | None = None) -> None:
        members = list(members)
        own = [None] * len(members) if columns is None else list(columns)
        if not members:
            raise ValueError("a forest needs at least one tree; got none.")
        for member in members[1:]:
            if not np.array_equal(
                getattr(member, "classes_", ()), getattr(members[0], "classes_", ())
            ):
                raise ValueError("the trees of a forest must know the same classes.")
        placed = [_placed(member, features) for member, features in zip(members, own, strict=True)]
        runs = groupby(placed, key=lambda bins_and_tree: id(bins_and_tree[0]))
        self.runs = [
            pack(run[0][0], [tree for _, tree in run]) for run in map(list, (r for _, r in runs))
        ]
        self.n_members = len(members)
        self.n_values = self.runs[0].values.shape[1]

    def mean(self, X: Any, start: int = 0, stop: int | None = None) -> Floats:
        """Return the members' mean, (n_rows, n_classes) shares or (n_rows, n_outputs), of rows
        start..stop.
        """
        return self.sums(X, start, stop) / self.n_members

    def sums(self, X: Any, start: int = 0, stop: int | None = None) -> Floats:
        """Return the sum of the members' values, (n_rows, n_values), of rows start..stop."""
        return self._ask(MEANS, X, start, stop).sums

    def weighted_median(
        self, X: Any, start: int = 0, stop: int | None = None, *, weights: Floats
    ) -> Floats:
        """Return the smallest of the members' values at which half of their weight is reached.

        Parameters
        ----------
        weights
            (n_members,) not negative, not all zero.

        Returns
        -------
        (n_rows,), the same to the last bit as sorting each row's values.
        """
        from ensembles.trees.medians import find_medians, in_whole_numbers, ranked
        from ensembles.trees.vectors import LANES

        values = np.concatenate([run.values[:, 0] for run in self.runs])
        votes = np.ascontiguousarray(weights, np.float64)
        desk = (
            *ranked(values),
            votes,
            *in_whole_numbers(votes),
            np.zeros((self.n_members + 1, LANES), np.int32),
            np.empty((4, LANES), np.int32),
            np.zeros(len(values)),
        )
        stop = (X.n_rows if isinstance(X, Prepared) else X.shape[0]) if stop is None else stop
        medians = np.empty(stop - start)
        step = max(1, LEAVES_AT_ONCE // self.n_members)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            places = np.ascontiguousarray(self._all_places(X, first, last).T)
            find_medians(places, *desk, medians[first - start : last - start])
        return medians

    def _all_places(self, X: Any, start: int, stop: int) -> NDArray[np.int32]:
        """The place of each row's leaf in each tree, among the nodes of all runs."""
        places = self._places(X, start, stop)
        if len(places) == 1:
            return places[0]
        firsts = np.cumsum([0, *(len(run.values) for run in self.runs)])
        shifted = [own + np.int32(first) for own, first in zip(places, firsts[:-1], strict=True)]
        return np.concatenate(shifted, axis=1)

    def votes(self, X: Any, start: int = 0, stop: int | None = None) -> Floats:
        """Return how many members choose each class, (n_rows, n_classes), for rows start..stop."""
        return self._ask(VOTES, X, start, stop).sums

    def held_out(
        self, X: Any, in_bag: Bits, hard: bool = False, start: int = 0, stop: int | None = None
    ) -> HeldOut:
        """Return what the members that were not shown a row say of it.

        Parameters
        ----------
        X
            The `Prepared` training set, or any table.
        in_bag
            (n_members, n_bytes) from `in_bag_bits`.
        hard
            Count votes in place of adding values.
        start, stop
            The rows asked about.
        """
        return self._ask(VOTES if hard else MEANS, X, start, stop, in_bag)

    def leaves(self, X: Any, start: int = 0, stop: int | None = None) -> NDArray[np.int32]:
        """Return the leaf that each row reaches in each tree, (n_rows, n_members)."""
        places = self._places(X, start, stop)
        return np.concatenate(
            [run.names[place] for run, place in zip(self.runs, places, strict=True)], axis=1
        )

    def members(self, X: Any, start: int = 0, stop: int | None = None) -> Floats:
        """Return what each member says, (n_members, n_rows, n_values)."""
        places = self._places(X, start, stop)
        answers = [run.values[place.T] for run, place in zip(self.runs, places, strict=True)]
        return np.concatenate(answers)

    def _places(self, X: Any, start: int, stop: int | None) -> list[NDArray[np.int32]]:
        rows = slice(
            start, (X.n_rows if isinstance(X, Prepared) else X.shape[0]) if stop is None else stop
        )
        return [places(run, X, rows) for run in self.runs]

    def _ask(
        self, how: int, X: Any, start: int, stop: int | None, in_bag: Bits | None = None
    ) -> HeldOut:
        n_rows = X.n_rows if isinstance(X, Prepared) else X.shape[0]
        rows = slice(start, n_rows if stop is None else stop)
        sums = np.zeros((rows.stop - start, self.n_values))
        n_asked = np.zeros(rows.stop - start, np.int64)
        first = 0
        for run in self.runs:
            bits = no_bits(run) if in_bag is None else in_bag[first : first + len(run.roots)]
            run.ask(
                how, coded(run, X, rows), bits, start, sums, n_asked, np.empty((0, 0), np.int32)
            )
            first += len(run.roots)
        return HeldOut(sums, n_asked)


def _placed(member: Any, features: Any) -> tuple[Bins, Tree]:
    """A member's bins and tree, its columns numbered as in the table asked about."""
    if features is None:
        return member.bins_, member.tree_
    bins = member._whole_bins
    return bins, member.tree_.renumbered(np.asarray(features, np.intp), bins)


def places(run: Packed, X: Any, rows: slice) -> NDArray[np.int32]:
    """Return the place of each row's leaf among the packed nodes, (n_rows, n_trees); the rows of a
    tree are neighbours in memory.
    """
    n_rows = rows.stop - rows.start
    found = np.empty((len(run.roots), n_rows), np.int32)
    none, sums = np.empty(0, np.int64), np.empty((n_rows, 0))
    run.ask(LEAVES, coded(run, X, rows), no_bits(run), 0, sums, none, found)
    return found.T


def coded(run: Packed, X: Any, rows: slice) -> NDArray[np.uint8]:
    """Return the codes of some rows, of the columns that the trees split on."""
    if isinstance(X, Prepared):
        whole = len(run.columns) == X.codes.shape[1]
        return np.ascontiguousarray(X.codes[rows] if whole else X.codes[rows][:, run.columns])
    if rows.start == 0 and rows.stop in (None, X.shape[0]):
        return run.bins.encode(X, run.columns)
    if hasattr(X, "iloc"):
        return run.bins.encode(X.iloc[rows], run.columns)
    return run.bins.encode(X.tocsr()[rows].tocsc() if hasattr(X, "tocsr") else X[rows], run.columns)


def no_bits(run: Packed) -> Bits:
    """Return the marks of a run whose trees are asked about every row."""
    return np.empty((len(run.roots), 0), np.uint8)


def in_bag_bits(draws: Sequence[NDArray[Any]], n_rows: int) -> Bits:
    """Return one bit for each member and row, (n_members, ceil(n_rows / 8)): set where the member
    was shown the row.
    """
    from ensembles.trees.traversing import mark

    bits = np.zeros((len(draws), (n_rows + 7) // 8), np.uint8)
    for row, drawn in zip(bits, draws, strict=True):
        mark(np.ascontiguousarray(drawn, np.int64), row)
    return bits
