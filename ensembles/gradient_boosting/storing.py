"""Storing: one file that holds a model and is read without unpickling anything.

A zip archive: XGBoost's own UBJSON for each booster, and a JSON text for what XGBoost does not
store. XGBoost does not check the files that it reads, so that every booster is held to its digest
before XGBoost sees it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from sklearn.utils.validation import check_is_fitted

from ensembles.gradient_boosting.columns import Columns
from ensembles.gradient_boosting.core import Core
from ensembles.gradient_boosting.objectives import Objective
from ensembles.versions import current_versions, warn_of_other_versions

__all__ = ["Loading", "Storing", "booster_of"]

FORMAT = 1
TEXT = "estimator.json"
FITTED = (
    "task_",
    "n_classes_",
    "n_features_in_",
    "device_",
    "evals_result_",
    "generalization_gap_",
    "best_iteration_",
    "best_score_",
    "_missing",
    "_numbered_columns",
)
"""Fitted attributes that are numbers, text, lists and dicts."""

OF_OBJECTIVE = ("name", "metric", "lowest", "highest", "open_below", "parameters")


class Storing(Core):
    """Saving, loading, pickling."""

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted model in one file: boosters, classes, categories and parameters.

        The file is complete or is not there: on a full disk an earlier file stays as it was.
        Parameters that are functions cannot be stored; a warning names them. A file for XGBoost
        itself, without what it does not store, is ``booster_.save_model(path)``.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        check_is_fitted(self, "boosters_")
        write_whole(Path(path), self._archive())

    def _archive(self) -> bytes:
        models = [bytes(booster.save_raw("ubj")) for booster in self.boosters_]
        text = json.dumps(self._description(models), indent=1)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(TEXT, text)
            for i, model in enumerate(models):
                archive.writestr(f"booster_{i}.ubj", model)
        return buffer.getvalue()

    def _description(self, models: list[bytes]) -> dict[str, Any]:
        names = getattr(self, "feature_names_in_", None)
        return {
            "format": FORMAT,
            "class": type(self).__name__,
            "versions": current_versions() | {"xgboost": xgboost.__version__},
            "digests": [hashlib.sha256(model).hexdigest() for model in models],
            "parameters": _storable(self.get_params(deep=False)),
            "fitted": {name: said(getattr(self, name)) for name in FITTED if name in self.__dict__},
            "classes": said(getattr(self, "classes_", None)),
            "feature_names": said(names),
            "columns": {
                "names": self._columns.names,
                "levels": [said(levels) for levels in self._columns.levels],
                "sparse": self._columns.sparse,
            },
            "objective": {name: said(getattr(self._objective, name)) for name in OF_OBJECTIVE},
        }

    def _load(self, path: Any) -> Any:
        described, models = read_archive(Path(path))
        task = described["fitted"]["task_"]
        if self._pinned not in (None, task):
            raise ValueError(
                f"path must hold a model for {self._pinned}, the task of {type(self).__name__}; "
                f"got one for {task}."
            )
        known = self.get_params(deep=False)
        given = {name: heard(value) for name, value in described["parameters"].items()}
        self.set_params(**{name: value for name, value in given.items() if name in known})
        for name in [name for name in vars(self) if name not in known]:
            delattr(self, name)
        for name, value in described["fitted"].items():
            setattr(self, name, heard(value))
        if described["classes"] is not None:
            self.classes_ = heard(described["classes"])
        if described["feature_names"] is not None:
            self.feature_names_in_ = heard(described["feature_names"])
        columns = described["columns"]
        levels = [heard(one) for one in columns["levels"]]
        self._columns = Columns(columns["names"], levels, columns["sparse"])
        self._objective = Objective(
            **{name: heard(value) for name, value in described["objective"].items()}
        )
        self._revive([bytearray(model) for model in models])
        warn_of_other_versions(self, _ours(described["versions"]))
        return self

    def _revive(self, models: list[bytearray]) -> None:
        """Make boosters of their bytes, on a device that is there."""
        self.boosters_ = [booster_of(model, self.n_jobs) for model in models]
        self.device_ = "cpu"

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "boosters_" in state:
            state["boosters_"] = [bytes(one.save_raw("ubj")) for one in state["boosters_"]]
        if "_objective" in state:
            state["_objective"] = replace(state["_objective"], gradients=None, intercept=None)
        return state | {"_versions": current_versions()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        warn_of_other_versions(self, state.pop("_versions", {}))
        super().__setstate__(state)
        if self.missing != self.missing:  # one NaN equals another where both are numpy's
            self.missing = np.nan
        if "boosters_" in state:
            self._revive([bytearray(model) for model in state["boosters_"]])

    def __sklearn_clone__(self) -> Any:
        from sklearn.base import clone

        return type(self)(
            **{
                name: clone(value, safe=False)
                for name, value in self.get_params(deep=False).items()
            }
        )


class Loading:
    """``load_model``, as a method that fills an estimator and as one that makes it."""

    def __get__(self, estimator: Any, kind: Any) -> Any:
        def load_model(path: str | os.PathLike[str]) -> Any:
            """Load a model that `save_model` saved; nothing is unpickled.

            Called on an estimator it takes the place of what that was; called on a class it makes
            an estimator.

            Parameters
            ----------
            path : str or path-like

            Returns
            -------
            The estimator.

            Raises
            ------
            ValueError
                When the file is none of ours, or damaged.
            OSError
                When it cannot be read.
            """
            from ensembles.parameters import unchanged_on_error

            filled = kind() if estimator is None else estimator
            with unchanged_on_error(filled):
                return filled._load(path)

        return load_model


def booster_of(model: bytearray, n_jobs: int | None) -> Any:
    """Make a booster of its UBJSON.

    In silence: XGBoost may warn that what it was trained with will go, which is too late to change.
    """
    from ensembles.gradient_boosting.settings import n_threads

    booster = xgboost.Booster({"nthread": n_threads(n_jobs), "verbosity": 1})
    with xgboost.config_context(verbosity=0):
        booster.load_model(model)
    return booster


def _ours(versions: dict[str, str]) -> dict[str, str]:
    """XGBoost's files are read by later versions of it; what is ours may not be."""
    return {name: version for name, version in versions.items() if name == "ensembles"}


def _storable(parameters: dict[str, Any]) -> dict[str, Any]:
    stored, lost = {}, []
    for name, value in parameters.items():
        try:
            stored[name] = said(value)
            json.dumps(stored[name])
        except TypeError:
            stored.pop(name, None)
            lost.append(name)
    if lost:
        warnings.warn(
            f"save_model cannot store {', '.join(lost)}; set them again after load_model to train "
            "on.",
            UserWarning,
            stacklevel=5,
        )
    return stored


# ---------------------------------------------------------------------------------------------
# Values as JSON


def said(value: Any) -> Any:
    """Say a value in JSON, its kind beside it where JSON has none."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return {"kind": "objects", "values": [said(one) for one in value.tolist()]}
        if value.dtype.kind in "mM":
            return {"kind": str(value.dtype), "values": value.astype(np.int64).tolist()}
        return {"kind": value.dtype.str, "values": [said(one) for one in value.tolist()]}
    if isinstance(value, np.generic):
        return said(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return {"kind": "float", "values": repr(value)}
    if isinstance(value, tuple):
        return {"kind": "tuple", "values": [said(one) for one in value]}
    if isinstance(value, list):
        return [said(one) for one in value]
    if isinstance(value, dict):
        return {"kind": "dict", "values": [[said(key), said(one)] for key, one in value.items()]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be said in JSON.")


def heard(value: Any) -> Any:
    """Return the value that `said` has said."""
    if isinstance(value, list):
        return [heard(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind, values = value["kind"], value["values"]
    if kind == "float":
        return np.nan if values == "nan" else float(values)  # one that equals itself
    if kind == "tuple":
        return tuple(heard(one) for one in values)
    if kind == "dict":
        return {heard(key): heard(one) for key, one in values}
    if kind == "objects":
        array = np.empty(len(values), dtype=object)
        array[:] = [heard(one) for one in values]
        return array
    return np.array([heard(one) for one in values], dtype=np.dtype(kind))


# ---------------------------------------------------------------------------------------------
# Files


def write_whole(path: Path, content: bytes) -> None:
    """Write a file or leave the earlier one: never half of it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_archive(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    """Read a file of ours, and hold each booster to its digest."""
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(archive.read(TEXT))
            models = [archive.read(f"booster_{i}.ubj") for i in range(len(described["digests"]))]
    except OSError:
        raise
    except Exception as error:
        raise ValueError(_no_model(path, error)) from None
    if described.get("format") != FORMAT:
        raise ValueError(
            f"path must hold a model of format {FORMAT}; got format {described.get('format')!r}: "
            "a later version of this library wrote it."
        )
    if [hashlib.sha256(model).hexdigest() for model in models] != described["digests"]:
        raise ValueError(f"path must hold a model as it was saved; {path} is damaged.")
    return described, models


def _no_model(path: Path, error: Exception) -> str:
    """Say what a file is that is none of ours, by how it begins: XGBoost trusts what it reads."""
    rule = "path must hold a model saved by save_model;"
    with path.open("rb") as file:
        beginning = file.read(64)
    if beginning.startswith(b"{") and b"learner" in beginning:
        return (
            f"{rule} {path} holds one that XGBoost saved, which does not know the names of classes "
            "and categories: ask it with xgboost.Booster(model_file=path), or go on from it with "
            "fit(..., init_model=path)."
        )
    return f"{rule} {path} is none, or is damaged: {error}."
