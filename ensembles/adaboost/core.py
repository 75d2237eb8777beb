"""What every part of a boosted ensemble knows: its parameters, its task, its members."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from ensembles.adaboost.voices import PROBABILITIES, Voice, voice_of
from ensembles.members import Committee, Member
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task, tags_of, task_of, tell_task
from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.versions import current_versions, warn_of_other_versions

CLASSIFIERS = ("SAMME", "real", "gentle", "logit")
REGRESSORS = ("R2", "RT")
ALIASES = {"SAMME.R": "real"}
LEAST_SQUARES = ("gentle", "logit")
"""Classification whose members are regressors."""


class Core(Committee, MetaEstimatorMixin, BaseEstimator):
    """Parameters, the task and what follows from it."""

    _pinned: ClassVar[Task | None] = None
    estimator: Any
    n_estimators: int
    learning_rate: float
    random_state: Any
    algorithm: str | None
    task_: Task
    classes_: NDArray[Any]
    n_features_in_: int
    _rounds: list[tuple[Member, ...]]
    _packing: dict[str, Any]

    def _known_task(self) -> Task | None:
        """The task, as far as it is known before or after `fit`."""
        if self._pinned is not None:
            return self._pinned
        known = self.__dict__.get("task_") or getattr(self, "task", None)
        return known or self._task_of_algorithm() or self._task_of_base()

    def _task_of_algorithm(self) -> Task | None:
        if self.algorithm in (*CLASSIFIERS, *ALIASES):
            return CLASSIFICATION
        return REGRESSION if self.algorithm in REGRESSORS else None

    def _task_of_base(self) -> Task | None:
        return None if self.algorithm in LEAST_SQUARES else task_of(self.estimator)

    def _algorithm(self) -> str:
        """The algorithm in force: the user's by its own name, or the task's usual one."""
        if self.algorithm is None:
            return "R2" if self._known_task() == REGRESSION else "SAMME"
        return ALIASES.get(self.algorithm, self.algorithm)

    def _template(self) -> Any:
        """The learner that members are clones of."""
        if self.estimator is not None:
            return self.estimator
        if self._known_task() == REGRESSION:
            return HistTreeRegressor(max_depth=3)
        if self._algorithm() in LEAST_SQUARES:
            return HistTreeRegressor(max_depth=1)
        return HistTreeClassifier(max_depth=1)

    def _voice(self) -> Voice:
        n_classes = 0 if self.task_ == REGRESSION else len(self.classes_)
        return voice_of(self._fitted_algorithm, n_classes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = tags_of(self._template())
        if inner is not None:
            tags.input_tags = inner.input_tags
        tags.target_tags.multi_output = False
        tags.target_tags.required = True
        tell_task(tags, self._known_task())
        return tags

    @property
    def estimators_(self) -> list[Any]:
        """The fitted members, one a round; where a round has a member per class, a tuple."""
        check_is_fitted(self)
        return [
            fitted[0].estimator if len(fitted) == 1 else tuple(one.estimator for one in fitted)
            for fitted in self._rounds
        ]

    def __sklearn_is_fitted__(self) -> bool:
        return "_rounds" in self.__dict__

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Importance of each column, shape (n_columns,): the members' mean, weighted by votes."""
        check_is_fitted(self)
        total = np.zeros(self.n_features_in_)
        votes = self.estimator_weights_
        for vote, fitted in zip(votes, self._rounds, strict=True):
            for member in fitted:
                total += vote / len(fitted) * _importances_of(member.estimator)
        return total / votes.sum()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__() | {"_versions": current_versions()}
        return state | {"_packing": {}} if "_packing" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        warn_of_other_versions(self, state.pop("_versions", {}))
        super().__setstate__(state)

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which arguments go to which methods of the members.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        asked = self._asked_method()
        mapping = MethodMapping().add(caller="fit", callee="fit")
        for caller in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            mapping = mapping.add(caller=caller, callee=asked)
        return MetadataRouter(owner=self).add(estimator=self._template(), method_mapping=mapping)

    def _asked_method(self) -> str:
        """The method of the members that predictions are made of."""
        n_classes = 0 if self._known_task() == REGRESSION else 2
        asks_probabilities = voice_of(self._algorithm(), n_classes).question == PROBABILITIES
        return "predict_proba" if asks_probabilities else "predict"


def _importances_of(estimator: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(estimator.feature_importances_)
    except AttributeError:
        raise AttributeError(
            "Unable to compute feature importances since estimator does not have a "
            f"feature_importances_ attribute; got {type(estimator).__name__}."
        ) from None
