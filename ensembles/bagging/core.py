"""What every part of a bag knows: its parameters, its task, its members."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import (
    Bunch,
)
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from ensembles import members
from ensembles.aggregation import AGGREGATIONS, Aggregation
from ensembles.members import Committee, Member
from ensembles.parameters import (
    check_option,
)
from ensembles.resampling import (
    Draws,
)
from ensembles.tasks import (
    REGRESSION,
    Task,
    tags_of,
    task_of,
    tell_task,
)
from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.versions import current_versions, warn_of_other_versions


class Core(Committee, MetaEstimatorMixin, BaseEstimator):
    """Parameters, the task and what follows from it."""

    _pinned: ClassVar[Task | None] = None
    task_: Task
    classes_: NDArray[Any]
    _seed: int
    _draws: Draws

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 10,
        *,
        max_samples: int | float | None = None,
        max_features: int | float = 1.0,
        bootstrap: bool = True,
        bootstrap_features: bool = False,
        oob_score: Any = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
        resampling: Any = None,
        aggregation: Any = None,
        class_weight: Any = None,
        early_stopping: bool = False,
        n_iter_no_change: int | None = None,
        tol: float = 1e-3,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.max_features = max_features
        self.bootstrap = bootstrap
        self.bootstrap_features = bootstrap_features
        self.oob_score = oob_score
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.resampling = resampling
        self.aggregation = aggregation
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    def _known_task(self) -> Task | None:
        """The task, as far as it is known before or after `fit`."""
        if self._pinned is not None:
            return self._pinned
        return self.__dict__.get("task_") or getattr(self, "task", None) or task_of(self.estimator)

    def _template(self) -> Any:
        """The learner that members are clones of."""
        if self.estimator is not None:
            return self.estimator
        if self._known_task() == REGRESSION:
            return HistTreeRegressor()
        return HistTreeClassifier()

    def _aggregation(self, task: Task) -> Aggregation:
        rule = self.aggregation
        if callable(rule):
            return Aggregation(combine=rule)
        options = AGGREGATIONS[task]
        if rule is None:
            return next(iter(options.values()))
        return options[check_option("aggregation", rule, options, also=", None or a callable")]

    def _question(self, aggregation: Aggregation, routed: Any = None) -> Callable[..., Any]:
        """What members are asked for this aggregation."""
        routed = routed or Bunch()
        if self.task_ == REGRESSION:
            return partial(members.values, **routed.get("predict", {}))
        if aggregation.hard or not hasattr(self.estimator_, "predict_proba"):
            return partial(members.class_votes, classes=self.classes_, **routed.get("predict", {}))
        return partial(
            members.probabilities, classes=self.classes_, **routed.get("predict_proba", {})
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = tags_of(self._template())
        if inner is not None:
            tags.input_tags = inner.input_tags
            tags.target_tags.multi_output = inner.target_tags.multi_output
        if self._known_task() != REGRESSION:
            tags.target_tags.multi_output = False
        tags.target_tags.required = True
        tell_task(tags, self._known_task())
        return tags

    def _keep(self, grown: list[Member]) -> None:
        self.estimators_ = [member.estimator for member in grown]
        self._columns = [member.columns for member in grown]
        self._known_classes = [member.classes for member in grown]
        self._coded = [member.coded for member in grown]
        self._forest = members.pack(grown)

    def _members(self) -> list[Member]:
        return [
            Member(*parts)
            for parts in zip(
                self.estimators_, self._columns, self._known_classes, self._coded, strict=True
            )
        ]

    @property
    def estimators_samples_(self) -> list[NDArray[np.intp]]:
        """Rows that each member was shown, repeats included; drawn again whenever asked for.

        Our own trees were shown them in bins of the whole table: fitted on these rows alone, which
        are binned anew, a tree of the same seed may cut elsewhere.
        """
        check_is_fitted(self, "estimators_")
        return [self._draws.train(i).copy() for i in range(len(self.estimators_))]

    @property
    def estimators_features_(self) -> list[NDArray[np.intp]]:
        """Columns that each member was given."""
        check_is_fitted(self, "estimators_")
        n_columns = self.n_features_in_
        return [np.arange(n_columns) if own is None else own.copy() for own in self._columns]

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in super().__getstate__().items() if name != "_forest"}
        return kept | {"_versions": current_versions()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        warn_of_other_versions(self, state.pop("_versions", {}))
        super().__setstate__(state)
        if "estimators_" in state:
            self._forest = members.pack(self._members())

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which arguments go to which methods of the members.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        base = self._template()
        probable = hasattr(base, "predict_proba") and self.aggregation != "hard"
        asked = "predict_proba" if probable else "predict"
        logs = "predict_log_proba" if self._asks_log_probabilities() else asked
        if self._known_task() == REGRESSION:
            asked = logs = "predict"
        mapping = (
            MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="decision_function", callee="decision_function")
            .add(caller="predict", callee=asked)
            .add(caller="predict_proba", callee=asked)
            .add(caller="predict_log_proba", callee=logs)
        )
        return MetadataRouter(owner=self).add(estimator=base, method_mapping=mapping)
