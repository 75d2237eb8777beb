"""Plots of a cross-validation; the one place of the harness that draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensembles.validation.answering import votes_of_pairs

__all__ = ["plot_learning_curves", "plot_out_of_fold", "plot_scores"]

HELD_OUT, TRAINING = "tab:blue", "tab:orange"
MOST_POINTS = 20_000
"""Points drawn of a scatter; more would only be slower."""


def _axes(ax: Any) -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib: python -m pip install 'ensembles[plot]'"
        ) from error
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def plot_scores(result: Any, ax: Any = None) -> Any:
    """Draw every fold's held-out and training score, their mean and its 95 % interval."""
    ax = _axes(ax)
    scores = result.test_scores_[result.scoring_]
    places = np.arange(len(scores))
    low, high = result._interval()
    ax.axhspan(low, high, color=HELD_OUT, alpha=0.12, label="95 % interval of the mean")
    ax.axhline(result.score_, color=HELD_OUT, linewidth=1)
    if result.train_scores_:
        trained = result.train_scores_[result.scoring_]
        ax.vlines(places, scores, trained, color="0.75", linewidth=1)
        ax.plot(places, trained, "o", color=TRAINING, label="training rows")
    ax.plot(places, scores, "o", color=HELD_OUT, label="held-out rows")
    ax.set_xticks(places, _fold_names(result))
    ax.set(xlabel="fold", ylabel=result.scorer_name_)
    ax.legend()
    return ax


def _fold_names(result: Any) -> list[str]:
    names = [str(number) for number in result.numbers_]
    if result.n_repeats_ > 1:
        names = [f"{repeat}.{n}" for repeat, n in zip(result.repeats_, names, strict=True)]
    every = -(-len(names) // 20)
    return [name if place % every == 0 else "" for place, name in enumerate(names)]


def plot_learning_curves(curves: Any, name: str, ax: Any = None) -> Any:
    """Draw scores by round on both sides: each fold thin, means thick, the gap shaded."""
    ax = _axes(ax)
    complete = ~np.isnan(curves.test).any(axis=0)
    for side, color, label in (
        (curves.train, TRAINING, "training rows"),
        (curves.test, HELD_OUT, "held-out rows"),
    ):
        ax.plot(curves.rounds, side.T, color=color, linewidth=0.6, alpha=0.5)
        mean = side[:, complete].mean(axis=0)
        ax.plot(curves.rounds[complete], mean, color=color, linewidth=2, label=label)
    ax.fill_between(
        curves.rounds[complete],
        curves.train[:, complete].mean(axis=0),
        curves.test[:, complete].mean(axis=0),
        color="0.5",
        alpha=0.15,
        label="generalization gap",
    )
    ax.set(xlabel="rounds", ylabel=name)
    ax.legend()
    return ax


def plot_out_of_fold(result: Any, y: Any, ax: Any = None) -> Any:
    """Draw out-of-fold predictions against the truth.

    Values as a scatter around the diagonal; class probabilities as a histogram, by true class, of
    what the true class was given.
    """
    ax = _axes(ax)
    answers = result._answers
    if answers is None:
        raise ValueError("there are no out-of-fold predictions to draw.")
    truth = np.asarray(y)
    judged = np.flatnonzero(result.oof_count_)
    if result.classes_ is None:
        return _scatter(answers[judged], truth[judged], ax)
    if result._pairwise:
        answers = votes_of_pairs(answers, len(result.classes_))
    if answers.ndim == 1:
        answers = np.column_stack([-answers, answers])
    codes = np.searchsorted(result.classes_, truth[judged])
    given = answers[judged, codes]
    bins = np.histogram_bin_edges(given, 25)
    for code, label in enumerate(result.classes_[:10]):
        ax.hist(given[codes == code], bins, histtype="step", linewidth=1.5, label=str(label))
    said = "probability" if result.method_ == "predict_proba" else "answer"
    ax.set(xlabel=f"out-of-fold {said} of the true class", ylabel="rows")
    ax.legend(title="true class")
    return ax


def _scatter(answers: Any, truth: Any, ax: Any) -> Any:
    answers, truth = answers.ravel(), truth.ravel()
    shown = np.random.default_rng(0).permutation(len(truth))[:MOST_POINTS]
    ax.plot(answers[shown], truth[shown], ".", markersize=3, alpha=0.5, color=HELD_OUT)
    ends = [min(answers.min(), truth.min()), max(answers.max(), truth.max())]
    ax.plot(ends, ends, color="0.3", linewidth=1)
    ax.set(xlabel="out-of-fold prediction", ylabel="truth")
    return ax
