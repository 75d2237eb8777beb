"""What a tree's public parameters come to, for a draw of so many samples and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import (
    check_option,
    check_real,
    check_whole,
    is_real,
    is_whole,
    place_of,
)
from ensembles.trees.binning import CATEGORICAL
from ensembles.trees.preparing import Prepared
from ensembles.trees.tree import Rules

UNLIMITED = 2**31
MOST_BINS = 256
"""Codes in a byte."""


LIMITS = attrgetter(
    "_criteria",
    "criterion",
    "splitter",
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "min_weight_fraction_leaf",
    "max_features",
    "max_leaf_nodes",
    "min_impurity_decrease",
    "ccp_alpha",
    "max_bins",
)
"""The parameters that say how a tree grows, but for the directions of columns."""


def rules_of(tree: Any, n_samples: int, n_drawn: int, names: Sequence[str]) -> Rules:
    """Check every parameter of a tree that says how it grows, and say what they come to for
    `n_samples`, of which it sees `n_drawn` of all the columns, which have these names.
    """
    given = (*LIMITS(tree), n_samples, n_drawn)
    try:
        rules = remembered(*given)
    except TypeError:  # a list, say, in the place of a number: it is refused by name
        rules = limits(*given)
    signs = signs_of(tree.monotonic_cst, names)
    return rules if signs is None else replace(rules, signs=signs)


def limits(
    criteria: tuple[str, ...],
    criterion: Any,
    splitter: Any,
    max_depth: Any,
    min_samples_split: Any,
    min_samples_leaf: Any,
    min_weight_fraction_leaf: Any,
    max_features: Any,
    max_leaf_nodes: Any,
    min_impurity_decrease: Any,
    ccp_alpha: Any,
    max_bins: Any,
    n_samples: int,
    n_drawn: int,
) -> Rules:
    """Return what the parameters come to, all but the directions of columns."""
    check_option("criterion", criterion, criteria)
    check_max_bins(max_bins)
    check_real("ccp_alpha", ccp_alpha, 0.0)
    return Rules(
        entropy=criterion in ("entropy", "log_loss"),
        random=check_option("splitter", splitter, ("best", "random")) == "random",
        max_depth=most("max_depth", max_depth, 1) or UNLIMITED,
        min_samples_split=n_samples_of("min_samples_split", min_samples_split, 2, n_samples),
        min_samples_leaf=n_samples_of("min_samples_leaf", min_samples_leaf, 1, n_samples),
        min_weight_fraction_leaf=check_real(
            "min_weight_fraction_leaf", min_weight_fraction_leaf, 0.0, 0.5
        ),
        max_features=n_features_of(max_features, n_drawn),
        max_leaf_nodes=most("max_leaf_nodes", max_leaf_nodes, 2),
        min_impurity_decrease=check_real("min_impurity_decrease", min_impurity_decrease, 0.0),
    )


remembered = lru_cache(maxsize=64, typed=True)(limits)
"""The members of an ensemble have equal parameters; 1 and 1.0 are not equal ones."""


def check_max_bins(value: Any) -> int:
    """Return the number of codes of a column, the one for missing values among them."""
    return check_whole("max_bins", value, 3, MOST_BINS)


def most(name: str, value: Any, least: int) -> int:
    """Return a limit that may be None, then 0."""
    if value is None:
        return 0
    return min(check_whole(name, value, least), UNLIMITED)


def n_samples_of(name: str, value: Any, least: int, n_samples: int) -> int:
    """Return a number of samples given as such or as a share of them."""
    if is_whole(value) and value >= least:
        return min(int(value), UNLIMITED)
    if is_real(value) and not is_whole(value) and 0.0 < value <= 1.0:
        return max(least, int(np.ceil(value * n_samples)))
    raise ValueError(f"{name} must be an integer >= {least} or a float in (0, 1]; got {value!r}.")


def n_features_of(value: Any, n_columns: int) -> int:
    """Return how many columns a split is sought among."""
    if value is None:
        return n_columns
    if isinstance(value, str) and value in ("sqrt", "log2"):
        return max(1, int(np.sqrt(n_columns) if value == "sqrt" else np.log2(n_columns)))
    if is_whole(value) and value >= 1:
        return min(int(value), n_columns)
    if is_real(value) and not is_whole(value) and 0.0 < value <= 1.0:
        return max(1, int(value * n_columns))
    raise ValueError(
        "max_features must be None, 'sqrt', 'log2', an integer >= 1 or a float in (0, 1]; got "
        f"{value!r}."
    )


def signs_of(constraints: Any, names: Sequence[str]) -> NDArray[np.int8] | None:
    """Return the direction in which each column may move the prediction, given for every column in
    a list, or for some by name or number in a dict.
    """
    if constraints is None:
        return None
    signs = np.asarray(constraints)
    if isinstance(constraints, dict):
        signs = np.zeros(len(names))
        for column, sign in constraints.items():
            signs[place_of("monotonic_cst", column, names)] = sign if is_real(sign) else np.nan
    if signs.shape != (len(names),) or not np.isin(signs, (-1, 0, 1)).all():
        raise ValueError(
            f"monotonic_cst must hold -1, 0 or 1 for each of the {len(names)} features; got "
            f"{constraints!r}."
        )
    return signs.astype(np.int8)


def check_directions(signs: NDArray[np.int8] | None, prepared: Prepared) -> None:
    """Refuse directions where nothing has one: several outputs, classes, columns of categories."""
    if signs is None:
        return
    if prepared.n_values > (1 if prepared.classes is None else 2):
        raise ValueError("monotonic_cst needs a single output and at most two classes.")
    unordered = np.flatnonzero((signs != 0) & (prepared.kinds == CATEGORICAL))
    if len(unordered):
        name = prepared.bins.names[unordered[0]]
        raise ValueError(
            "monotonic_cst must be 0 for columns of categories, which have no order; got "
            f"{signs[unordered[0]]} for column {name}."
        )
