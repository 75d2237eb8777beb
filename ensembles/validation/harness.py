"""The k-fold harness: one call gives what a notebook writes by hand."""

from __future__ import annotations

from contextlib import suppress
from os import PathLike
from typing import Any, Unpack, overload

import numpy as np
from sklearn import get_config
from sklearn.utils import column_or_1d, indexable

from ensembles.parameters import (
    check_flag,
    check_option,
    check_real,
    check_sample_weight,
    check_whole,
    has_missing,
    is_real,
    is_whole,
)
from ensembles.resampling import seed_of
from ensembles.tables import check_rows, is_frame
from ensembles.tasks import tags_of
from ensembles.validation.answering import METHODS
from ensembles.validation.calling import Estimator, Settings
from ensembles.validation.data import Data, check_estimator, n_rows_of
from ensembles.validation.evaluating import Protocol
from ensembles.validation.fingerprint import fingerprint
from ensembles.validation.folds import plan_folds, splitter_for, warn_of_leaks
from ensembles.validation.leaderboard import Leaderboard
from ensembles.validation.result import CrossValidation
from ensembles.validation.routing import routed
from ensembles.validation.running import Run, is_classification
from ensembles.validation.storing import Cache

__all__ = ["cross_validate"]

STOPPING = ("fold", "nested", "pooled")


@overload
def cross_validate(
    estimator: Estimator, X: Any, y: Any = None, **settings: Unpack[Settings]
) -> CrossValidation: ...


@overload
def cross_validate(
    estimator: dict[str, Any], X: Any, y: Any = None, **settings: Unpack[Settings]
) -> Leaderboard: ...


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    X_test: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    scoring: Any = None,
    cv: Any = 5,
    n_repeats: int = 1,
    method: str = "auto",
    early_stopping: str | None = None,
    validation_fraction: float = 0.1,
    refit: bool = False,
    n_jobs: int | None = None,
    cache_dir: Any = None,
    verbose: int = 0,
    random_state: Any = None,
    error_score: Any = np.nan,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2 * n_jobs",
    return_train_score: bool = True,
    return_estimator: bool = False,
    return_indices: bool = False,
) -> CrossValidation | Leaderboard:
    """Cross-validate: scores, out-of-fold predictions, fold models and test predictions at once.

    Stands in for scikit-learn's function of this name. The estimator is cloned for every fold and
    its own ``random_state`` is left as you set it, so that what comes out equals a loop written by
    hand, bit for bit, for every ``n_jobs`` and backend.

    Parameters
    ----------
    estimator : estimator, or dict of str to estimator
        What to validate; pipelines included, whose steps learn from a fold's training rows alone.
        A dict gives a `Leaderboard`, on the same folds for all.
    X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        Handed on as it is, a fold's rows at a time.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), optional
        Class labels of any sortable kind, or numbers.
    X_test : table of shape (n_test_rows, n_columns), optional
        Rows without targets, about which every fold model is asked.
    groups : array-like of shape (n_rows,), optional
        Group of every row. A number of folds as ``cv`` then keeps groups whole.
    sample_weight : array-like of shape (n_rows,), optional
        Weights for fitting (the last step of a pipeline), for early stopping and for scores.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn: scorers' names or scorers of (estimator, X, y), one or several; None is
        the estimator's own ``score``. The first is the one that models are compared by. Scores rise
        as models get better: "neg_root_mean_squared_error", and not "rmse" as in `bootstrap_score`.
    cv : int, splitter, iterable of (train, test) pairs or generator, default=5
        Any splitter of scikit-learn or of ours. A number means folds in the order of the rows,
        stratified in a classification, shuffled when there is a ``random_state`` or repeats.
    n_repeats : int, default=1
        Repeats of the folds, each shuffled anew, their out-of-fold predictions averaged.
    method : {"auto", "predict_proba", "decision_function", "predict", "predict_log_proba"}
        What models are asked. "auto" is class probabilities where there are any, else the decision
        function; values in a regression.
    early_stopping : {"fold", "nested", "pooled"} or None, default=None
        Which rows models stop early on: the fold's held-out rows (the scores are then optimistic,
        and the result says so); rows split from its training part; or one number of rounds for all
        folds, found on the held-out rows of all of them together. For XGBoost, LightGBM, CatBoost,
        HistGradientBoosting and our own, alone or at the end of a pipeline. The patience is the
        estimator's own, else 10 rounds.
    validation_fraction : float in (0, 1), default=0.1
        Share of a fold's training rows for "nested": whole groups with ``groups``, the latest rows
        in a time series, else stratified.
    refit : bool, default=False
        Whether to train once more on all rows, with as many rounds as early stopping found, scaled
        to the larger set: ``refit_estimator_``.
    n_jobs : int or None, default=None
        Workers over folds, repeats and estimators together, in joblib's meaning. Processes share
        the memory of tables but for Python's own objects: of a pandas column of dtype object each
        has its own copy, of one of dtype "str" or "category" none. Workers times the learners' own
        threads do not exceed the cores. Linear algebra keeps the caller's number of
        threads in every worker, as its last bits depend on it; a learner made of it is several
        times faster, here and in a loop by hand, under ``threadpool_limits(1, "blas")``.
    cache_dir : path or None, default=None
        Where finished folds are kept, so that a run that was killed goes on where it was, and more
        repeats, models or scorers cost only what is new. Folds are found again by the contents of
        data and rows, parameters, code and versions. Others must not be able to write there.
    verbose : int, default=0
        1 shows a progress bar, 2 the score of each fold as it is done.
    random_state : int, RandomState, Generator or None, default=None
        For shuffled folds, repeats and nested splits; never for the estimator.
    error_score : "raise" or number, default=NaN
        Score of a fold that fails; the others survive, and a warning names it.
    params : dict or None, default=None
        Further arguments of ``fit``; with metadata routing enabled, also of scorers and splitters.
        Those with one value per row are cut like the rows.
    pre_dispatch : int or str, default="2 * n_jobs"
        As in joblib.
    return_train_score : bool, default=True
        Whether to score models on the rows they learned from as well, for the generalization gap.
    return_estimator, return_indices : bool, default=False
        Whether "estimator" and "indices" are among the keys; ``result["estimator"]`` is there
        anyway.

    Returns
    -------
    CrossValidation, or Leaderboard for a dict

    Raises
    ------
    ValueError
        When an argument breaks its rule, before any work; or when all fits fail.

    References
    ----------
    C. Nadeau and Y. Bengio (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from ensembles import cross_validate
    >>> X, y = load_diabetes(return_X_y=True)
    >>> result = cross_validate(Ridge(), X[:400], y[:400], X_test=X[400:], cv=5, random_state=0)
    >>> result.oof_prediction_.shape, result.test_prediction_.shape
    ((400,), (42,))
    >>> low, high = result.confidence_interval_
    >>> bool(low < result.score_ < high)
    True
    """
    check_flag("refit", refit)
    named = _named(estimator)
    run = _prepared(
        next(iter(named.values())),
        X,
        y,
        X_test=X_test,
        groups=groups,
        sample_weight=sample_weight,
        scoring=scoring,
        cv=cv,
        n_repeats=n_repeats,
        method=method,
        early_stopping=early_stopping,
        validation_fraction=validation_fraction,
        n_jobs=n_jobs,
        cache_dir=cache_dir,
        verbose=verbose,
        random_state=random_state,
        error_score=error_score,
        params=params,
        pre_dispatch=pre_dispatch,
        return_train_score=return_train_score,
        return_estimator=return_estimator,
        return_indices=return_indices,
    )
    results = run.validate(named)
    if isinstance(estimator, dict):
        return Leaderboard(run, results, refit=refit)
    (result,) = results.values()
    if refit:
        result.refit()
    return result


def _named(estimator: Any) -> dict[str, Any]:
    if not isinstance(estimator, dict):
        return {"": estimator}
    if not estimator or not all(isinstance(name, str) and name for name in estimator):
        raise ValueError(
            f"estimator must be a dict of names to estimators, not empty; got {estimator!r}."
        )
    return dict(estimator)


def _prepared(estimator: Any, X: Any, y: Any, **given: Any) -> Run:
    """Check everything, list the folds, and return what is ready to run."""
    check_estimator(estimator)
    _check_settings(given)
    _check_groups(given["groups"])
    data = _checked_data(estimator, X, y, given)
    cache = None if given["cache_dir"] is None else Cache(given["cache_dir"])
    seed = _seed(given["random_state"], data, cache)
    classification = is_classification(estimator, data.y)
    n_repeats = given["n_repeats"]
    splitter = splitter_for(
        given["cv"],
        data.y,
        data.groups,
        classification=classification,
        shuffled=given["random_state"] is not None or n_repeats > 1,
        seed=seed,
    )
    metadata, fit_arguments, score_arguments = routed(
        estimator, given["scoring"], splitter, data, given["params"]
    )
    folds = plan_folds(
        splitter, data.X, data.y, n_rows=data.n_rows, n_repeats=n_repeats, seed=seed, **metadata
    )
    warn_of_leaks(folds, data.groups, data.n_rows, splitter)
    data = Data(
        data.X,
        data.y,
        data.X_test,
        data.groups,
        data.sample_weight,
        fit_arguments,
        score_arguments,
    )
    return Run(
        data=data,
        folds=folds,
        seed=seed,
        protocol=Protocol(given["return_train_score"], given["error_score"]),
        cache=cache,
        **{
            name: given[name]
            for name in (
                "scoring",
                "method",
                "early_stopping",
                "validation_fraction",
                "n_jobs",
                "pre_dispatch",
                "verbose",
                "return_estimator",
                "return_indices",
            )
        },
    )


def _seed(random_state: Any, data: Data, cache: Cache | None) -> int:
    """Return the seed of folds; with a cache and no ``random_state``, one that comes back.

    A run that was killed must find its folds again, so the seed is the data's fingerprint.
    """
    if random_state is None and cache is not None:
        with suppress(TypeError):
            return int(fingerprint(data.X, data.y)[:8], 16)
    return seed_of(random_state) % 2**32


def _check_settings(given: dict[str, Any]) -> None:
    check_whole("n_repeats", given["n_repeats"])
    check_option("method", given["method"], ("auto", *METHODS))
    if given["early_stopping"] is not None:
        check_option("early_stopping", given["early_stopping"], STOPPING, also=" or None")
    check_real("validation_fraction", given["validation_fraction"], 0.0, 1.0, open_ends=True)
    for flag in ("return_train_score", "return_estimator", "return_indices"):
        check_flag(flag, given[flag])
    n_jobs, verbose, error_score = given["n_jobs"], given["verbose"], given["error_score"]
    if n_jobs is not None and (not is_whole(n_jobs) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or an integer other than 0; got {n_jobs!r}.")
    if not isinstance(verbose, bool):
        check_whole("verbose", verbose, least=0)
    if not (is_real(error_score) or (isinstance(error_score, str) and error_score == "raise")):
        raise ValueError(f"error_score must be 'raise' or a number; got {error_score!r}.")
    params, cache_dir = given["params"], given["cache_dir"]
    if params is not None and not isinstance(params, dict):
        raise ValueError(f"params must be a dict of arguments or None; got {params!r}.")
    if cache_dir is not None and (not isinstance(cache_dir, str | PathLike) or cache_dir == ""):
        raise ValueError(f"cache_dir must be the path of a folder or None; got {cache_dir!r}.")


def _check_groups(groups: Any) -> None:
    if groups is not None and np.ndim(groups) != 1:
        raise ValueError(f"groups must be 1D, a group for each row; got shape {np.shape(groups)}.")
    if groups is not None and has_missing(np.asarray(groups)):
        raise ValueError("groups must not hold missing values; got None or NaN.")
    if groups is not None and get_config()["enable_metadata_routing"]:
        raise ValueError(
            "`groups` can only be passed if metadata routing is not enabled via "
            "`sklearn.set_config(enable_metadata_routing=True)`. When routing is enabled, pass "
            "`groups` alongside other metadata via the `params` argument instead."
        )


def _checked_data(estimator: Any, X: Any, y: Any, given: dict[str, Any]) -> Data:
    check_rows(X, y)
    X_indexed, y_indexed = indexable(X, y)
    n_rows, groups = n_rows_of(X_indexed), given["groups"]
    if groups is not None and len(groups) != n_rows:
        raise ValueError(
            f"groups must hold a group for each of the {n_rows} rows; got {len(groups)}."
        )
    (groups,) = indexable(groups)
    if y_indexed is not None and not hasattr(y_indexed, "tocsr"):
        if has_missing(np.asarray(y_indexed)):
            raise ValueError("y must not hold missing values; got None or NaN.")
        y_indexed = _in_one_dimension(estimator, y_indexed)
    X_test = given["X_test"]
    if X_test is not None:
        (X_test,) = indexable(X_test)
        _check_columns(X_indexed, X_test)
    weights = check_sample_weight(given["sample_weight"], n_rows)
    return Data(X_indexed, y_indexed, X_test, groups, weights)


def _in_one_dimension(estimator: Any, y: Any) -> Any:
    """Labels in one column as the array that classifiers would make of them, with a warning."""
    tags = tags_of(estimator)
    several = tags is not None and not tags.target_tags.single_output
    if several or np.ndim(y) != 2 or np.shape(y)[1] != 1:
        return y
    return column_or_1d(np.asarray(y), warn=True) if is_classification(estimator, y) else y


def _strangers(X: Any, X_test: Any) -> str:
    """Say which columns only one of two frames has."""
    if not (is_frame(X) and is_frame(X_test)):
        return ""
    missing = [name for name in X.columns if name not in list(X_test.columns)]
    added = [name for name in X_test.columns if name not in list(X.columns)]
    told = [("without", missing), ("with", added)]
    return "".join(f", {word} {names[:5]}" for word, names in told if names)


def _check_columns(X: Any, X_test: Any) -> None:
    """Refuse rows to predict that are not shaped, or named, like those to learn from."""
    ours, theirs = np.shape(X), np.shape(X_test)
    if theirs[:1] == (0,):
        raise ValueError("X_test must hold at least one row, or be None; got none.")
    if len(ours) > 1 and (len(theirs) != len(ours) or theirs[1] != ours[1]):
        raise ValueError(
            f"X_test must have the columns of X; got shape {theirs} for X of shape "
            f"{ours}{_strangers(X, X_test)}."
        )
    if is_frame(X) and is_frame(X_test) and list(X.columns) != list(X_test.columns):
        raise ValueError(
            "X_test must have the columns of X, in their order; got "
            f"{list(X_test.columns)} for {list(X.columns)}."
        )
