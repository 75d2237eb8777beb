"""Answering: what fold models are asked, and answers that are given already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

from ensembles import members
from ensembles.members import Member
from ensembles.tasks import CLASSIFICATION, Task, task_of

__all__ = [
    "METHODS",
    "Judged",
    "Recorded",
    "Relabelled",
    "decides_by_pairs",
    "labels_of",
    "method_for",
    "question_of",
    "votes_of_pairs",
]

Floats = NDArray[np.float64]

METHODS = ("predict_proba", "decision_function", "predict", "predict_log_proba")


def method_for(method: str, learner: Any, task: Task, classes: Any) -> str | None:
    """Return the method that ``method`` means for this learner; None where it predicts nothing.

    "auto" is class probabilities where the learner has them, else its decision function, else
    labels; in a regression it is values.
    """
    if method != "auto":
        if not _will_have(learner, method):
            raise ValueError(
                f"method must be 'auto' or one that {type(learner).__name__} has; got {method!r}."
            )
        return method
    if task == CLASSIFICATION and classes is not None:
        for name in METHODS[:2]:
            if _will_have(learner, name):
                return name
    return "predict" if _will_have(learner, "predict") else None


def _will_have(learner: Any, method: str) -> bool:
    """Tell whether the learner has a method once it is fitted.

    A classifier or regressor that cannot predict yet, such as a stack without a final estimator of
    the user's, has what its class has.
    """
    if hasattr(learner, method):
        return True
    unknown = task_of(learner) is not None and not hasattr(learner, "predict")
    return unknown and hasattr(type(members.innermost(learner)), method)


def question_of(method: str, learner: Any, classes: NDArray[Any] | None) -> Callable[..., Any]:
    """Return the question that answers to ``method`` are had by, aligned to all classes.

    Labels come as shares of the vote, so that several models' labels can be averaged.
    """
    if classes is None:
        return members.values if method == "predict" else partial(_plain, method)
    if method == "predict":
        return partial(members.class_votes, classes=classes)
    if method == "decision_function":
        pairwise = decides_by_pairs(learner, classes)
        return partial(members.decisions, classes=classes, pairwise=pairwise)
    questions = {
        "predict_proba": members.probabilities,
        "predict_log_proba": members.log_probabilities,
    }
    return partial(questions[method], classes=classes)


def decides_by_pairs(learner: Any, classes: NDArray[Any] | None) -> bool:
    """Tell whether the learner's decisions are between pairs of classes, a column for each pair."""
    shape = getattr(members.innermost(learner), "decision_function_shape", None)
    return shape == "ovo" and classes is not None and len(classes) > 2


def votes_of_pairs(decisions: Floats, n_classes: int) -> Floats:
    """Count the pairs that every class wins, shape (n_rows, n_classes).

    Columns are the pairs (0, 1), (0, 2), ..., (1, 2), ...; above zero the first of a pair wins.

    Examples
    --------
    >>> votes_of_pairs(np.array([[0.5, -2.0, -0.1]]), 3)
    array([[1., 0., 2.]])
    """
    first, second = np.triu_indices(n_classes, 1)
    votes = np.zeros((len(decisions), n_classes))
    for own, one, other in zip(np.asarray(decisions).T, first, second, strict=True):
        votes[:, one] += own > 0
        votes[:, other] += own <= 0
    return votes


def _plain(method: str, member: Member, X: Any) -> Floats:
    return _as_floats(getattr(member.estimator, method)(X), member.estimator)


def _as_floats(said: Any, estimator: Any) -> Floats:
    """An answer as an array; of several labels, of which some learners answer one by one, the ones.

    A label that a learner never saw has probability zero.
    """
    if isinstance(said, list):
        of_ones = [
            np.asarray(answer)[:, np.asarray(known) == 1].sum(axis=1)
            for answer, known in zip(said, estimator.classes_, strict=True)
        ]
        return np.column_stack(of_ones)
    return np.asarray(said.toarray() if hasattr(said, "toarray") else said, dtype=np.float64)


def labels_of(answers: Floats, classes: NDArray[Any], *, pairwise: bool = False) -> NDArray[Any]:
    """Turn class probabilities, votes or decisions into labels, shape (n_rows,)."""
    if pairwise:
        answers = votes_of_pairs(answers, len(classes))
    if answers.ndim == 1:
        return classes[(answers > 0).astype(np.intp)]
    return classes[np.argmax(answers, axis=1)]


class Relabelled(ClassifierMixin, BaseEstimator):
    """A fitted classifier that knows labels as their places alone, answering in the labels.

    What else the classifier has is had from it.

    Parameters
    ----------
    estimator : fitted classifier
        Of the labels 0, 1, 2, ..., as XGBoost's is.
    classes : array of shape (n_classes,)
        The labels, in their places.
    """

    def __init__(self, estimator: Any, classes: NDArray[Any]) -> None:
        self.estimator = estimator
        self.classes = classes
        self.classes_ = classes

    def __getattr__(self, name: str) -> Any:
        """Return what else the classifier has."""
        if name.startswith("__") or "estimator" not in vars(self):
            raise AttributeError(name)
        return getattr(self.estimator, name)

    def __getitem__(self, step: Any) -> Any:
        """Return a step of a pipeline."""
        return self.estimator[step]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any, **arguments: Any) -> Relabelled:
        """Fit a clone of the classifier to the places of labels."""
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self.estimator = clone(self.estimator).fit(X, codes, **arguments)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the predicted labels."""
        places = np.asarray(members.call(self.estimator, "predict", X)).ravel()
        return np.asarray(self.classes_[places.astype(np.intp)])


def _tags(estimator: Any, tags: Any) -> Any:
    if estimator.classes is None:
        tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
    else:
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
    return tags


class Recorded(BaseEstimator):
    """An estimator whose answers about a table are given: it looks at nothing, in their order.

    Parameters
    ----------
    answers : array of shape (n_rows,) or (n_rows, ...)
    method : {"predict", "predict_proba", "predict_log_proba", "decision_function"}
        What was asked; "predict" of a classification holds shares of the vote.
    classes : array of shape (n_classes,) or None
        None in a regression.
    pairwise : bool
        Whether decisions are between pairs of classes.
    multilabel : bool
        Whether answers are probabilities of, or votes for, several labels of 0 and 1.
    """

    def __init__(
        self,
        answers: Floats,
        method: str,
        classes: NDArray[Any] | None,
        pairwise: bool = False,
        multilabel: bool = False,
    ) -> None:
        self.multilabel = multilabel
        self.answers = answers
        self.method = method
        self.classes = classes
        self.pairwise = pairwise
        if classes is not None:
            self.classes_ = classes

    def __sklearn_tags__(self) -> Any:
        return _tags(self, super().__sklearn_tags__())

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Recorded:
        """Change nothing: the answers are given."""
        return self

    @available_if(lambda self: self.method in ("predict_proba", "predict_log_proba"))
    def predict_proba(self, X: Any) -> Floats:
        """Return the class probabilities."""
        said = self.answers if self.method == "predict_proba" else np.exp(self.answers)
        total = said.sum(axis=1, keepdims=True)
        exact = np.allclose(total, 1.0, rtol=1e-9, atol=0)
        return said if exact else said / total  # probabilities in single precision add up to less

    @available_if(lambda self: self.method == "decision_function")
    def decision_function(self, X: Any) -> Floats:
        """Return the decision values."""
        return self.answers

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest labels, or the values."""
        if self.multilabel:
            return (self.answers > 0.5).astype(np.intp)
        if self.classes is None:
            return self.answers
        return labels_of(self.answers, self.classes, pairwise=self.pairwise)


def _has(method: str) -> Callable[[Any], bool]:
    return lambda judged: hasattr(judged.member.estimator, method)


class Judged(BaseEstimator):
    """A fitted model as scorers see it: all classes, the user's labels, no question asked twice.

    Stands in for the model where scikit-learn's own scorers judge it. A class that the model never
    saw has probability zero; codes are labels again. A model that may write into its table is asked
    about a copy: the next question would be about other numbers.

    Attributes
    ----------
    several : bool
        Whether more than one question is expected about a table, so that what a pipeline makes of
        it is worth its memory.
    """

    def __init__(
        self, member: Member, classes: NDArray[Any] | None, *, writes: bool = False
    ) -> None:
        self.member = member
        self.classes = classes
        self.writes = writes
        self._asked_about: Any = None
        self._at_last_step: Any = None
        self.several = True
        self._answered: dict[str, Any] = {}
        self._known_tags: Any = None
        if classes is not None:
            self.classes_ = classes

    def __getattr__(self, name: str) -> Any:
        """Return what else the model has, such as the classes of each of several outputs."""
        if name.startswith("__") or "member" not in vars(self):
            raise AttributeError(name)
        return getattr(self.member.estimator, name)

    def __sklearn_tags__(self) -> Any:
        """Ask for them once: a scorer wants them several times, and a pipeline takes its time."""
        if self._known_tags is None:
            estimator = self.member.estimator
            known = hasattr(estimator, "__sklearn_tags__")
            tags = estimator.__sklearn_tags__() if known else super().__sklearn_tags__()
            self._known_tags = tags if tags.estimator_type else _tags(self, tags)
        return self._known_tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> Judged:
        """Change nothing: the model is fitted."""
        return self

    def table(self, X: Any) -> Any:
        """Return the table that the model itself may be handed."""
        return members.copy_of(X) if self.writes else X

    def _once(self, method: str, X: Any, ask: Callable[[Member, Any], Any]) -> Any:
        if self._asked_about is not X:
            self._asked_about, self._answered, self._at_last_step = X, {}, None
        if method not in self._answered:
            self._answered[method] = ask(*self._asked(X))
        return self._answered[method]

    def _asked(self, X: Any) -> tuple[Member, Any]:
        """Whom to ask and of what: a pipeline's last step, so that ten questions transform once."""
        if self.writes or not self.several or type(self.member.estimator) is not Pipeline:
            return self.member, self.table(X)
        if self._asked_about is not X or self._at_last_step is None:
            *before, (_, last) = self.member.estimator.steps
            for _, step in before:
                X = X if step is None or step == "passthrough" else step.transform(X)
            self._at_last_step = self.member._replace(estimator=last), X
        return cast(tuple[Member, Any], self._at_last_step)

    def forget(self) -> None:
        """Let go of the table that was asked about, and of what a pipeline made of it."""
        self._asked_about, self._answered, self._at_last_step = None, {}, None

    def answer(self, method: str, X: Any, question: Callable[..., Any]) -> Floats:
        """Answer a question, with what is known already where a scorer asks the same."""
        votes = method == "predict" and self.classes is not None
        if votes or method == "predict_log_proba":
            return np.asarray(self._once(f"{method} as numbers", X, question), dtype=np.float64)
        return _as_floats(getattr(self, method)(X), self.member.estimator)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Return class probabilities, of all classes."""
        return self._once("predict_proba", X, self._probabilities)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Return decision values, of all classes."""
        ask = question_of("decision_function", self.member.estimator, self.classes)
        return self._once("decision_function", X, ask)

    def predict(self, X: Any) -> Any:
        """Return labels or values."""
        return self._once("predict", X, self._predicted)

    def _predicted(self, member: Member, X: Any) -> Any:
        if self.classes is None or not member.coded:
            return members.call(member.estimator, "predict", X)
        return members.labels(member, X, classes=self.classes)

    def _probabilities(self, member: Member, X: Any) -> Any:
        """The model's own array, in its own precision, with zeros for classes that it never saw."""
        known = member.classes
        said = members.call(member.estimator, "predict_proba", X)
        if self.classes is None or known is None or len(known) == len(self.classes):
            return said
        aligned = np.zeros((len(said), len(self.classes)), dtype=said.dtype)
        aligned[:, known] = said
        return aligned
