"""Splitters that people ask for: continuous targets, groups, time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state

from ensembles.parameters import check_flag, check_groups, check_whole
from ensembles.validation.data import n_rows_of

__all__ = ["ContinuousStratifiedKFold", "GroupTimeSeriesSplit", "StratifiedGroupKFold"]

Rows = NDArray[np.intp]
Pairs = Iterator[tuple[Rows, Rows]]


class _KFold(BaseEstimator):
    """Folds that hold out every row once."""

    n_splits: int
    shuffle: bool
    random_state: Any

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return check_whole("n_splits", self.n_splits, least=2)

    def _generator(self) -> np.random.RandomState | None:
        shuffled = check_flag("shuffle", self.shuffle)
        if self.random_state is not None and not shuffled:
            raise ValueError(
                "random_state must be None unless shuffle=True, as it has no effect; got "
                f"{self.random_state!r}."
            )
        return check_random_state(self.random_state) if shuffled else None

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Pairs:
        """Yield (train, test) row numbers, ascending, for each fold."""
        fold_of = self._folds(n_rows_of(X), y, groups)
        for fold in range(self.n_splits):
            yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)

    def _folds(self, n_rows: int, y: Any, groups: Any) -> Rows:
        raise NotImplementedError


class ContinuousStratifiedKFold(_KFold):
    """K folds in each of which a continuous target is spread as in the whole.

    Rows are sorted by target and dealt out: of every ``n_splits`` neighbours one goes to each fold.
    So folds' means, spreads and tails agree as closely as they can, with no number of bins to
    choose.

    Parameters
    ----------
    n_splits : int, default=5
    shuffle : bool, default=False
        Whether neighbours are dealt in random order, rather than in turn there and back.
    random_state : int, RandomState or None, default=None

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.validation import ContinuousStratifiedKFold
    >>> y = np.arange(10.0) ** 2
    >>> [test.tolist() for _, test in ContinuousStratifiedKFold(2).split(y, y)]
    [[0, 3, 4, 7, 8], [1, 2, 5, 6, 9]]
    """

    def _folds(self, n_rows: int, y: Any, groups: Any) -> Rows:
        n_splits = self.get_n_splits()
        values = _targets(y, n_rows)
        _check_enough("rows", n_rows, n_splits)
        rng = self._generator()
        ties = np.arange(n_rows) if rng is None else rng.permutation(n_rows)
        order = np.lexsort((ties, values))
        turns = [_turn(k, n_splits, rng) for k in range(-(-n_rows // n_splits))]
        fold_of = np.empty(n_rows, dtype=np.intp)
        fold_of[order] = np.concatenate(turns)[:n_rows]
        return fold_of


def _turn(k: int, n_splits: int, rng: np.random.RandomState | None) -> Rows:
    """Folds in the order in which the k-th neighbours get theirs."""
    if rng is not None:
        return np.asarray(rng.permutation(n_splits))
    return np.arange(n_splits)[:: -1 if k % 2 else 1]


def _targets(y: Any, n_rows: int) -> NDArray[np.float64]:
    if y is None:
        raise ValueError("y must be given: folds are stratified by it; got None.")
    values = np.asarray(y)
    if values.shape != (n_rows,) or values.dtype.kind not in "iufb":
        raise ValueError(
            f"y must hold one number for each of the {n_rows} rows; got shape {values.shape}, "
            f"{values.dtype}."
        )
    values = values.astype(np.float64)
    if np.isnan(values).any():
        raise ValueError("y must not hold missing values; got NaN.")
    return values


def _check_enough(what: str, number: int, n_splits: int) -> None:
    if number < n_splits:
        raise ValueError(
            f"n_splits must not exceed the number of {what}, which is {number}; got {n_splits}."
        )


def _codes(groups: Any, n_rows: int) -> tuple[Rows, int]:
    if groups is None:
        raise ValueError("groups must be given; got None.")
    known, codes = np.unique(check_groups(groups, n_rows), return_inverse=True)
    return codes, len(known)


class StratifiedGroupKFold(_KFold):
    """K folds of whole groups in which classes, or a continuous target, are spread as in the whole.

    Groups are dealt out greedily, those that weigh most on the balance first, each to the fold
    whose counts it brings closest to an even share of every stratum; no fold is left empty.

    Parameters
    ----------
    n_splits : int, default=5
    shuffle : bool, default=False
        Whether groups of equal weight come in random order.
    random_state : int, RandomState or None, default=None
    n_bins : int, default=10
        Bins of equal count in which a continuous target is stratified; more than 20 distinct
        values are continuous.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.validation import StratifiedGroupKFold
    >>> y = np.tile([0, 0, 1], 8)
    >>> groups = np.repeat(np.arange(8), 3)
    >>> for train, test in StratifiedGroupKFold(4).split(y, y, groups):
    ...     print(np.unique(groups[test]), y[test].mean().round(2))
    [0 4] 0.33
    [1 5] 0.33
    [2 6] 0.33
    [3 7] 0.33
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: Any = None,
        n_bins: int = 10,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.n_bins = n_bins

    def _folds(self, n_rows: int, y: Any, groups: Any) -> Rows:
        n_splits = self.get_n_splits()
        codes, n_groups = _codes(groups, n_rows)
        _check_enough("groups", n_groups, n_splits)
        strata = _strata(y, n_rows, check_whole("n_bins", self.n_bins, least=2))
        counts = np.zeros((n_groups, strata.max() + 1))
        np.add.at(counts, (codes, strata), 1.0)
        return _dealt(counts / counts.sum(axis=0), n_splits, self._generator())[codes]


def _strata(y: Any, n_rows: int, n_bins: int) -> Rows:
    """Stratum of every row: its class, or the bin of its value."""
    if y is None or np.shape(y) != (n_rows,):
        raise ValueError(
            f"y must hold one class or number for each of the {n_rows} rows; got "
            f"{'None' if y is None else f'shape {np.shape(y)}'}."
        )
    values = np.asarray(y)
    known, codes = np.unique(values, return_inverse=True)
    if values.dtype.kind not in "iuf" or len(known) <= 20:
        return codes.ravel()
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(ranks * n_bins // n_rows)


def _dealt(shares: Any, n_splits: int, rng: np.random.RandomState | None) -> Rows:
    """Fold of every group, given what share of each stratum a group holds."""
    n_groups = len(shares)
    ties = np.arange(n_groups) if rng is None else rng.permutation(n_groups)
    order = np.lexsort((ties, -np.round(shares.max(axis=1), 12)))
    held = np.zeros((n_splits, shares.shape[1]))
    sizes = np.zeros(n_splits, dtype=np.intp)
    fold_of = np.empty(n_groups, dtype=np.intp)
    for place, group in enumerate(order):
        open_folds = np.arange(n_splits)
        if n_groups - place <= np.sum(sizes == 0):  # the rest is needed to leave no fold empty
            open_folds = np.flatnonzero(sizes == 0)
        excess = ((held[open_folds] + shares[group]) ** 2 - held[open_folds] ** 2).sum(axis=1)
        cost = np.round(excess, 12)
        best = open_folds[np.lexsort((open_folds, sizes[open_folds], cost))[0]]
        fold_of[group] = best
        held[best] += shares[group]
        sizes[best] += 1
    return fold_of


class GroupTimeSeriesSplit(BaseEstimator):
    """Folds of later groups after earlier ones, with rows left out between.

    Groups (days, say, or sessions) are taken in the order of their first row and
    never cut. Fold k tests on the k-th of the last blocks of groups and trains on groups before
    it, less ``gap`` groups just before the test block. Groups within ``embargo`` groups *after* an
    earlier test block are left out of training too, as their features may look back into it
    (Lopez de Prado 2018, chapter 7).

    Parameters
    ----------
    n_splits : int, default=5
    test_size : int or None, default=None
        Groups in a test block; ``n_groups // (n_splits + 1)`` when None.
    gap : int, default=0
        Groups left out between training and test.
    embargo : int, default=0
        Groups left out of training after each earlier test block.
    max_train_size : int or None, default=None
        Most groups to train on: the latest.

    References
    ----------
    M. Lopez de Prado (2018). Advances in financial machine learning. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.validation import GroupTimeSeriesSplit
    >>> days = np.repeat(np.arange(6), 2)
    >>> for train, test in GroupTimeSeriesSplit(2, gap=1).split(days, groups=days):
    ...     print(np.unique(days[train]), np.unique(days[test]))
    [0] [2 3]
    [0 1 2] [4 5]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: int | None = None,
        gap: int = 0,
        embargo: int = 0,
        max_train_size: int | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.test_size = test_size
        self.gap = gap
        self.embargo = embargo
        self.max_train_size = max_train_size

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return check_whole("n_splits", self.n_splits)

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Pairs:
        """Yield (train, test) row numbers, ascending, for each fold, earliest first."""
        n_splits = self.get_n_splits()
        check_consistent_length(X, y)
        codes, n_groups = _codes(groups, n_rows_of(X))
        turn_of = _by_first_row(codes, n_groups)[codes]
        size = self._size(n_groups, n_splits)
        gap = check_whole("gap", self.gap, least=0)
        embargo = check_whole("embargo", self.embargo, least=0)
        most = self.max_train_size
        most = n_groups if most is None else check_whole("max_train_size", most)
        starts = [n_groups - size * (n_splits - fold) for fold in range(n_splits)]
        if starts[0] - gap < 1:
            raise ValueError(
                f"n_splits={n_splits} test blocks of {size} groups after a gap of {gap} leave none "
                f"of the {n_groups} groups to learn from."
            )
        for place, start in enumerate(starts):
            usable = np.arange(start - gap)
            for earlier in starts[:place]:
                end = earlier + size
                usable = usable[(usable < end) | (usable >= end + embargo)]
            train = np.isin(turn_of, usable[-most:])
            test = (turn_of >= start) & (turn_of < start + size)
            yield np.flatnonzero(train), np.flatnonzero(test)

    def _size(self, n_groups: int, n_splits: int) -> int:
        if self.test_size is not None:
            return check_whole("test_size", self.test_size)
        _check_enough("groups less one", n_groups - 1, n_splits)
        return n_groups // (n_splits + 1)


def _by_first_row(codes: Rows, n_groups: int) -> Rows:
    """Place of every group in the order of first rows."""
    first = np.full(n_groups, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    place = np.empty(n_groups, dtype=np.intp)
    place[np.argsort(first, kind="stable")] = np.arange(n_groups)
    return place
