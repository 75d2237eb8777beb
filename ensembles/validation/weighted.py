"""Metrics of weighted rows, for many sets of weights at once.

A bootstrap resample is a weight for every row: how often it was drawn. So a metric that is a
function of weighted sums is evaluated on a block of resamples by one matrix product, and the area
under the ROC curve, or the average precision, by cumulative sums along rows that are sorted once.
Nothing is sorted again.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.validation.formulas import area_interval, paired_share_interval, share_interval

__all__ = [
    "Area",
    "AveragePrecision",
    "Called",
    "Difference",
    "Share",
    "Statistic",
    "Sums",
    "mean_of_sums",
]

Floats = NDArray[np.float64]
Counts = NDArray[Any]
"""Whole numbers for resamples, which are quicker to add up, or fractions."""

JACKKNIFE_BLOCKS = 500
"""Blocks that a metric without a formula is jackknifed in, at most."""

STUDENT_RESAMPLES = 50
"""Resamples of a resample that give its standard error, for a metric without a formula."""


class Statistic(ABC):
    """A metric as a function of how often each unit (row or group) is counted.

    Attributes
    ----------
    n_units : int
        What is drawn: rows, or groups of rows.
    low, high : float
        The range of the metric's values.
    usual : str
        The method of `bootstrap_ci` that is taken where none is asked for.
    """

    n_units: int
    low: float = -np.inf
    high: float = np.inf
    usual: str = "bca"

    @abstractmethod
    def values(self, counts: Counts) -> Floats:
        """Return the metric for every row of ``counts``, NaN where it is undefined.

        Parameters
        ----------
        counts : array of shape (n_resamples, n_units)

        Returns
        -------
        array of shape (n_resamples,)
        """

    @abstractmethod
    def gradients(self, counts: Counts) -> Floats:
        """Return the derivatives with respect to the counts, shape (n_resamples, n_units)."""

    def errors(self, counts: Counts) -> Floats:
        """Return the infinitesimal jackknife's standard error of every resample."""
        return np.asarray(np.sqrt(np.einsum("ru,ru->r", counts, self.gradients(counts) ** 2)))

    def influence(self) -> Floats:
        """Return how much each unit, or block of units, pulls at the metric of the data."""
        return np.asarray(self.gradients(np.ones((1, self.n_units)))[0])

    def by_formula(self, level: float) -> tuple[float, float] | None:
        """Return the ends of an interval by a formula; None where there is none."""
        return None

    def reason(self) -> str:
        """Return why the metric is undefined on the data, as far as it is known."""
        return ": the rows that count leave it to divide by zero (no such class, no spread)"


class Sums(Statistic):
    """A smooth function of weighted sums over rows.

    Parameters
    ----------
    parts : array of shape (n_units, n_sums)
        What is summed; weights of rows are multiplied in, rows of a group added up.
    of_sums : callable
        Takes the sums, shape (..., n_sums), real or complex; returns the metric, shape (...).
    """

    def __init__(
        self, parts: Floats, of_sums: Callable[[Any], Any], low: float, high: float
    ) -> None:
        self.parts, self.of_sums = parts, of_sums
        self.low, self.high = low, high
        self.n_units = len(parts)

    def values(self, counts: Counts) -> Floats:
        """Return the metric for every row of ``counts``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.of_sums(counts @ self.parts), dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    def gradients(self, counts: Counts) -> Floats:
        """Return the derivatives, by a complex step: exact to rounding (Squire and Trapp 1998)."""
        sums = counts @ self.parts
        steps = 1e-30j * np.eye(sums.shape[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.imag(self.of_sums(sums[:, None, :] + steps)) / 1e-30
        return np.asarray(np.nan_to_num(slopes, posinf=0.0, neginf=0.0) @ self.parts.T)


def mean_of_sums(sums: Any) -> Any:
    """Return the first sum over the second."""
    return sums[..., 0] / sums[..., 1]


class Share(Sums):
    """The share of the rows that hit, which are drawn one by one and alike.

    Parameters
    ----------
    hits : boolean array of shape (n_rows,)
    """

    usual = "formula"

    def __init__(self, hits: NDArray[np.bool_]) -> None:
        parts = np.column_stack([hits, np.ones(len(hits))]).astype(np.float64)
        super().__init__(parts, mean_of_sums, 0.0, 1.0)
        self.hits = hits

    def by_formula(self, level: float) -> tuple[float, float]:
        """Return Wilson's interval."""
        return share_interval(float(self.hits.mean()), self.n_units, level)


class Area(Statistic):
    """The area under the ROC curve.

    Parameters
    ----------
    positive : boolean array of shape (n_rows,)
    scores : array of shape (n_rows,)
    weights : array of shape (n_rows,) or None
        Weights of the rows.
    codes : integer array of shape (n_rows,) or None
        The group of every row where groups are drawn.
    """

    low, high = 0.0, 1.0

    def __init__(
        self, positive: NDArray[np.bool_], scores: Floats, weights: Any, codes: Any, n_units: int
    ) -> None:
        self.n_units = n_units
        self.counts_rows = weights is None and codes is None
        self.positives = _Side(np.flatnonzero(positive), scores, weights, codes)
        self.negatives = _Side(np.flatnonzero(~positive), scores, weights, codes)
        self.below = _Places(self.negatives.scores, self.positives.scores)
        self.not_above = _Places(self.positives.scores, self.negatives.scores)

    def values(self, counts: Counts) -> Floats:
        """Return the area for every row of ``counts``; NaN where a class is missing."""
        positive, negative = self.positives.drawn(counts), self.negatives.drawn(counts)
        below, n_negative = self.below.of(negative)
        with np.errstate(divide="ignore", invalid="ignore"):
            won = np.einsum("rp,rp->r", positive, below)
            return np.asarray(won / (positive.sum(axis=1) * n_negative))

    def gradients(self, counts: Counts) -> Floats:
        """Return the derivatives: a row's placement among the other class, less the mean one."""
        positive, negative = self.positives.drawn(counts), self.negatives.drawn(counts)
        below, n_negative = self.below.of(negative)
        not_above, n_positive = self.not_above.of(positive)
        pairs = n_positive * n_negative
        with np.errstate(divide="ignore", invalid="ignore"):
            area = np.einsum("rp,rp->r", positive, below) / pairs
            of_positives = (below - (area * n_negative)[:, None]) / pairs[:, None]
            of_negatives = ((1 - area) * n_positive)[:, None] - not_above
            of_negatives /= pairs[:, None]
        gradients = np.zeros((len(counts), self.n_units))
        self.positives.add_to(gradients, of_positives)
        self.negatives.add_to(gradients, of_negatives)
        return gradients

    def by_formula(self, level: float) -> tuple[float, float] | None:
        """Return Newcombe's interval, of rows without weights and groups."""
        if not self.counts_rows:
            return None
        area = float(self.values(np.ones((1, self.n_units)))[0])
        return area_interval(area, len(self.positives.scores), len(self.negatives.scores), level)


class _Side:
    """The rows of one class, by ascending score."""

    def __init__(self, rows: NDArray[np.intp], scores: Floats, weights: Any, codes: Any) -> None:
        rows = rows[np.argsort(scores[rows], kind="stable")]
        self.scores = scores[rows]
        self.weights = None if weights is None else weights[rows]
        self.units = rows if codes is None else codes[rows]
        self.grouped = codes is not None

    def drawn(self, counts: Counts) -> Floats:
        """Weight of every row in every resample: whole numbers where rows have no weights."""
        drawn = np.take(counts, self.units, axis=1)
        return drawn if self.weights is None else drawn * self.weights

    def add_to(self, gradients: Floats, of_rows: Floats) -> None:
        """Add rows' derivatives to those of their units."""
        if self.weights is not None:
            of_rows = of_rows * self.weights
        if not self.grouped:
            gradients[:, self.units] += of_rows
            return
        for own, row in zip(gradients, of_rows, strict=True):
            own += np.bincount(self.units, weights=row, minlength=len(own))


class _Places:
    """Where rows of one class fall among those of the other, both sorted."""

    def __init__(self, among: Floats, scores: Floats) -> None:
        self.left = np.searchsorted(among, scores, side="left")
        self.right = np.searchsorted(among, scores, side="right")
        self.tied = not np.array_equal(self.left, self.right)

    def of(self, weights: Counts) -> tuple[Floats, Floats]:
        """Weight below each row, ties counted half, and the weight of all."""
        reached = _reached(weights)
        below = np.take(reached, self.left, axis=1)
        if self.tied:
            below = 0.5 * (below + np.take(reached, self.right, axis=1))
        return below, reached[:, -1]


def _reached(weights: Counts) -> Counts:
    """Sums of the first 0, 1, 2 ... weights of each resample, shape (n_resamples, n_rows + 1).

    Whole weights are added up as such: eight times as fast as floats.
    """
    reached = np.zeros((len(weights), weights.shape[1] + 1), dtype=weights.dtype)
    np.cumsum(weights, axis=1, out=reached[:, 1:])
    return reached


class AveragePrecision(Statistic):
    """The mean over positive rows of the precision among the rows that score at least as much.

    ``sum_i w_i T_i / N_i / sum_i w_i`` over positive rows i, with T_i the weight of the positive
    rows that score no less and N_i that of all such rows: rows of one score stand or fall together.

    Parameters
    ----------
    positive, scores, weights, codes, n_units
        As those of `Area`.
    """

    low, high = 0.0, 1.0

    def __init__(
        self, positive: NDArray[np.bool_], scores: Floats, weights: Any, codes: Any, n_units: int
    ) -> None:
        self.n_units = n_units
        self.rows = _Side(np.arange(len(scores)), -scores, weights, codes)
        self.positives = _Side(np.flatnonzero(positive), -scores, weights, codes)
        falling, own = self.rows.scores, self.positives.scores
        self.so_far = np.searchsorted(falling, own, side="right")
        self.hits_so_far = np.searchsorted(own, own, side="right")
        self.before, self.before_hits = (np.searchsorted(own, some) for some in (falling, own))

    def _precision(self, counts: Counts) -> tuple[Floats, Floats, Floats]:
        """Weight of each positive row, of all rows that score no less, and their precision."""
        hits = self.positives.drawn(counts)
        right = np.take(_reached(hits), self.hits_so_far, axis=1)
        said = np.take(_reached(self.rows.drawn(counts)), self.so_far, axis=1)
        return hits, said, np.divide(right, said, out=np.zeros(said.shape), where=said > 0)

    def values(self, counts: Counts) -> Floats:
        """Return the average precision for every row of ``counts``; NaN where none is positive."""
        hits, _, precision = self._precision(counts)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("rp,rp->r", hits, precision) / hits.sum(axis=1))

    def gradients(self, counts: Counts) -> Floats:
        """Return the derivatives: through each row's own precision, and those of all below it."""
        hits, said, precision = self._precision(counts)
        gained = np.divide(hits, said, out=np.zeros(said.shape), where=said > 0)
        lost = gained * precision
        with np.errstate(divide="ignore", invalid="ignore"):
            total = hits.sum(axis=1)[:, None].astype(np.float64)
            mean = np.einsum("rp,rp->r", hits, precision)[:, None] / total
            of_rows = -_from(lost, self.before) / total
            of_positives = (precision + _from(gained, self.before_hits) - mean) / total
        gradients = np.zeros((len(counts), self.n_units))
        self.rows.add_to(gradients, of_rows)
        self.positives.add_to(gradients, of_positives)
        return gradients


def _from(values: Floats, places: NDArray[np.intp]) -> Floats:
    """Sums of all values from each place on."""
    reached = _reached(values)
    return np.asarray(reached[:, -1:] - np.take(reached, places, axis=1))


class Difference(Statistic):
    """The metric of one model less that of another on the same rows."""

    def __init__(self, first: Statistic, second: Statistic) -> None:
        self.first, self.second = first, second
        self.n_units = first.n_units
        self.low, self.high = first.low - second.high, first.high - second.low
        self.usual = "percentile" if self.by_formula(0.5) is None else "formula"

    def values(self, counts: Counts) -> Floats:
        """Return the difference for every row of ``counts``."""
        return np.asarray(self.first.values(counts) - self.second.values(counts))

    def gradients(self, counts: Counts) -> Floats:
        """Return the derivatives of the difference."""
        return np.asarray(self.first.gradients(counts) - self.second.gradients(counts))

    def by_formula(self, level: float) -> tuple[float, float] | None:
        """Return Bonett and Price's interval, of the difference of two shares."""
        if not (isinstance(self.first, Share) and isinstance(self.second, Share)):
            return None
        a, b = self.first.hits, self.second.hits
        return paired_share_interval(int(np.sum(a & ~b)), int(np.sum(b & ~a)), self.n_units, level)


class Called(Statistic):
    """Any metric, called once for each resample on the rows drawn.

    Parameters
    ----------
    of_rows : callable
        Takes row numbers, repeats included; returns the metric. A ValueError or a NaN means that
        the metric is undefined there.
    units : list of integer arrays
        The rows of each unit.
    low, high : float
        The range of its values, where it is known.
    """

    def __init__(
        self,
        of_rows: Callable[[Any], float],
        units: list[NDArray[np.intp]],
        low: float = -np.inf,
        high: float = np.inf,
    ) -> None:
        self.of_rows, self.units = of_rows, units
        self.low, self.high = low, high
        self.n_units = len(units)
        self.grouped = any(len(rows) != 1 for rows in units)

    def values(self, counts: Counts) -> Floats:
        """Return the metric for every row of ``counts``."""
        return np.array([self._value(row) for row in counts])

    def _value(self, counts: Counts) -> float:
        drawn = np.repeat(np.arange(self.n_units), counts.astype(np.intp))
        rows = np.concatenate([self.units[unit] for unit in drawn]) if self.grouped else drawn
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = float(self.of_rows(rows))
        except ValueError:
            return np.nan
        return value if np.isfinite(value) else np.nan

    def gradients(self, counts: Counts) -> Floats:
        """Return the jackknife's differences, block of units by block: the way for any metric."""
        return np.array([self._jackknife(row, JACKKNIFE_BLOCKS) for row in counts])

    def _jackknife(self, counts: Counts, n_blocks: int) -> Floats:
        drawn = np.repeat(np.arange(self.n_units), counts.astype(np.intp))
        blocks = np.array_split(np.random.default_rng(0).permutation(drawn), n_blocks)
        without = np.array(
            [self._value(self._less(counts, block)) for block in blocks if len(block)]
        )
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nanmean(without) - without)

    def _less(self, counts: Counts, block: NDArray[np.intp]) -> Floats:
        return counts - np.bincount(block, minlength=self.n_units)

    def errors(self, counts: Counts) -> Floats:
        """Return every resample's standard error by resampling it again, 50 times.

        Not by a jackknife, which is wrong for medians and their like.
        """
        rng = np.random.default_rng(0)
        return np.array([self._error(row, rng) for row in counts])

    def _error(self, counts: Counts, rng: np.random.Generator) -> float:
        shares = counts / counts.sum()
        again = rng.multinomial(int(counts.sum()), shares, STUDENT_RESAMPLES)
        values = self.values(again.astype(np.float64))
        values = values[np.isfinite(values)]
        return float(values.std()) if len(values) else 0.0

    def reason(self) -> str:
        """Return what the metric says when it is called on the data."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = self.of_rows(np.concatenate(self.units))
        except ValueError as error:
            return f": {error}"
        return f": it is {value}"

    def influence(self) -> Floats:
        """Return how much each block of units pulls at the metric of the data."""
        pulls = self._jackknife(np.ones(self.n_units), min(self.n_units, JACKKNIFE_BLOCKS))
        return pulls[np.isfinite(pulls)]
