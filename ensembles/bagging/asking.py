"""Asking: predictions of all members together, of each alone, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ensembles import combining, members
from ensembles.aggregation import Aggregation
from ensembles.bagging.core import Core
from ensembles.tables import (
    as_fitted,
    check_table,
)
from ensembles.tasks import (
    CLASSIFICATION,
    REGRESSION,
)


def classifies(bag: Any) -> bool:
    """Tell whether a bag has class probabilities; an AttributeError says why not."""
    task = bag._known_task()
    if task == REGRESSION:
        raise AttributeError(f"{type(bag).__name__} does not classify: its task is {task}.")
    return True


def _has_decision_function(bag: Any) -> bool:
    return classifies(bag) and hasattr(bag._template(), "decision_function")


class Asking(Core):
    """Predictions."""

    def _ask(self, question: Callable[..., Any], X: Any) -> Iterator[Any]:
        return members.ask(question, self._members(), X, n_jobs=self.n_jobs, verbose=self.verbose)

    def _check_asked(self, X: Any) -> Any:
        check_is_fitted(self, "estimators_")
        X = check_table(self, X, reset=False)
        return as_fitted(X, self._container, getattr(self, "feature_names_in_", None))

    def _combined(self, X: Any, method: str, params: dict[str, Any]) -> NDArray[np.float64]:
        """What all members together answer: values, or class probabilities."""
        check_is_fitted(self, "estimators_")
        routed = self._routed(method, params)
        X = self._check_asked(X)
        aggregation = self._aggregation(self.task_)
        if self._forest is None or not aggregation.averages:
            return aggregation.of(self._answers(aggregation, X, routed))
        answer = members.ask_forest(
            self._forest, X, hard=aggregation.hard, n_jobs=self.n_jobs, learner=self.estimator_
        )
        return answer[:, 0] if answer.shape[1] == 1 else answer

    def _answers(
        self, aggregation: Aggregation, X: Any, routed: Bunch | None = None
    ) -> Iterator[NDArray[np.float64]]:
        """Every member's answer to what this aggregation asks."""
        if self._forest is not None:
            return members.answers_of_forest(self._forest, X, hard=aggregation.hard)
        return self._ask(self._question(aggregation, routed), X)

    def predict(self, X: Any, **params: Any) -> NDArray[Any]:
        """Predict labels or values.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members' ``predict_proba`` or ``predict``, with metadata routing enabled.

        Returns
        -------
        array of shape (n_rows,) or (n_rows, n_outputs)
            The label with the greatest combined probability or share of the vote (of several, the
            one that sorts first); or the combined value.
        """
        combined = self._combined(X, "predict", params)
        if self.task_ == REGRESSION:
            return combined
        return self.classes_[np.argmax(combined, axis=1)]

    @available_if(classifies)
    def predict_proba(self, X: Any, **params: Any) -> NDArray[np.float64]:
        """Predict class probabilities: what `aggregation` makes of the members' probabilities.

        With ``aggregation="hard"``, and with a base estimator that has no ``predict_proba``, they
        are the classes' shares of the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members' ``predict_proba`` or ``predict``, with metadata routing enabled.

        Returns
        -------
        array of shape (n_rows, n_classes)
            Columns in the order of ``classes_``. A class that a member never saw has probability
            zero there.
        """
        return self._combined(X, "predict_proba", params)

    @available_if(classifies)
    def predict_log_proba(self, X: Any, **params: Any) -> NDArray[np.float64]:
        """Predict the logarithm of class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members' ``predict_log_proba``, ``predict_proba`` or ``predict``.

        Returns
        -------
        array of shape (n_rows, n_classes)
            Minus infinity where no member gives a class any probability.
        """
        check_is_fitted(self, "estimators_")
        routed = self._routed("predict_log_proba", params)
        if self._asks_log_probabilities():
            X = self._check_asked(X)
            question = partial(
                members.log_probabilities,
                classes=self.classes_,
                **routed.get("predict_log_proba", {}),
            )
            total = None
            for answer in self._ask(question, X):
                total = answer if total is None else np.logaddexp(total, answer)
            return total - np.log(len(self.estimators_))
        with np.errstate(divide="ignore"):
            return np.log(self._combined(X, "predict_log_proba", params))

    def _asks_log_probabilities(self) -> bool:
        base = self._template()
        soft = self.aggregation is None or self.aggregation == "soft"
        return soft and hasattr(base, "predict_log_proba") and not members.shares_preparation(base)

    @available_if(_has_decision_function)
    def decision_function(self, X: Any, **params: Any) -> NDArray[np.float64]:
        """Average the members' decision functions.

        A member that missed a class is aligned to all classes: it says of that class no more than
        of the least likely class it knows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members' ``decision_function``.

        Returns
        -------
        array of shape (n_rows,) for two classes, (n_rows, n_classes) for more
            Columns in the order of ``classes_``; one per pair of classes for a base estimator that
            decides pair by pair.
        """
        check_is_fitted(self, "estimators_")
        routed = self._routed("decision_function", params)
        X = self._check_asked(X)
        last = members.innermost(self.estimator_)
        pairwise = getattr(last, "decision_function_shape", None) == "ovo"
        question = partial(
            members.decisions,
            classes=self.classes_,
            pairwise=pairwise and self.n_classes_ > 2,
            **routed.get("decision_function", {}),
        )
        return combining.mean(self._ask(question, X))

    def predict_all(self, X: Any) -> NDArray[Any]:
        """Return what every single member predicts.

        Returns
        -------
        array of shape (n_members, n_rows) or (n_members, n_rows, n_outputs)
            Labels or values, the members in the order of ``estimators_``.
        """
        X = self._check_asked(X)
        if self.task_ == REGRESSION:
            return np.stack(list(self._answers(Aggregation(), X)))
        if self._forest is not None:
            answers = self._answers(Aggregation(), X)
            return np.stack([self.classes_[np.argmax(answer, axis=1)] for answer in answers])
        question = partial(members.labels, classes=self.classes_)
        return np.stack(list(self._ask(question, X)))

    def _staged(self, X: Any) -> Iterator[NDArray[np.float64]]:
        X = self._check_asked(X)
        aggregation = self._aggregation(self.task_)
        return aggregation.staged(self._answers(aggregation, X))

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the predictions of the first member, of the first two, and so on.

        The last equals ``predict(X)``, to the bit.
        """
        for combined in self._staged(X):
            if self.task_ == REGRESSION:
                yield combined
            else:
                yield self.classes_[np.argmax(combined, axis=1)]

    @available_if(classifies)
    def staged_predict_proba(self, X: Any) -> Iterator[NDArray[np.float64]]:
        """Yield the class probabilities of the first member, of the first two, and so on."""
        yield from self._staged(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, or R2 in a regression, on the given rows."""
        check_is_fitted(self, "estimators_")
        metric = accuracy_score if self.task_ == CLASSIFICATION else r2_score
        return float(metric(y, self.predict(X), sample_weight=sample_weight))
