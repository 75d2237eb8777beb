"""Calling: what `cross_validate` takes, for editors and type checkers."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict

__all__ = ["Estimator", "Settings"]


class Settings(TypedDict, total=False):
    """What it takes by name."""

    X_test: Any
    groups: Any
    sample_weight: Any
    scoring: Any
    cv: Any
    n_repeats: int
    method: str
    early_stopping: str | None
    validation_fraction: float
    refit: bool
    n_jobs: int | None
    cache_dir: Any
    verbose: int
    random_state: Any
    error_score: Any
    params: dict[str, Any] | None
    pre_dispatch: int | str
    return_train_score: bool
    return_estimator: bool
    return_indices: bool


class Estimator(Protocol):
    """What can be fitted, which a dict cannot: not `Any`, as whose subclass mypy takes ours."""

    def fit(self, *given: Any, **named: Any) -> Any:
        """Learn."""
