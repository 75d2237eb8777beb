"""Telling: what a cross-validation found, as text and as HTML."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

__all__ = ["as_html", "as_text", "number"]


def number(value: float) -> str:
    """Write a number with four significant digits after the first."""
    return "nan" if np.isnan(value) else f"{value:.5g}"


def _lines(result: Any) -> list[tuple[str, str]]:
    n_folds = len(result.splits_)
    kind = type(result.estimator_).__name__
    name = f"{result.name_} ({kind})" if result.name_ else kind
    repeats = f" in {result.n_repeats_} repeats" if result.n_repeats_ > 1 else ""
    lines = [("", f"{name}: {n_folds} folds{repeats} of {result.n_rows_} rows")]
    low, high = result._interval()
    sure = f"95 % interval {number(low)} to {number(high)}" if low != high else "all folds alike"
    held_out = f"{number(result.score_)} +- {number(result.score_std_)} ({sure})"
    lines.append((f"held out, {result.scorer_name_}", held_out))
    if not np.isnan(result.pooled_score_):
        lines.append(("pooled out of fold", number(result.pooled_score_)))
    if result.train_scores_:
        train = _mean(result, result.scoring_, "train")
        lines.append(("on training rows", f"{number(train)} (gap {number(result.gap_)})"))
    lines += [
        (f"held out, {other}", number(_mean(result, other, "test")))
        for other in list(result.test_scores_)[1:]
    ]
    found = [rounds for rounds in result.best_iterations_ if rounds is not None]
    if found:
        lines.append(("rounds", f"{round(np.mean(found))} ({min(found)} to {max(found)})"))
    lines.append(
        (
            "seconds a fold",
            f"fit {np.median(result.fit_times_):.3g}, score {np.median(result.score_times_):.3g}",
        )
    )
    never = int(np.sum(result.oof_count_ == 0))
    if never and result.method_ is not None:
        lines.append(("never held out", f"{never} of {result.n_rows_} rows"))
    if result.failures_:
        failed = ", ".join(f"{fold} of repeat {repeat}" for repeat, fold in result.failures_)
        lines.append(("failed", f"fold {failed}"))
    if result.optimism_:
        lines.append(("beware", result.optimism_))
    return lines


def _mean(result: Any, name: str, part: str) -> float:
    scores = result._valid(name, part)
    return float(scores.mean()) if len(scores) else float("nan")


def as_text(result: Any) -> str:
    """Say in a few lines what was found."""
    (_, title), *rest = _lines(result)
    width = max(len(key) for key, _ in rest)
    return "\n".join([title, *(f"  {key:<{width}}  {value}" for key, value in rest)])


def as_html(result: Any) -> str:
    """Say it as an HTML table, the folds' scores below."""
    (_, title), *rest = _lines(result)
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(key)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for key, value in rest
    )
    return (
        f"<div><strong>{escape(title)}</strong><table>{rows}</table>"
        f"<details><summary>every fold</summary>{_folds(result)}</details></div>"
    )


def _folds(result: Any) -> str:
    scores = result.test_scores_[result.scoring_]
    trained = result.train_scores_.get(result.scoring_)
    head = ["repeat", "fold", "held out", *(["training"] if trained is not None else []), "fit s"]
    body = []
    for place, score in enumerate(scores):
        cells = [str(result.repeats_[place]), str(result.numbers_[place]), number(score)]
        if trained is not None:
            cells.append(number(trained[place]))
        body.append([*cells, f"{result.fit_times_[place]:.3g}"])
    return table_of(head, body)


def table_of(head: list[str], body: list[list[str]]) -> str:
    """Make an HTML table."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table>"
