"""Settings: what the user asked for, checked, and said in full to XGBoost.

XGBoost changes its defaults from release to release, so that every parameter is passed in so many
words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
import xgboost

from ensembles.parameters import (
    check_flag,
    check_n_jobs,
    check_option,
    check_real,
    check_whole,
    is_real,
    place_of,
)

__all__ = [
    "check_settings",
    "known_names",
    "settings_of",
    "signs_of",
    "training_parameters",
    "version_at_hand",
]

SAME = {
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "alpha": "reg_alpha",
    "min_split_loss": "gamma",
    "nthread": "n_jobs",
    "nthreads": "n_jobs",
    "seed": "random_state",
    "num_boost_round": "n_estimators",
    "num_round": "n_estimators",
    "eval_metric": "scoring",
    "early_stopping_rounds": "n_iter_no_change",
    "quantile_alpha": "quantiles",
}
"""XGBoost's further names for what is a parameter of ours."""

FURTHER = frozenset(
    {
        "aft_loss_distribution",
        "fail_on_invalid_gpu_id",
        "huber_slope",
        "max_cached_hist_node",
        "normalize_type",
        "one_drop",
        "refresh_leaf",
        "sample_type",
        "seed_per_iteration",
        "sparse_threshold",
        "tweedie_variance_power",
        "validate_parameters",
        "verbosity",
    }
)
"""Parameters of XGBoost that are no parameter of ours, whichever its version."""

OURS_TO_SAY = frozenset({"num_class", "num_target", "updater", "process_type", "updater_seq"})
"""Parameters of XGBoost that follow from the data."""

OF_THE_WRAPPER = {
    "callbacks": "early_stopping, scoring, max_generalization_gap and verbose watch the rounds.",
    "enable_categorical": "Columns of categories and text are always taken as such.",
    "feature_types": "Columns of categories or text are found by the types of a DataFrame.",
    "feature_weights": "colsample_bytree and the like choose among all columns alike.",
}
"""Arguments of XGBoost's own estimators that are no parameters of XGBoost, and what is here."""

TREE = (
    "learning_rate",
    "gamma",
    "max_depth",
    "max_leaves",
    "grow_policy",
    "max_bin",
    "min_child_weight",
    "subsample",
    "sampling_method",
    "colsample_bytree",
    "colsample_bylevel",
    "colsample_bynode",
    "reg_lambda",
    "reg_alpha",
    "num_parallel_tree",
    "multi_strategy",
    "max_cat_to_onehot",
    "max_cat_threshold",
    "tree_method",
    "booster",
)
"""Parameters that are handed on as they are."""

SHARES = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
OPTIONS = {
    "grow_policy": ("depthwise", "lossguide"),
    "sampling_method": ("uniform", "gradient_based"),
    "multi_strategy": ("one_output_per_tree", "multi_output_tree"),
    "booster": ("gbtree", "dart"),
    "importance_type": ("gain", "weight", "cover", "total_gain", "total_cover"),
    "validation_split": ("random", "latest"),
}
WHOLE = {
    "max_depth": 0,
    "max_leaves": 0,
    "max_bin": 2,
    "num_parallel_tree": 1,
    "max_cat_to_onehot": 1,
    "max_cat_threshold": 1,
    "min_category_count": 1,
    "n_iter_no_change": 1,
    "n_seeds": 1,
}
AT_LEAST_ZERO = (
    "gamma", "min_child_weight", "reg_lambda", "reg_alpha", "tol", "scale_pos_weight",
)  # fmt: skip
LARGEST = float(np.finfo(np.float32).max)
FLAGS = ("refit", "warm_start", "normalize_weights", "check_gradient")


def _leaves(node: Any) -> Iterable[str]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name


def version_at_hand() -> tuple[int, ...]:
    """Return the first two numbers of XGBoost's version."""
    return tuple(int(part) for part in xgboost.__version__.split(".")[:2])


@cache
def known_names() -> frozenset[str]:
    """Names that XGBoost knows: those of the version at hand, and those of the objectives."""
    return _names_of("gbtree") | _names_of(dropping_booster()) | FURTHER


@cache
def _names_of(booster: str) -> frozenset[str]:
    matrix = xgboost.DMatrix(np.zeros((2, 1)), np.zeros(2))
    model = xgboost.train({"booster": booster, "verbosity": 0}, matrix, 1)
    return frozenset(_leaves(json.loads(model.save_config())["learner"]))


def dropping_booster() -> str:
    """Return XGBoost's name of the booster that drops trees: later than 3.2 every one of trees can,
    and "dart" warns that it will go.
    """
    return "gbtree" if "rate_drop" in _names_of("gbtree") else "dart"


def settings_of(estimator: Any) -> SimpleNamespace:
    """Return the estimator's parameters, with what ``params`` adds to them.

    ``extra`` holds what is XGBoost's alone. A name that is neither ours nor XGBoost's is an error
    that suggests the nearest.
    """
    settings = SimpleNamespace(**estimator.get_params(deep=False), extra={}, n_cells=np.inf)
    given = settings.params
    if given is None:
        return settings
    if not isinstance(given, dict):
        raise ValueError(f"params must be a dict or None; got {given!r}.")
    own = {
        name: parameter.default for name, parameter in signature(type(estimator)).parameters.items()
    }
    own.pop("params")
    said: dict[Any, Any] = {}
    for name, value in given.items():
        if (other := said.setdefault(SAME.get(name, name), name)) != name:
            raise ValueError(
                "params must say each parameter by one name; "
                f"got {other!r} and {name!r}, which are the same."
            )
        _take_in(settings, own, name, value)
    return settings


def _take_in(settings: SimpleNamespace, own: dict[str, Any], name: Any, value: Any) -> None:
    ours = SAME.get(name, name)
    if ours in own:
        if not _same(getattr(settings, ours), own[ours]) and getattr(settings, ours) != value:
            raise ValueError(
                f"params must not contradict {ours}; got params[{name!r}]={value!r} and "
                f"{ours}={getattr(settings, ours)!r}."
            )
        setattr(settings, ours, value)
    elif name in OURS_TO_SAY:
        raise ValueError(f"params must leave {name!r} out, which follows from y; got {value!r}.")
    elif name in known_names():
        settings.extra[name] = value
    else:
        names = [*own, *SAME, *known_names()]
        near = get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        hint = f" {OF_THE_WRAPPER[name]}" if name in OF_THE_WRAPPER else hint
        raise ValueError(f"params must hold parameters of XGBoost; got {name!r}.{hint}")


def _same(value: Any, default: Any) -> bool:
    missing = is_real(value) and is_real(default) and value != value and default != default
    return value is default or missing or (type(value) is type(default) and value == default)


def check_settings(settings: SimpleNamespace) -> None:
    """Refuse what breaks a rule, before any work is done."""
    _check_tree_method(settings.tree_method)
    if settings.n_estimators is not None:
        check_whole("n_estimators", settings.n_estimators)
    for name, least in WHOLE.items():
        check_whole(name, getattr(settings, name), least)
    for name in AT_LEAST_ZERO:
        _check_finite(name, getattr(settings, name))
    for name in SHARES:
        _check_share(name, getattr(settings, name))
    for name, options in OPTIONS.items():
        check_option(name, getattr(settings, name), options)
    for name in FLAGS:
        check_flag(name, getattr(settings, name))
    _check_share("learning_rate", settings.learning_rate, LARGEST)
    for name in ("rate_drop", "skip_drop"):
        check_real(name, getattr(settings, name), 0.0, 1.0)
    if settings.max_delta_step is not None:
        _check_finite("max_delta_step", settings.max_delta_step)
    check_real("validation_fraction", settings.validation_fraction, 0.0, 1.0, open_ends=True)
    if not (is_real(settings.label_smoothing) and 0 <= settings.label_smoothing < 1):
        raise ValueError(
            f"label_smoothing must be a number in [0, 1); got {settings.label_smoothing!r}."
        )
    if settings.max_generalization_gap is not None:
        _check_finite("max_generalization_gap", settings.max_generalization_gap)
    if settings.early_stopping != "auto":
        _check_auto("early_stopping", settings.early_stopping)
    if settings.base_score is not None:
        _base_score(settings.base_score)
    _check_workers(settings)


def _check_finite(name: str, value: Any) -> None:
    if not (is_real(value) and 0 <= value <= LARGEST):
        raise ValueError(f"{name} must be a finite 32-bit number >= 0; got {value!r}.")


def _check_share(name: str, value: Any, most: float = 1.0) -> None:
    if not (is_real(value) and 0 < value <= most):
        rule = "a number in (0, 1]" if most == 1.0 else "a finite 32-bit number > 0"
        raise ValueError(f"{name} must be {rule}; got {value!r}.")


def _check_auto(name: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True, False or 'auto'; got {value!r}.")


def _check_tree_method(value: Any) -> None:
    if value == "gpu_hist":
        raise ValueError("tree_method must be 'hist'; got 'gpu_hist': say device='cuda' instead.")
    if value not in ("hist", "auto"):
        raise ValueError(
            f"tree_method must be 'hist', the one that every data source here goes with; "
            f"got {value!r}."
        )


def _check_workers(settings: SimpleNamespace) -> None:
    n_jobs, verbose = settings.n_jobs, settings.verbose
    check_n_jobs(n_jobs)
    if not isinstance(verbose, bool | np.bool_):
        check_whole("verbose", verbose, 0)
    if not is_real(settings.missing):
        raise ValueError(f"missing must be a number or NaN; got {settings.missing!r}.")


FEW_CELLS = 50_000
"""Cells of a table below which threads wait for each other longer than they work."""


def n_threads(n_jobs: int | None, n_cells: float = np.inf) -> int:
    """Return XGBoost's number of threads; 0 means all there are.

    None is all, but one for a table of few cells; -1 is all, -2 all but one. The result is the same
    for every number.
    """
    if n_jobs is None:
        return 1 if n_cells < FEW_CELLS else 0
    if n_jobs < -1:
        return max(1, _n_cores() + 1 + int(n_jobs))
    return max(0, int(n_jobs))


def _n_cores() -> int:
    """Count the cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # there is none on macOS and Windows
        return os.cpu_count() or 1


def training_parameters(
    settings: SimpleNamespace, objective: dict[str, Any], device: str, seed: int, names: list[str]
) -> dict[str, Any]:
    """Return every parameter that XGBoost trains with.

    Parameters
    ----------
    settings : SimpleNamespace
        Checked settings.
    objective : dict
        XGBoost's parameters of the objective.
    device : str
        "cpu", "cuda" or "cuda:1".
    names : list of str
        The columns, by which constraints may speak of them.
    """
    given = {name: getattr(settings, name) for name in TREE}
    given["tree_method"] = "hist"
    given |= {
        "device": device,
        "nthread": n_threads(settings.n_jobs, settings.n_cells),
        "seed": seed % 2**31,
    }
    given |= {"verbosity": 1, "validate_parameters": True, "disable_default_eval_metric": False}
    given["max_delta_step"] = _max_delta_step(settings, objective)
    if settings.base_score is not None:
        given["base_score"] = _base_score(settings.base_score)
    if settings.booster == "dart":
        given["booster"] = dropping_booster()
        given |= {"rate_drop": settings.rate_drop, "skip_drop": settings.skip_drop}
        given |= {"sample_type": "uniform", "normalize_type": "tree", "one_drop": 0}
    if settings.monotone_constraints is not None:
        signs = signs_of(settings.monotone_constraints, names)
        if any(signs):  # XGBoost takes zeros for constraints that some trees do not support
            given["monotone_constraints"] = "(" + ",".join(map(str, signs)) + ")"
    if settings.interaction_constraints is not None:
        given["interaction_constraints"] = interactions(settings.interaction_constraints, names)
    return given | objective | settings.extra


def _max_delta_step(settings: SimpleNamespace, objective: dict[str, Any]) -> float:
    """Return the largest step of a leaf: XGBoost's own default is 0.7 for counts, else no limit."""
    if settings.max_delta_step is not None:
        return float(settings.max_delta_step)
    return 0.7 if objective["objective"] == "count:poisson" else 0.0


def _base_score(value: Any) -> Any:
    values = [value] if np.ndim(value) == 0 else list(value)
    if not all(is_real(one) and abs(one) <= LARGEST for one in values):
        raise ValueError(
            f"base_score must be a finite number, a list of them or None; got {value!r}."
        )
    return float(value) if np.ndim(value) == 0 else [float(one) for one in values]


def signs_of(given: Any, names: list[str]) -> list[int]:
    """Return the sign of each column's constraint, given in a list or by column in a dict."""
    signs: list[Any]
    signs = [0] * len(names)
    if isinstance(given, dict):
        for name, sign in given.items():
            signs[place_of("monotone_constraints", name, names)] = sign
    else:
        signs = _members(given)
    if len(signs) != len(names) or not all(is_real(one) and one in (-1, 0, 1) for one in signs):
        raise ValueError(
            f"monotone_constraints must give -1, 0 or 1 for each of the {len(names)} columns; "
            f"got {given!r}."
        )
    return [int(sign) for sign in signs]


def _members(given: Any) -> list[Any]:
    """Return the members of a list or of XGBoost's text, none for anything else."""
    if isinstance(given, str):
        try:
            return [int(sign) for sign in given.strip("() ").split(",")]
        except ValueError:
            return []
    return list(given) if np.iterable(given) else []


def interactions(given: Any, names: list[str]) -> str:
    """Return XGBoost's text for groups of columns that may share a branch."""
    groups = _groups(given)
    if groups is None or not all(np.ndim(one) == 1 or isinstance(one, set) for one in groups):
        raise ValueError(
            f"interaction_constraints must be a list of lists of columns; got {given!r}."
        )
    return json.dumps(
        [
            sorted(place_of("interaction_constraints", name, names) for name in group)
            for group in groups
        ]
    )


def _groups(given: Any) -> list[Any] | None:
    """Return the members of a list or of XGBoost's text, None for anything else."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return None
    return list(given) if np.iterable(given) else None
