"""Folds: which rows each model learns from and which judge it, repeats included."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils.multiclass import type_of_target

from ensembles.parameters import check_row_numbers, is_whole
from ensembles.resampling import generator

__all__ = ["Fold", "plan_folds", "splitter_for"]

Rows = NDArray[np.intp]


class Fold(NamedTuple):
    """The rows one model learns from and the rows that judge it; ``number`` counts in a repeat."""

    repeat: int
    number: int
    train: Rows
    test: Rows

    def __str__(self) -> str:
        return f"fold {self.number} of repeat {self.repeat}"


def splitter_for(
    cv: Any, y: Any, groups: Any, *, classification: bool, shuffled: bool, seed: int
) -> Any:
    """Return the splitter that ``cv`` means.

    A number of folds is scikit-learn's: stratified for classes, in the order of the rows unless
    ``shuffled``. With ``groups`` it keeps every group on one side, which scikit-learn's does not.
    """
    if cv is None or is_whole(cv):
        n_folds = 5 if cv is None else int(cv)
        if n_folds < 2:
            raise ValueError(
                "cv must be a splitter, an iterable of (train, test) pairs or a number of folds "
                f">= 2; got {cv!r}."
            )
        kind = _kind(y, groups, classification)
        return kind(n_folds, shuffle=True, random_state=seed) if shuffled else kind(n_folds)
    if isinstance(cv, str | type) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        raise ValueError(
            "cv must be a splitter, an iterable of (train, test) pairs or a number of folds >= 2; "
            f"got {cv!r}."
        )
    return check_cv(cv, y, classifier=classification)


def _kind(y: Any, groups: Any, classification: bool) -> Any:
    classes = classification and y is not None and type_of_target(y) in ("binary", "multiclass")
    if groups is None:
        return StratifiedKFold if classes else KFold
    return StratifiedGroupKFold if classes else GroupKFold


def plan_folds(
    splitter: Any, X: Any, y: Any, *, n_rows: int, n_repeats: int, seed: int, **metadata: Any
) -> list[Fold]:
    """List the folds of every repeat.

    The first repeat is the splitter's own; repeat r > 0 shuffles by ``(seed, r)``, so that more
    repeats leave the earlier ones as they are. A splitter that shuffles without a ``random_state``
    is given one.
    """
    if n_repeats > 1 and not _can_shuffle(splitter):
        raise ValueError(
            f"n_repeats must be 1 with a cv that cannot shuffle; got n_repeats={n_repeats} and "
            f"{described(splitter)}."
        )
    folds: list[Fold] = []
    for repeat in range(n_repeats):
        pairs = _reshuffled(splitter, seed, repeat).split(X, y, **metadata)
        folds += _checked(pairs, repeat, n_rows, splitter)
    return folds


def _can_shuffle(splitter: Any) -> bool:
    """Tell by the constructor: scikit-learn's time series have the attribute all the same."""
    return "random_state" in inspect.signature(type(splitter)).parameters


def described(splitter: Any) -> str:
    """Name a splitter in a message; a list of pairs would fill it."""
    given = isinstance(getattr(splitter, "cv", None), list)
    return "the given list of pairs" if given else " ".join(repr(splitter).split())


def _reshuffled(splitter: Any, seed: int, repeat: int) -> Any:
    unseeded = getattr(splitter, "random_state", 0) is None and _can_shuffle(splitter)
    if repeat == 0 and not (unseeded and getattr(splitter, "shuffle", True)):
        return splitter
    splitter = copy(splitter)
    if hasattr(splitter, "shuffle"):
        splitter.shuffle = True
    own = getattr(splitter, "random_state", None)
    address = (own, repeat) if is_whole(own) else (repeat,)
    splitter.random_state = int(generator(seed, *address).integers(2**31))
    return splitter


def _checked(pairs: Any, repeat: int, n_rows: int, splitter: Any) -> Iterator[Fold]:
    number = -1
    for number, pair in enumerate(pairs):
        try:
            train, test = pair
        except (TypeError, ValueError):
            raise ValueError(f"cv must give (train, test) pairs; got {pair!r}.") from None
        fold = Fold(repeat, number, _row_numbers(train, n_rows), _row_numbers(test, n_rows))
        for part, rows in (("train", fold.train), ("test", fold.test)):
            if len(rows) == 0:
                raise ValueError(
                    f"cv must leave no {part} part empty; {fold} of {described(splitter)} is."
                )
        yield fold
    if number < 0:
        raise ValueError(
            f"cv must give at least one (train, test) pair; got {described(splitter)}."
        )


def _row_numbers(given: Any, n_rows: int) -> Rows:
    """Row numbers, given as such (negative ones count from the end) or as a mask of all rows."""
    rows = check_row_numbers("cv", given, n_rows, lowest=-n_rows)
    if len(rows) and rows.min() < 0:
        rows[rows < 0] += n_rows
    return rows


def warn_of_leaks(folds: list[Fold], groups: Any, n_rows: int, splitter: Any) -> None:
    """Warn where a fold is judged on rows, or on groups, that its model has seen."""
    shared = sum(_meet(fold.train, fold.test, n_rows) for fold in folds)
    if shared:
        warnings.warn(
            f"{shared} of {len(folds)} folds of {described(splitter)} are judged on rows that "
            "their models learned from: their scores are optimistic.",
            UserWarning,
            stacklevel=4,
        )
    if groups is None or shared:
        return
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    n_groups = int(codes.max()) + 1
    straddled = sum(_meet(codes[fold.train], codes[fold.test], n_groups) for fold in folds)
    if straddled:
        warnings.warn(
            f"groups straddle the two sides of {straddled} of {len(folds)} folds: "
            f"{described(splitter)} pays no attention to them; use GroupKFold, or cv=5.",
            UserWarning,
            stacklevel=4,
        )


def _meet(one: Rows, other: Rows, n: int) -> bool:
    """Tell whether two lists of numbers below ``n`` have one in common."""
    seen = np.zeros(n, dtype=bool)
    seen[one] = True
    return bool(seen[other].any())
