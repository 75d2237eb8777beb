"""Splitters: what users write, planned for a table as draws."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length

from ensembles.naming import named_here
from ensembles.parameters import (
    check_flag,
    check_groups,
    check_real,
    check_whole,
    is_real,
    is_whole,
    proportions,
)
from ensembles.resampling.addresses import seed_of
from ensembles.resampling.draws import DirichletDraws, Draws, GroupDraws, RandomDraws
from ensembles.resampling.rows import (
    Rows,
    Weights,
    allocate,
    block_rows,
    bootstrap_rows,
    dirichlet_rows,
    group_rows,
    stratified_rows,
    subsample_rows,
)


def check_size(name: str, size: Any, n: int, total: float, whole: int, replace: bool = True) -> int:
    """Turn a size given as None, a count or a share into a count.

    Parameters
    ----------
    name : str
        The parameter's name, for the message.
    size : None, int or float
        None asks for ``whole``, an integer for itself, a float in (0, 1] for that share of
        ``total``.
    n : int
        How many there are to draw from; the most that can be drawn without replacement.
    """
    if size is None:
        return whole
    if is_whole(size) and size >= 1:
        count = int(size)
    elif is_real(size) and not is_whole(size) and 0 < size <= 1 and np.isfinite(total):
        count = max(int(size * total), 1)
    else:
        most = "n" if replace else f"{n}"
        raise ValueError(
            f"{name} must be None, an integer in [1, {most}] or a float in (0, 1]; got {size!r}."
        )
    if not replace and count > n:
        raise ValueError(
            f"Effective {name}={count} must be <= n_samples={n} to be able to sample without "
            f"replacement. Got {name}={size!r}."
        )
    return count


def _warn_of_few(max_samples: Any, size: int, n_rows: int, total: float) -> None:
    """Warn where a share of a small total weight makes a draw of a handful of rows."""
    if isinstance(max_samples, float) and size < max(10.0, n_rows ** (1 / 3)):
        warnings.warn(
            f"Using the fractional value max_samples={max_samples} when the total sum of sample "
            f"weights is {total} results in a low number ({size}) of bootstrap samples. We "
            "recommend passing `max_samples` as an integer instead.",
            UserWarning,
            stacklevel=2,
        )


def _eligible(rows: Rows, sample_weight: Weights | None) -> tuple[Rows, Weights | None]:
    """Those of ``rows`` that have positive weight, and their weights unless all are equal."""
    if sample_weight is None:
        return rows, None
    rows = rows[sample_weight[rows] > 0]
    weights = sample_weight[rows]
    return rows, None if np.all(weights == weights[:1]) else weights


def _strata(y: ArrayLike | None, n_rows: int) -> list[Rows]:
    """Rows of each class, classes in ascending order."""
    if y is None:
        raise ValueError("stratify=True needs y, the class of every row; got y=None.")
    labels = np.asarray(y)
    if labels.shape[:1] != (n_rows,):
        raise ValueError(
            f"y must hold one class for each of the {n_rows} rows; got shape {labels.shape}."
        )
    if labels.dtype.kind == "f" and np.any(labels != np.floor(labels)):
        raise ValueError("stratify=True needs class labels; got a y of continuous numbers.")
    axis = 0 if labels.ndim > 1 else None  # along an axis NumPy 2.0 sorts no objects
    codes = np.unique(labels, return_inverse=True, axis=axis)[1].ravel()
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])


def _n_rows(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


class Resampler(BaseEstimator):
    """Base of the splitters of this room: ``plan`` says how, the rest follows.

    Being estimators in scikit-learn's sense of parameters, they can be cloned and searched:
    ``GridSearchCV(Bagging(resampling=Subsample()), {"resampling__max_samples": [0.3, 0.6]})``.
    """

    n_splits: int
    random_state: Any

    def plan(
        self,
        n_rows: int,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: Weights | None = None,
        *,
        seed: int | None = None,
        weighted: bool = False,
    ) -> Draws:
        """Return the draws of a data set of ``n_rows`` rows, to be asked for by number.

        Parameters
        ----------
        n_rows : int
        y, groups, sample_weight : array-like of shape (n_rows,), optional
            Classes (for ``stratify``), groups, and weights in proportion to which rows are drawn.
        seed : int, optional
            Used when the splitter has no ``random_state`` of its own.
        weighted : bool
            Whether whoever asks can use row weights, where the method has them.
        """
        raise NotImplementedError

    def _seed(self, seed: int | None) -> int:
        if self.random_state is None and seed is not None:
            return seed
        return seed_of(self.random_state)

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield ``n_splits`` pairs of training rows (repeats included) and held-out rows.

        A draw that happens to hold every row holds nothing out; it is passed over, as a score
        cannot be had from it, and the next one is taken.
        """
        if _n_rows(X) < 1:
            raise ValueError("X must hold at least 1 row; got none.")
        draws = self.plan(_n_rows(X), y, groups)
        check_consistent_length(X, y, groups)
        found, tries = 0, 0
        while found < self.get_n_splits():
            draw = draws[tries]
            tries += 1
            if len(draw.test):
                found += 1
                yield draw
            elif tries > 100 * (found + 1):
                raise ValueError(f"{self!r} holds no row of these {draws.n_rows} rows out.")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many pairs ``split`` yields."""
        return check_whole("n_splits", self.n_splits)


class _RowResampler(Resampler):
    """Draws of single rows, with or without replacement, stratified or not."""

    _replace: bool

    def __init__(
        self,
        n_splits: int = 10,
        *,
        max_samples: int | float | None = None,
        stratify: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.max_samples = max_samples
        self.stratify = stratify
        self.random_state = random_state

    def _whole(self, rows: Rows) -> int:
        return len(rows)

    def plan(
        self,
        n_rows: int,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: Weights | None = None,
        *,
        seed: int | None = None,
        weighted: bool = False,
    ) -> Draws:
        """Return the draws of a data set of ``n_rows`` rows, to be asked for by number."""
        rows, weights = _eligible(np.arange(n_rows), sample_weight)
        with np.errstate(over="ignore"):
            total = float(len(rows)) if sample_weight is None else float(sample_weight.sum())
        size = check_size(
            "max_samples", self.max_samples, len(rows), total, self._whole(rows), self._replace
        )
        if sample_weight is not None:
            _warn_of_few(self.max_samples, size, len(rows), total)
            sample_weight = proportions(sample_weight)
            rows, weights = _eligible(rows, sample_weight)
        if check_flag("stratify", self.stratify):
            draw = self._draw_in_strata(_strata(y, n_rows), size, sample_weight)
        else:
            draw = self._draw_from(rows, size, weights)
        return RandomDraws(n_rows, self._seed(seed), draw, repeats=self._replace)

    def _draw_in_strata(
        self, strata: list[Rows], size: int, sample_weight: Weights | None
    ) -> Callable[[np.random.Generator], Rows]:
        parts = [_eligible(rows, sample_weight) for rows in strata]
        masses = [
            float(len(rows)) if sample_weight is None else float(sample_weight[rows].sum())
            for rows, _ in parts
        ]
        most = None if self._replace else np.asarray([len(rows) for rows, _ in parts])
        shares = allocate(np.asarray(masses), size, most)
        draws = [
            self._draw_from(rows, int(share), weights)
            for (rows, weights), share in zip(parts, shares, strict=True)
            if share
        ]
        return partial(stratified_rows, draws=draws)

    def _draw_from(
        self, rows: Rows, size: int, weights: Weights | None
    ) -> Callable[[np.random.Generator], Rows]:
        if self._replace:
            cumulative = None if weights is None else np.cumsum(weights)
            return partial(bootstrap_rows, rows=rows, size=size, cumulative=cumulative)
        return partial(subsample_rows, rows=rows, size=size, weights=weights)


@named_here
class Bootstrap(_RowResampler):
    """Rows drawn with replacement; the rows never drawn are held out.

    With as many draws as rows, a draw holds about 63.2 % of the rows and leaves out 36.8 %.

    Parameters
    ----------
    n_splits : int, default=10
        Pairs that ``split`` yields. Bagging asks for as many draws as it has members.
    max_samples : int, float or None, default=None
        How many rows are drawn: a count, a share of the rows (of the total weight when there are
        weights), or, when None, as many as there are rows of positive weight.
    stratify : bool, default=False
        Draw inside every class, so that each keeps its share (largest remainders decide).
    random_state : int, RandomState, Generator or None, default=None
        Draw i comes from ``(random_state, i)``. None is different at every ``split``, and is
        Bagging's own seed inside Bagging.

    See Also
    --------
    Subsample : without replacement.

    References
    ----------
    B. Efron (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7.

    Examples
    --------
    >>> from ensembles.resampling import Bootstrap
    >>> train, test = next(Bootstrap(random_state=0).split([[1], [2], [3], [4], [5]]))
    >>> sorted(set(train.tolist()) | set(test.tolist()))
    [0, 1, 2, 3, 4]
    >>> len(train)
    5
    """

    _replace = True


class Subsample(_RowResampler):
    """Rows drawn without replacement (pasting, subagging); the rest is held out.

    Half the rows without replacement behave much as a whole bootstrap does (Buehlmann and Yu 2002)
    and cost half of it.

    Parameters
    ----------
    n_splits : int, default=10
        Pairs that ``split`` yields. Bagging asks for as many draws as it has members.
    max_samples : int, float or None, default=0.5
        How many rows are drawn: a count, a share, or all of them when None.
    stratify : bool, default=False
        Draw inside every class, so that each keeps its share.
    random_state : int, RandomState, Generator or None, default=None
        Draw i comes from ``(random_state, i)``.

    References
    ----------
    L. Breiman (1999). Pasting small votes for classification in large databases and on-line.
    Machine Learning 36.

    P. Buehlmann and B. Yu (2002). Analyzing bagging. Annals of Statistics 30.

    Examples
    --------
    >>> from ensembles.resampling import Subsample
    >>> train, test = next(Subsample(max_samples=3, random_state=0).split([[1], [2], [3], [4]]))
    >>> len(train), len(test)
    (3, 1)
    """

    _replace = False

    def __init__(
        self,
        n_splits: int = 10,
        *,
        max_samples: int | float | None = 0.5,
        stratify: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_splits, max_samples=max_samples, stratify=stratify, random_state=random_state
        )


class GroupBootstrap(Resampler):
    """Whole groups drawn with replacement; the groups never drawn are held out.

    For rows that come in clusters (patients, users, sites): no group is ever on both sides.

    Parameters
    ----------
    n_splits : int, default=10
        Pairs that ``split`` yields. Bagging asks for as many draws as it has members.
    max_groups : int, float or None, default=None
        How many groups are drawn: a count, a share, or as many as there are when None.
    random_state : int, RandomState, Generator or None, default=None
        Draw i comes from ``(random_state, i)``.

    References
    ----------
    A. Davison and D. Hinkley (1997). Bootstrap Methods and their Application, section 3.8.

    Examples
    --------
    >>> from ensembles.resampling import GroupBootstrap
    >>> groups = ["a", "a", "b", "b", "c", "c"]
    >>> train, test = next(GroupBootstrap(random_state=1).split(groups, groups=groups))
    >>> {groups[row] for row in train} & {groups[row] for row in test}
    set()
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012 (scikit-learn's declaration)

    def __init__(
        self,
        n_splits: int = 10,
        *,
        max_groups: int | float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.max_groups = max_groups
        self.random_state = random_state

    def plan(
        self,
        n_rows: int,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: Weights | None = None,
        *,
        seed: int | None = None,
        weighted: bool = False,
    ) -> Draws:
        """Return the draws of a data set of ``n_rows`` rows, to be asked for by number."""
        codes = _group_codes(groups, n_rows)
        rows, weights = _eligible(np.arange(n_rows), sample_weight)
        order = rows[np.argsort(codes[rows], kind="stable")]
        lengths = np.bincount(codes[rows])
        starts = np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.intp)
        n_groups = len(starts) - 1
        size = check_size("max_groups", self.max_groups, n_groups, n_groups, n_groups)
        draw = partial(
            group_rows,
            order=order,
            starts=starts,
            size=size,
            weights=None if weights is None else sample_weight,
        )
        return GroupDraws(
            n_rows, self._seed(seed), draw, groups=codes, n_groups=n_groups, size=size
        )


def _group_codes(groups: ArrayLike | None, n_rows: int) -> Rows:
    if groups is None:
        raise ValueError(
            "groups must hold the group of every row; got None. Hand them over: groups=..."
        )
    return np.unique(check_groups(groups, n_rows), return_inverse=True)[1].astype(np.intp)


class BlockBootstrap(Resampler):
    """Runs of consecutive rows drawn with replacement, for time series: exactly n rows a draw.

    Rows near each other in time depend on each other; drawing runs keeps that dependence inside
    every run. Rows that no run holds are held out.

    Parameters
    ----------
    n_splits : int, default=10
        Pairs that ``split`` yields. Bagging asks for as many draws as it has members.
    block_length : int or None, default=None
        Rows in a run; the cube root of n, rounded up, when None (the optimal rate for a variance:
        Hall, Horowitz and Jing 1995).
    circular : bool, default=False
        False: moving blocks, which draw rows near the two ends more rarely. True: blocks wrap
        around the end, and every row is drawn equally often.
    random_state : int, RandomState, Generator or None, default=None
        Draw i comes from ``(random_state, i)``.

    References
    ----------
    H. Kuensch (1989). The jackknife and the bootstrap for general stationary observations. Annals
    of Statistics 17.

    D. Politis and J. Romano (1992). A circular block-resampling procedure for stationary data.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.resampling import BlockBootstrap
    >>> blocks = BlockBootstrap(block_length=4, random_state=0)
    >>> train, test = next(blocks.split(np.zeros((10, 1))))
    >>> len(train)
    10
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        block_length: int | None = None,
        circular: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.block_length = block_length
        self.circular = circular
        self.random_state = random_state

    def plan(
        self,
        n_rows: int,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: Weights | None = None,
        *,
        seed: int | None = None,
        weighted: bool = False,
    ) -> Draws:
        """Return the draws of a data set of ``n_rows`` rows, to be asked for by number."""
        circular = check_flag("circular", self.circular)
        if sample_weight is not None and np.any(sample_weight != sample_weight[0]):
            raise ValueError(
                "sample_weight must be None with BlockBootstrap: a run of rows is drawn whole, so "
                "rows cannot be drawn in proportion to their weights."
            )
        draw = partial(block_rows, n_rows=n_rows, length=self._length(n_rows), circular=circular)
        return RandomDraws(n_rows, self._seed(seed), draw)

    def _length(self, n_rows: int) -> int:
        if self.block_length is None:
            return int(np.ceil(np.round(n_rows ** (1 / 3), 9)))
        return check_whole("block_length", self.block_length, most=n_rows)


class BayesianBootstrap(Resampler):
    """Every row in every draw, with random weights from a Dirichlet distribution.

    The bootstrap's smooth sibling: counts 0, 1, 2, ... become continuous weights, so no row, and no
    rare class, is ever lost from a draw, and none is held out. Where only rows can be handed on
    (``split``, or a base estimator without ``sample_weight``), rows are drawn with these weights as
    their probabilities, and the rows not drawn are held out.

    Parameters
    ----------
    n_splits : int, default=10
        Pairs that ``split`` yields. Bagging asks for as many draws as it has members.
    concentration : float, default=1.0
        The Dirichlet parameter of every row (multiplied by its ``sample_weight`` when there is
        one): 1 is Rubin's bootstrap, more makes the weights more alike.
    random_state : int, RandomState, Generator or None, default=None
        Draw i comes from ``(random_state, i)``.

    References
    ----------
    D. Rubin (1981). The Bayesian bootstrap. Annals of Statistics 9.

    M. Clyde and H. Lee (2001). Bagging and the Bayesian bootstrap. AISTATS.

    Examples
    --------
    >>> from ensembles.resampling import BayesianBootstrap
    >>> draws = BayesianBootstrap(random_state=0).plan(4, weighted=True)
    >>> round(float(draws.weights(0).mean()), 9)
    1.0
    """

    def __init__(
        self, n_splits: int = 10, *, concentration: float = 1.0, random_state: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.concentration = concentration
        self.random_state = random_state

    def plan(
        self,
        n_rows: int,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: Weights | None = None,
        *,
        seed: int | None = None,
        weighted: bool = False,
    ) -> Draws:
        """Return the draws of a data set of ``n_rows`` rows, to be asked for by number."""
        concentration = check_real("concentration", self.concentration, 0, open_ends=True)
        rows, _ = _eligible(np.arange(n_rows), sample_weight)
        alpha = np.full(len(rows), concentration)
        if sample_weight is not None:
            alpha *= sample_weight[rows]
        if weighted:
            return DirichletDraws(n_rows, self._seed(seed), rows, alpha)
        draw = partial(dirichlet_rows, rows=rows, size=len(rows), alpha=alpha)
        return RandomDraws(n_rows, self._seed(seed), draw)
