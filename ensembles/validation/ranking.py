"""Many models on many data sets: mean ranks, Friedman's test, and which differences are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, f, norm, rankdata, studentized_range

from ensembles.parameters import check_flag, check_option, check_real
from ensembles.validation.checking import check_numbers

__all__ = ["Ranking", "critical_difference", "friedman_test", "holm"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """What `friedman_test` found.

    Attributes
    ----------
    names : tuple of str
        The models, as given.
    mean_ranks : array of shape (n_models,)
        Rank 1 is the best; tied models share their mean rank.
    statistic, p_value : float
        Friedman's chi-squared with n_models - 1 degrees of freedom.
    f_statistic, f_p_value : float
        Iman and Davenport's F, which is less conservative.
    p_values : array of shape (n_models, n_models)
        Of every pair, corrected for the number of comparisons; 1 where a pair was not compared.
    post_hoc : {"nemenyi", "holm"}
    alpha : float
    critical_difference : float or None
        Mean ranks further apart than this differ (Nemenyi); None with Holm's correction.
    control : str or None
        The model that Holm's correction compared the others with.
    n_data_sets : int
    """

    names: tuple[str, ...]
    mean_ranks: Floats
    statistic: float
    p_value: float
    f_statistic: float
    f_p_value: float
    p_values: Floats
    post_hoc: str
    alpha: float
    critical_difference: float | None
    control: str | None
    n_data_sets: int

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the models, the best first."""
        return tuple(self.names[k] for k in np.argsort(self.mean_ranks, kind="stable"))

    def different(self) -> list[tuple[str, str]]:
        """Pairs of models whose difference is real at ``alpha``, the better one first."""
        order = np.argsort(self.mean_ranks, kind="stable")
        return [
            (self.names[better], self.names[worse])
            for better, worse in combinations(order, 2)
            if self.p_values[better, worse] <= self.alpha
        ]

    def cliques(self) -> list[tuple[str, ...]]:
        """Largest sets of neighbouring models with no real difference between their ends."""
        order = np.argsort(self.mean_ranks, kind="stable")
        found: list[tuple[int, int]] = []
        for first in range(len(order)):
            last = first
            while (
                last + 1 < len(order) and self.p_values[order[first], order[last + 1]] > self.alpha
            ):
                last += 1
            if last > first and not any(first >= a and last <= b for a, b in found):
                found.append((first, last))
        return [tuple(self.names[k] for k in order[a : b + 1]) for a, b in found]

    def __str__(self) -> str:
        width = max(map(len, self.names))
        ranks = dict(zip(self.names, self.mean_ranks, strict=True))
        lines = [
            f"Friedman: chi2 = {self.statistic:.3f}, p = {self.p_value:.3g}; "
            f"Iman-Davenport F = {self.f_statistic:.3f}, p = {self.f_p_value:.3g}"
        ]
        lines += [f"  {name:<{width}}  mean rank {ranks[name]:.3f}" for name in self.order]
        if self.critical_difference is not None:
            lines.append(f"Nemenyi critical difference {self.critical_difference:.3f}")
        real = ", ".join(f"{better} > {worse}" for better, worse in self.different())
        lines.append(f"Real at {self.alpha:g}: {real or 'no difference'}")
        return "\n".join(lines)


def friedman_test(
    scores: Any,
    names: Sequence[str] | None = None,
    *,
    post_hoc: str = "nemenyi",
    control: str | None = None,
    alpha: float = 0.05,
    greater_is_better: bool = True,
) -> Ranking:
    """Compare several models over several data sets by their ranks (Demsar 2006).

    Parameters
    ----------
    scores : array-like or DataFrame of shape (n_data_sets, n_models)
        One score for each model on each data set; a dict of names to scores will do too.
    names : sequence of str, optional
        The models; the columns' own names when None.
    post_hoc : {"nemenyi", "holm"}, default="nemenyi"
        How pairs are compared: Nemenyi's critical difference for all pairs, or Holm's step-down
        correction of the rank tests, for all pairs or against one ``control``.
    control : str, optional
        Compare the others with this model alone (with Holm).
    alpha : float, default=0.05
    greater_is_better : bool, default=True

    Returns
    -------
    Ranking

    Notes
    -----
    The chi-squared is Demsar's, without a correction for ties.

    References
    ----------
    J. Demsar (2006). Statistical comparisons of classifiers over multiple data sets. Journal of
    Machine Learning Research 7, section 3.2.

    Examples
    --------
    >>> ranking = friedman_test({"tree": [0.7, 0.6, 0.8, 0.7], "bag": [0.8, 0.7, 0.9, 0.9]})
    >>> ranking.order
    ('bag', 'tree')
    >>> float(ranking.statistic)
    4.0
    """
    check_option("post_hoc", post_hoc, ("nemenyi", "holm"))
    alpha = check_real("alpha", alpha, 0.0, 1.0, open_ends=True)
    table, known = _table(scores, names)
    n, k = table.shape
    if k < 2 or n < 2:
        raise ValueError(
            f"scores must be of at least 2 models on at least 2 data sets; got {k} on {n}."
        )
    if control is not None and (post_hoc != "holm" or control not in known):
        raise ValueError(
            f"control must be one of {list(known)} and needs post_hoc='holm'; got {control!r} "
            f"with post_hoc={post_hoc!r}."
        )
    signed = -table if check_flag("greater_is_better", greater_is_better) else table
    ranks = rankdata(signed, axis=1).mean(axis=0)
    statistic = 12 * n / (k * (k + 1)) * (np.sum(ranks**2) - k * (k + 1) ** 2 / 4)
    statistic = max(float(statistic), 0.0)
    left = n * (k - 1) - statistic
    f_statistic = np.inf if left <= 1e-9 else (n - 1) * statistic / left
    return Ranking(
        names=known,
        mean_ranks=ranks,
        statistic=statistic,
        p_value=float(chi2.sf(statistic, k - 1)),
        f_statistic=float(f_statistic),
        f_p_value=float(f.sf(f_statistic, k - 1, (k - 1) * (n - 1))),
        p_values=_pairwise(ranks, n, post_hoc, None if control is None else known.index(control)),
        post_hoc=post_hoc,
        alpha=alpha,
        critical_difference=critical_difference(k, n, alpha) if post_hoc == "nemenyi" else None,
        control=control,
        n_data_sets=n,
    )


def _table(scores: Any, names: Sequence[str] | None) -> tuple[Floats, tuple[str, ...]]:
    if isinstance(scores, dict):
        names = list(scores) if names is None else names
        lengths = {len(column) for column in scores.values()}
        if len(lengths) != 1:
            raise ValueError(f"scores must be equally many for every model; got {sorted(lengths)}.")
        scores = np.column_stack(list(scores.values()))
    elif names is None and hasattr(scores, "columns"):
        names = [str(name) for name in scores.columns]
    table = check_numbers("scores", scores, ndim=2)
    given = [f"model {k}" for k in range(table.shape[1])] if names is None else names
    known = tuple(str(name) for name in given)
    if len(known) != table.shape[1] or len(set(known)) != len(known):
        raise ValueError(
            f"names must be one distinct name for each of {table.shape[1]} models; got {known}."
        )
    return table, known


def critical_difference(n_models: int, n_data_sets: int, alpha: float = 0.05) -> float:
    """Return the distance of mean ranks from which two models differ (Nemenyi 1963).

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)  # Demsar (2006) has 1.25
    1.25
    """
    q = studentized_range.ppf(1 - alpha, n_models, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_data_sets)))


def _pairwise(ranks: Floats, n: int, post_hoc: str, control: int | None) -> Floats:
    k = len(ranks)
    z = np.abs(ranks[:, None] - ranks) / np.sqrt(k * (k + 1) / (6 * n))
    if post_hoc == "nemenyi":
        p_values = np.asarray(studentized_range.sf(z * np.sqrt(2), k, np.inf))
        np.fill_diagonal(p_values, 1.0)
        return np.clip(p_values, 0.0, 1.0)
    pairs = [(a, b) for a, b in combinations(range(k), 2) if control is None or control in (a, b)]
    first, second = np.array(pairs).T
    corrected = np.ones((k, k))
    corrected[first, second] = corrected[second, first] = holm(2 * norm.sf(z[first, second]))
    return corrected


def holm(p_values: Any) -> Floats:
    """Correct p-values for their number by Holm's (1979) step-down rule.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    given = check_numbers("p_values", p_values)
    order = np.argsort(given)
    steps = given[order] * np.arange(len(given), 0, -1)
    corrected = np.empty(len(given))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
