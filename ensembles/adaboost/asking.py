"""Asking: what the members say together, at the end and stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ensembles import members
from ensembles.adaboost.core import Core
from ensembles.adaboost.learning import are_trees, leaf_answers, question_of
from ensembles.adaboost.voices import ClassVoice, Tally, WeightedMedian
from ensembles.combining import weighted_median
from ensembles.members import Member
from ensembles.tables import as_fitted, check_table
from ensembles.tasks import CLASSIFICATION, REGRESSION
from ensembles.trees import Forest

Floats = NDArray[np.float64]

CHUNK = 64
"""Trees that are asked together where each answer is wanted."""


class Speaker(NamedTuple):
    """A tree whose nodes hold what it adds to the total, as a forest wants it."""

    bins_: Any
    tree_: Any


def classifies(model: Any) -> bool:
    """Tell whether an ensemble has classes; an AttributeError says why not."""
    task = model._known_task()
    if task == REGRESSION:
        raise AttributeError(f"{type(model).__name__} does not classify: its task is {task}.")
    return True


class Asking(Core):
    """Predictions."""

    def _check_asked(self, X: Any) -> Any:
        check_is_fitted(self)
        X = check_table(self, X, reset=False, allow_nd=self.estimator is not None)
        return as_fitted(X, self._container, getattr(self, "feature_names_in_", None))

    def _flat(self) -> list[Member]:
        return [member for fitted in self._rounds for member in fitted]

    def _packed(self) -> Forest | None:
        """All members as one forest, whose values are what each adds; None for other learners."""
        if "forest" not in self._packing:
            self._packing["forest"] = self._pack()
        return self._packing["forest"]

    def _pack(self) -> Forest | None:
        if not are_trees(self._flat()):
            return None
        voice, speakers = self._voice(), []
        for vote, fitted in zip(self.estimator_weights_, self._rounds, strict=True):
            for turn, member in enumerate(fitted):
                said = leaf_answers(voice.question, member, getattr(self, "classes_", None))
                if isinstance(voice, WeightedMedian):
                    added = said[:, np.newaxis]
                else:
                    added = voice.adds(said, vote, turn)
                tree = member.estimator.tree_.speaking(added)
                speakers.append(Speaker(member.estimator.bins_, tree))
        return Forest(speakers)

    def _said(self, X: Any, method: str, params: dict[str, Any]) -> Floats:
        """What all members say together: decisions, or values."""
        X = self._check_asked(X)
        routed = self._routed(method, params)
        voice, forest = self._voice(), self._packed()
        if forest is None:
            with members.one_blas_thread(self.estimator_):
                return self._said_one_by_one(X, routed)
        options = {"n_jobs": self.n_jobs, "learner": self.estimator_}
        if isinstance(voice, WeightedMedian):
            return members.medians_of_forest(forest, self.estimator_weights_, X, **options)
        return voice.reads(members.sums_of_forest(forest, X, **options), self.estimator_weights_)

    def _said_one_by_one(self, X: Any, routed: Any) -> Floats:
        """The same of members that are not our trees."""
        if isinstance(self._voice(), WeightedMedian):
            return weighted_median(list(self._answers(X, routed)), self.estimator_weights_)
        *_, last = self._tallied(X, routed)
        return last.read()

    def _tallied(self, X: Any, routed: Any) -> Iterator[Tally]:
        """Yield the tally after each round."""
        tally = self._voice().tally()
        answers = self._answers(X, routed)
        for vote, fitted in zip(self.estimator_weights_, self._rounds, strict=True):
            for turn in range(len(fitted)):
                tally.add(next(answers), vote, turn)
            yield tally

    def _answers(self, X: Any, routed: Any) -> Iterator[NDArray[Any]]:
        """Yield what each member answers, in order."""
        voice, classes = self._voice(), getattr(self, "classes_", None)
        if self._packed() is not None:
            yield from self._answers_of_trees(X)
            return
        arguments = routed.get(self._asked_method(), {}) if routed else {}
        yield from members.ask(
            question_of(voice.question, classes, **arguments),
            self._flat(),
            X,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def _answers_of_trees(self, X: Any) -> Iterator[NDArray[Any]]:
        flat, classes = self._flat(), getattr(self, "classes_", None)
        question = self._voice().question
        for start in range(0, len(flat), CHUNK):
            chunk = flat[start : start + CHUNK]
            leaves = Forest([member.estimator for member in chunk]).leaves(X)
            for place, member in enumerate(chunk):
                yield leaf_answers(question, member, classes)[leaves[:, place]]

    def _chosen(self, said: Floats) -> NDArray[Any]:
        """The values, or the labels with the greatest decision; a tie goes to the first."""
        if self.task_ == REGRESSION:
            return said
        if said.ndim == 1:
            return self.classes_.take(said > 0)
        return self.classes_.take(np.argmax(said, axis=1))

    def _probabilities(self, decision: Floats) -> Floats:
        voice = self._voice()
        assert isinstance(voice, ClassVoice)
        if len(self.classes_) == 1:
            return np.ones((len(decision), 1))
        return voice.probabilities(decision)

    def predict(self, X: Any, **params: Any) -> NDArray[Any]:
        """Predict labels or values.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members' ``predict`` or ``predict_proba``, with metadata routing enabled.

        Returns
        -------
        array of shape (n_rows,)
            The label with the greatest decision (of several, the one that sorts first); or the
            weighted median (AdaBoost.R2) or mean (AdaBoost.RT) of the members' values.
        """
        return self._chosen(self._said(X, "predict", params))

    @available_if(classifies)
    def decision_function(self, X: Any, **params: Any) -> Floats:
        """Return what the members add up to.

        ======== ========================================= ======================================
        SAMME    two classes: [-2, 2]; more:                the vote's balance, over the sum of the
                 [-1 / (K - 1), 1], rows adding up to zero  votes, as in scikit-learn
        real     any real number                            two classes: the log-odds of the
        gentle                                              second; more: a score per class
        logit
        ======== ========================================= ======================================

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members.

        Returns
        -------
        array of shape (n_rows,) for two classes, (n_rows, n_classes) otherwise
            Columns in the order of ``classes_``; of two classes, positive for the second.
        """
        return self._said(X, "decision_function", params)

    @available_if(classifies)
    def predict_proba(self, X: Any, **params: Any) -> Floats:
        """Predict class probabilities, by the link that belongs to the algorithm.

        "real", "gentle" and "logit" fit an additive model of the log-odds, and their probabilities
        are its logistic function. Those of "SAMME" are ``softmax(decision / (K - 1))`` of the
        balance of the votes, as in scikit-learn: good for ranking, too timid to be read as
        frequencies.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
        **params : dict
            Routed to the members.

        Returns
        -------
        array of shape (n_rows, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._probabilities(self._said(X, "predict_proba", params))

    @available_if(classifies)
    def predict_log_proba(self, X: Any, **params: Any) -> Floats:
        """Predict the logarithm of class probabilities; see `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self._probabilities(self._said(X, "predict_log_proba", params)))

    def _staged(self, X: Any) -> Iterator[Floats]:
        X = self._check_asked(X)
        for tally in self._tallied(X, None):
            yield tally.read()

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the predictions after the first round, the second, and so on.

        The last equals ``predict(X)``, to the bit.
        """
        yield from map(self._chosen, self._staged(X))

    @available_if(classifies)
    def staged_decision_function(self, X: Any) -> Iterator[Floats]:
        """Yield the decision function after the first round, the second, and so on."""
        yield from self._staged(X)

    @available_if(classifies)
    def staged_predict_proba(self, X: Any) -> Iterator[Floats]:
        """Yield the class probabilities after the first round, the second, and so on."""
        yield from map(self._probabilities, self._staged(X))

    def staged_score(self, X: Any, y: Any, sample_weight: Any = None) -> Iterator[float]:
        """Yield the accuracy, or R2, after the first round, the second, and so on."""
        for said in self.staged_predict(X):
            yield self._score_of(y, said, sample_weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, or R2 in a regression, on the given rows."""
        return self._score_of(y, self.predict(X), sample_weight)

    def _score_of(self, y: Any, said: NDArray[Any], sample_weight: Any) -> float:
        metric = accuracy_score if self.task_ == CLASSIFICATION else r2_score
        return float(metric(y, said, sample_weight=sample_weight))
