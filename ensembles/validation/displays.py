"""Displays in scikit-learn's style; matplotlib is imported when something is drawn."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.validation import check_is_fitted

from ensembles.parameters import check_whole
from ensembles.validation.curves import MemberCurve, learning_curve
from ensembles.validation.decomposition import BiasVariance, bias_variance
from ensembles.validation.intervals import ConfidenceInterval, bootstrap_ci
from ensembles.validation.ranking import Ranking, friedman_test

__all__ = [
    "BiasVarianceDisplay",
    "BootstrapDisplay",
    "CriticalDifferenceDisplay",
    "GeneralizationGapDisplay",
    "LearningCurveDisplay",
]

Floats = NDArray[np.float64]


def _axes(ax: Any, figsize: tuple[float, float] | None = None) -> Any:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            "Displays need matplotlib: pip install 'ensembles[plot]', or pip install matplotlib."
        ) from None
    return plt.subplots(figsize=figsize, layout="constrained")[1]


class BootstrapDisplay:
    """The bootstrap distribution of a metric, with its interval.

    Parameters
    ----------
    interval : ConfidenceInterval
        From `bootstrap_ci`.
    name : str, optional
        Of the metric.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> from ensembles.validation import BootstrapDisplay
    >>> display = BootstrapDisplay.from_predictions(
    ...     "accuracy", [0, 1] * 20, [0, 1, 1, 1] * 10, n_resamples=200, random_state=0
    ... )
    >>> display.ax_.get_xlabel()
    'accuracy'
    """

    def __init__(self, interval: ConfidenceInterval, *, name: str | None = None) -> None:
        self.interval = interval
        self.name = name

    @classmethod
    def from_predictions(
        cls, metric: Any, y_true: ArrayLike, y_pred: ArrayLike, *, ax: Any = None, **options: Any
    ) -> BootstrapDisplay:
        """Draw the distribution of a metric of predictions; ``options`` go to `bootstrap_ci`."""
        interval = bootstrap_ci(metric, y_true, y_pred, **options)
        return cls(interval, name=_name_of(metric)).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        metric: Any = None,
        ax: Any = None,
        **options: Any,
    ) -> BootstrapDisplay:
        """Draw the distribution of a metric of a fitted estimator's predictions.

        Probabilities or decision values are asked for where the metric goes by them, as a scorer
        does; ``metric`` is accuracy or R2 when None.
        """
        check_is_fitted(estimator)
        classifies = hasattr(estimator, "classes_")
        metric = ("accuracy" if classifies else "r2") if metric is None else metric
        predicted = _asked(estimator, X, _questions_of(metric) if classifies else ("predict",))
        return cls.from_predictions(metric, y, predicted, ax=ax, **options)

    def plot(self, ax: Any = None, *, bins: Any = None, **style: Any) -> BootstrapDisplay:
        """Draw; ``style`` goes to matplotlib's ``hist``."""
        ax, found = _axes(ax), self.interval
        if bins is None:
            bins = min(60, max(5, len(found.distribution) // 25))
        ax.hist(found.distribution, bins=bins, **{"density": True, "alpha": 0.5, **style})
        ax.axvspan(found.low, found.high, alpha=0.15, color="C0", lw=0, label=f"{found}")
        ax.axvline(found.estimate, color="C0")
        ax.set(xlabel=self.name or "metric", ylabel="density of resamples")
        ax.legend(loc="upper left", frameon=False, bbox_to_anchor=(0, 1.12))
        self.ax_, self.figure_ = ax, ax.figure
        return self


BY_PROBABILITY = {"log_loss", "brier", "d2_log_loss_score", "d2_brier_score", "brier_score_loss"}
"""Metrics of probabilities that are no scorers of scikit-learn's, or do not say so themselves."""

BY_RANK = ("predict_proba", "decision_function")


def _questions_of(metric: Any) -> tuple[str, ...]:
    """What a classifier is asked for a metric, the first that it has."""
    if isinstance(metric, str) and metric in get_scorer_names():
        metric = get_scorer(metric)
    if hasattr(metric, "_response_method"):
        asked = metric._response_method
        asked = (asked,) if isinstance(asked, str) else tuple(asked)
        # probabilities first: they will do for whatever goes by rank, and name all classes
        return tuple(sorted(asked, key=lambda method: method != "predict_proba"))
    if _name_of(metric) in BY_PROBABILITY:
        return ("predict_proba",)
    try:
        names = list(inspect.signature(metric).parameters)[1:2]
    except (TypeError, ValueError):
        names = []
    return BY_RANK if names in (["y_score"], ["y_proba"], ["y_prob"]) else ("predict",)


def _asked(estimator: Any, X: Any, questions: tuple[str, ...]) -> Any:
    for method in questions:
        if hasattr(estimator, method):
            return _of_the_positive(getattr(estimator, method)(X), method)
    raise ValueError(
        f"metric needs {' or '.join(questions)}, which {_type(estimator)} does not have."
    )


def _of_the_positive(predicted: Any, method: str) -> Any:
    """Of two classes' probabilities those of the second, which every metric understands."""
    binary = method == "predict_proba" and np.ndim(predicted) == 2 and np.shape(predicted)[1] == 2
    return np.asarray(predicted)[:, 1] if binary else predicted


def _name_of(metric: Any) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")


class LearningCurveDisplay:
    """Score against number of members, with its Monte Carlo error.

    Parameters
    ----------
    curve : MemberCurve
        From `learning_curve`.

    Attributes
    ----------
    ax_, figure_, line_, band_ : matplotlib artists
        After `plot`; ``band_`` is None where there is no Monte Carlo error.
    """

    def __init__(self, curve: MemberCurve) -> None:
        self.curve = curve

    @classmethod
    def from_estimator(
        cls, ensemble: Any, X: Any, y: ArrayLike, *, ax: Any = None, **options: Any
    ) -> LearningCurveDisplay:
        """Draw the curve of a fitted ensemble; ``options`` go to `learning_curve`."""
        return cls(learning_curve(ensemble, X, y, **options)).plot(ax=ax, label=_type(ensemble))

    def plot(self, ax: Any = None, **style: Any) -> LearningCurveDisplay:
        """Draw; ``style`` goes to matplotlib's ``plot``."""
        ax, curve = _axes(ax), self.curve
        (self.line_,) = ax.plot(curve.n_members, curve.scores, **style)
        self.band_ = None
        if curve.standard_error is not None:
            low, high = (curve.scores + sign * 2 * curve.standard_error for sign in (-1, 1))
            self.band_ = ax.fill_between(
                curve.n_members, low, high, alpha=0.2, color=self.line_.get_color(), lw=0
            )
        if len(curve.n_members) > 1 and curve.n_members[-1] >= 20:
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set(xlabel="members", ylabel=curve.scoring)
        if "label" in style:
            ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _type(estimator: Any) -> str:
    return type(estimator).__name__


class GeneralizationGapDisplay:
    """Training and validation score over rounds, and the gap between them.

    Parameters
    ----------
    train_scores, validation_scores : array-like of shape (n_rounds,)
    name : str, optional
        Of the score.
    first_round : int, default=1
        Number of the first score's round; 0 where the first score is that of no round at all.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.
    """

    def __init__(
        self,
        train_scores: ArrayLike,
        validation_scores: ArrayLike,
        *,
        name: str | None = None,
        first_round: int = 1,
    ) -> None:
        self.train_scores = np.asarray(train_scores, dtype=np.float64)
        self.validation_scores = np.asarray(validation_scores, dtype=np.float64)
        self.name = name
        self.first_round = check_whole("first_round", first_round, least=0)
        if self.train_scores.shape != self.validation_scores.shape or self.train_scores.ndim != 1:
            raise ValueError(
                "train_scores and validation_scores must be 1D and equally long; got shapes "
                f"{self.train_scores.shape} and {self.validation_scores.shape}."
            )

    @property
    def rounds(self) -> NDArray[np.intp]:
        """Numbers of the rounds, shape (n_rounds,)."""
        return np.arange(self.first_round, self.first_round + len(self.train_scores))

    @property
    def gap(self) -> Floats:
        """Training score less validation score, round by round."""
        return self.train_scores - self.validation_scores

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None
    ) -> GeneralizationGapDisplay:
        """Draw what a boosted estimator kept of its rounds.

        Parameters
        ----------
        estimator : fitted estimator
            With ``train_score_`` and ``validation_score_``, one number for each round: AdaBoost,
            scikit-learn's HistGradientBoosting, whose first score is that of its baseline and
            stands at round 0; or GradientBoosting, whose loss is drawn with its sign turned, so
            that more is better. Fitted with validation rows.
        """
        check_is_fitted(estimator)
        kept = [getattr(estimator, which, None) for which in ("train_score_", "validation_score_")]
        logged = getattr(estimator, "evals_result_", None)
        if all(scores is None for scores in kept) and logged and len(logged) > 1:
            loss = next(iter(next(iter(logged.values()))))
            tables = list(logged.values())
            kept = [-np.asarray(table[loss], dtype=np.float64) for table in (tables[0], tables[-1])]
            name = name or f"negative {loss}"
        if any(scores is None or np.size(scores) == 0 for scores in kept):
            raise ValueError(
                f"estimator must have train_score_ and validation_score_; {_type(estimator)} kept "
                "none: fit it with validation rows or early stopping."
            )
        train, validation = map(np.asarray, kept)
        with_baseline = len(train) == getattr(estimator, "n_iter_", len(train)) + 1
        return cls(train, validation, name=name, first_round=0 if with_baseline else 1).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, *, ax: Any = None, **options: Any
    ) -> GeneralizationGapDisplay:
        """Draw the scores of staged predictions on training and on validation rows.

        Parameters
        ----------
        y_true : pair of array-likes
            Targets of the training and of the validation rows.
        y_pred : pair of iterables
            Predictions of both, round by round, as from ``staged_predict``.
        **options
            ``metric``, a callable of (y_true, y_pred); ``name``.
        """
        metric, name = options.pop("metric", None), options.pop("name", None)
        if options or not callable(metric):
            raise ValueError(
                f"metric must be a callable of (y_true, y_pred); got {metric!r} and "
                f"{sorted(options)}."
            )
        scores = [
            [float(metric(truth, predicted)) for predicted in stages]
            for truth, stages in zip(y_true, y_pred, strict=True)
        ]
        return cls(scores[0], scores[1], name=name or _name_of(metric)).plot(ax=ax)

    def plot(self, ax: Any = None) -> GeneralizationGapDisplay:
        """Draw."""
        ax, rounds = _axes(ax), self.rounds
        ax.plot(rounds, self.train_scores, label="training rows")
        ax.plot(rounds, self.validation_scores, label="validation rows")
        ax.fill_between(
            rounds,
            self.train_scores,
            self.validation_scores,
            alpha=0.15,
            color="C3",
            lw=0,
            label=f"gap, {self.gap[-1]:+.3g} at the last round",
        )
        ax.set(xlabel="round", ylabel=self.name or "score")
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class BiasVarianceDisplay:
    """Noise, bias and variance of several learners as stacked bars.

    Parameters
    ----------
    results : dict of str to BiasVariance
        By the learners' names.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.
    """

    def __init__(self, results: dict[str, BiasVariance]) -> None:
        self.results = results

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        X_test: Any,
        y_test: ArrayLike,
        *,
        ax: Any = None,
        **options: Any,
    ) -> BiasVarianceDisplay:
        """Draw the terms of one estimator, or of a dict of several; ``options`` go on."""
        several = estimator if isinstance(estimator, dict) else {_type(estimator): estimator}
        found = {
            name: bias_variance(one, X, y, X_test, y_test, **options)
            for name, one in several.items()
        }
        return cls(found).plot(ax=ax)

    def plot(self, ax: Any = None) -> BiasVarianceDisplay:
        """Draw."""
        ax = _axes(ax)
        places = np.arange(len(self.results))
        reached = np.zeros(len(places))
        for term, colour in (("noise", "0.75"), ("bias", "C1"), ("variance", "C0")):
            heights = np.array([getattr(result, term) for result in self.results.values()])
            if not heights.any():
                continue
            ax.bar(places, heights, 0.6, bottom=reached, label=term, color=colour)
            reached += heights
        ax.set_xticks(places, list(self.results))
        losses = {result.loss for result in self.results.values()}
        ax.set_ylabel(f"error ({', '.join(sorted(losses))})")
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class CriticalDifferenceDisplay:
    """Mean ranks of models on a line; a bar joins those with no real difference (Demsar 2006).

    Parameters
    ----------
    ranking : Ranking
        From `friedman_test`.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.
    """

    def __init__(self, ranking: Ranking) -> None:
        self.ranking = ranking

    @classmethod
    def from_scores(cls, scores: Any, *, ax: Any = None, **options: Any) -> Any:
        """Draw the ranks of a table of scores; ``options`` go to `friedman_test`."""
        return cls(friedman_test(scores, **options)).plot(ax=ax)

    def plot(self, ax: Any = None) -> CriticalDifferenceDisplay:
        """Draw: rank 1, the best, on the right."""
        ranking = self.ranking
        order = np.argsort(ranking.mean_ranks, kind="stable")
        n = len(order)
        depth = (n + 1) // 2
        cliques = ranking.cliques()
        ax = _axes(ax, (7.0, 1.2 + 0.28 * (depth + len(cliques))))
        _rank_scale(ax, n)
        place = dict(zip(ranking.names, ranking.mean_ranks, strict=True))
        for k, clique in enumerate(cliques):
            ends = [place[clique[0]] - 0.04, place[clique[-1]] + 0.04]
            ax.plot(ends, [-0.45 - 0.4 * k] * 2, lw=4, color="0.2", solid_capstyle="round")
        below = 0.7 + 0.4 * len(cliques)
        for k, model in enumerate(order):
            best_half = k < depth
            height = -below - 0.6 * (k if best_half else n - 1 - k)
            end = 0.75 if best_half else n + 0.25
            rank = ranking.mean_ranks[model]
            ax.plot([rank, rank, end], [0, height, height], lw=0.9, color="0.2")
            side = "left" if best_half else "right"
            label = f" {ranking.names[model]} ({rank:.2f}) "
            ax.text(end, height, label, ha=side, va="center")
        if ranking.critical_difference is not None:
            _difference_ruler(ax, n, ranking.critical_difference)
        ax.set_ylim(-below - 0.6 * depth, 1.7)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _rank_scale(ax: Any, n: int) -> None:
    margin = 0.35 * (n - 1) + 0.5
    ax.set_xlim(n + margin, 1 - margin)
    ax.axis("off")
    ax.plot([1, n], [0, 0], color="0.2", lw=1.2)
    for rank in range(1, n + 1):
        ax.plot([rank, rank], [0, 0.12], color="0.2", lw=1.2)
        ax.text(rank, 0.2, str(rank), ha="center", va="bottom")


def _difference_ruler(ax: Any, n: int, difference: float) -> None:
    ax.plot([n, n - difference], [1.05, 1.05], color="0.2", lw=1.2)
    for end in (n, n - difference):
        ax.plot([end, end], [0.97, 1.13], color="0.2", lw=1.2)
    ax.text(n - difference / 2, 1.15, f"CD = {difference:.2f}", ha="center", va="bottom")
