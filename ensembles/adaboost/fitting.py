"""Fitting: check, hold out, then round by round: learn, judge, keep."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from ensembles import members
from ensembles.adaboost.asking import Asking
from ensembles.adaboost.checking import Checking
from ensembles.adaboost.courses import R2, Course, Rules, Verdict, course_of
from ensembles.adaboost.learning import Estimators, Learning, Tape, Trees
from ensembles.adaboost.stopping import Limits, Truth, Watch, held_out
from ensembles.members import Member, Recipe
from ensembles.parameters import (
    check_groups,
    check_sample_weight,
    check_validation_arguments,
    proportions,
    unchanged_on_error,
)
from ensembles.resampling import seed_of
from ensembles.tables import as_fitted, check_missing, check_rows, check_table, container_of, take
from ensembles.tasks import CLASSIFICATION, check_labels, check_values

TRIES = 10
"""Draws in a row that may give a member no better than chance before resampling gives up."""
STALE = ("train_score_", "validation_score_", "generalization_gap_", "best_iteration_")
"""What an earlier fit may have left."""


@dataclass(frozen=True)
class Rows:
    """Checked rows: a table, targets as given and as codes or floats, and weights, all positive."""

    X: Any
    labels: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[np.float64]

    def of(self, rows: NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        if len(rows) == len(self.y):
            return self
        return Rows(take(self.X, rows), self.labels[rows], self.y[rows], self.weights[rows])

    def truth(self) -> Truth:
        """Return what answers about the rows are scored against."""
        equal = bool(np.all(self.weights == self.weights[:1]))
        return Truth(self.labels, self.y, None if equal else self.weights)


class Recalled(NamedTuple):
    """A round of an earlier fit, and how many draws were discarded before it."""

    fitted: tuple[Member, ...]
    discarded: int
    vote: float
    error: float


class Heard(NamedTuple):
    """A round: its members, what they say of the rows, and what came of it."""

    fitted: tuple[Member, ...]
    answers: list[NDArray[Any]]
    verdict: Verdict
    discarded: int


@dataclass
class History:
    """What the rounds came to."""

    rounds: list[tuple[Member, ...]]
    votes: list[float]
    errors: list[float]
    discarded: list[int]

    @classmethod
    def empty(cls) -> History:
        """Return the history of no rounds."""
        return cls([], [], [], [])

    def add(self, heard: Heard) -> None:
        """Add a round."""
        self.rounds.append(heard.fitted)
        self.votes.append(heard.verdict.vote)
        self.errors.append(heard.verdict.error)
        self.discarded.append(heard.discarded)


class Fitting(Checking, Asking):
    """The flow of `fit`."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit member after member, each to what those before it got wrong.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
            What the base estimator can take. pandas and polars frames reach it as frames.
        y : array-like of shape (n_rows,)
            Class labels of any sortable kind, or numbers.
        sample_weight : array-like of shape (n_rows,), optional
            The rows' weights before the first round. A row of weight zero might as well not be
            there.
        groups : array-like of shape (n_rows,), optional
            The group of every row: whole groups are held out for validation.
        X_val, y_val, sample_weight_val : optional
            Validation rows, in the place of rows held out from ``X``.
        **fit_params : dict
            Further arguments for the base estimator's ``fit``, with metadata routing enabled. Those
            with one value per row are cut like the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter or an argument breaks its rule, or the first member is no better than
            chance. The estimator is then what it was before.
        """
        with unchanged_on_error(self):
            validation = (X_val, y_val, sample_weight_val)
            return self._fit(X, y, sample_weight, groups, validation, fit_params)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, groups: Any, validation: Any, fit_params: Any
    ) -> Any:
        self._check_parameters()
        check_validation_arguments(*validation)
        earlier = self._earlier()
        arguments = self._routed("fit", fit_params).get("fit", {})
        rows = self._checked_rows(X, y, sample_weight)
        self._seed, tape = self._tape(earlier)
        kept, validating = self._set_apart(rows, groups, validation)
        training = rows.of(kept)
        if len(kept) < len(rows.y):
            whole = len(rows.y)
            arguments = {name: members.of_rows(v, kept, whole) for name, v in arguments.items()}
        with members.crew(self.n_jobs) as crew, members.one_blas_thread(self.estimator_):
            history = self._boost(training, validating, arguments, tape, earlier, crew)
        self._rounds, self._discarded = history.rounds, history.discarded
        self._packing = {}  # what predictions are made of, once the first one is asked for
        self.estimator_weights_ = np.asarray(history.votes)
        self.estimator_errors_ = np.asarray(history.errors)
        return self

    def _earlier(self) -> dict[str, Any] | None:
        """What a warm start goes on from; None for a fit from nothing."""
        return dict(self.__dict__) if self.warm_start and "_rounds" in self.__dict__ else None

    def _checked_rows(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        check_rows(X, y)
        X = check_table(self, X, reset=True, allow_nd=self.estimator is not None)
        labels, codes = self._check_targets(y)
        weights = check_sample_weight(sample_weight, X.shape[0])
        start = self._start_weights(None if weights is None else proportions(weights), labels)
        self.estimator_ = clone(self._template())
        self._container = container_of(X)
        check_missing(self.estimator_, X)
        return Rows(X, labels, codes, start)

    def _tape(self, earlier: dict[str, Any] | None) -> tuple[int, Tape]:
        """The seed, and the tape that members are seeded and rows are drawn from, at its start.

        Boosting is a sequence, so its randomness may be one: the numbers that scikit-learn's
        AdaBoost draws from the same ``random_state``, in the order in which it draws them.
        """
        if earlier is not None:
            return earlier["_seed"], _tape_at(earlier["_start"])
        own = self.random_state
        if isinstance(own, np.random.RandomState):
            self._start = own.get_state()
            return seed_of(own), _tape_at(self._start)
        seed = seed_of(own)
        words = seed if seed < 2**32 else np.random.SeedSequence(seed).generate_state(4)
        tape = np.random.RandomState(words)
        self._start = tape.get_state()
        return seed, tape

    def _holds_out(self) -> bool:
        return bool(self.early_stopping) or self.max_generalization_gap is not None

    def _stops_early(self, given: bool) -> bool:
        return given if self.early_stopping is None else bool(self.early_stopping)

    def _set_apart(
        self, rows: Rows, groups: Any, validation: Any
    ) -> tuple[NDArray[np.intp], Rows | None]:
        """Return which rows to learn from, and what to validate on, if anything."""
        kept = np.flatnonzero(rows.weights > 0)
        if validation[0] is not None:
            return kept, self._checked_validation(*validation)
        if not self._holds_out():
            return kept, None
        kept, held = self._divided(rows, kept, groups)
        return kept, rows.of(held)

    def _checked_validation(self, X_val: Any, y_val: Any, weights: Any) -> Rows:
        check_consistent_length(X_val, y_val)
        X_val = check_table(self, X_val, reset=False, allow_nd=self.estimator is not None)
        X_val = as_fitted(X_val, self._container, getattr(self, "feature_names_in_", None))
        check_missing(self.estimator_, X_val)
        checked = check_sample_weight(weights, X_val.shape[0])
        own = np.ones(X_val.shape[0]) if checked is None else checked
        if self.task_ != CLASSIFICATION:
            values = self._one_target(check_values(y_val, self), "y_val")
            return Rows(X_val, values, values.astype(np.float64), own)
        labels, _, _ = check_labels(y_val, self, least=1)
        strangers = sorted(set(labels.tolist()) - set(self.classes_.tolist()), key=str)
        if strangers:
            raise ValueError(
                f"y_val must hold classes of y, {self.classes_.tolist()}; got {strangers}."
            )
        return Rows(X_val, labels, np.searchsorted(self.classes_, labels), own)

    def _divided(
        self, rows: Rows, kept: NDArray[np.intp], groups: Any
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Divide rows into those to learn from and those to hold out for validation."""
        n_rows, fraction = len(kept), self.validation_fraction
        if n_rows < 2 or (not isinstance(fraction, float) and fraction >= n_rows):
            raise ValueError(
                f"validation_fraction must leave rows to learn from: {n_rows} rows of positive "
                f"weight, validation_fraction={fraction!r}."
            )
        named = None if groups is None else check_groups(groups, len(rows.y), least=2)[kept]
        codes = rows.y[kept] if self.task_ == CLASSIFICATION else None
        chosen = held_out(fraction, self._seed, n_rows, codes, named)
        if not chosen.any():
            raise ValueError(
                "validation_fraction must hold out at least one row: every class has one row "
                f"alone; got validation_fraction={fraction!r} and {n_rows} rows."
            )
        return kept[~chosen], kept[chosen]

    # -----------------------------------------------------------------------------------------

    def _boost(
        self,
        training: Rows,
        validating: Rows | None,
        arguments: dict[str, Any],
        tape: Tape,
        earlier: dict[str, Any] | None,
        crew: members.Crew | None,
    ) -> History:
        """Learn, judge, keep; a warm start recalls the rounds it has, and so equals a cold one."""
        self._fitted_algorithm = self._algorithm()
        learning, course = self._learning(training, arguments, crew), self._course(training)
        watch = self._watch(training, validating, learning)
        history, recalled = History.empty(), self._recalled(earlier)
        for stale in STALE:
            self.__dict__.pop(stale, None)
        bar = members.progress(self.n_estimators, self.verbose, "boosting")
        while len(history.rounds) < self.n_estimators:
            at = len(history.rounds)
            if at >= len(recalled):
                heard = self._hear_next(learning, course, tape, at)
            else:
                heard = self._hear_again(learning, course, tape, recalled[at], at)
            if heard is None:
                break
            history.add(heard)
            bar.update(1)
            if watch is not None and watch.see(heard.fitted, heard.answers, heard.verdict.vote):
                break
            if heard.verdict.last:
                break
        bar.close()
        return self._kept(history, watch)

    def _hear_next(self, learning: Learning, course: Course, tape: Tape, at: int) -> Heard | None:
        """Learn one more round; where rows are drawn, a draw that gives a member no better than
        chance is made again from the weights of the start.
        """
        tries = TRIES if course.rules.resample and self.task_ == CLASSIFICATION else 1
        for discarded in range(tries):
            if discarded:
                course.start_again()
            learned = [learning.learn(problem, tape) for problem in course.problems()]
            fitted = tuple(one.member for one in learned)
            answers = [one.answers for one in learned]
            verdict = course.hear(answers)
            if verdict is not None:
                break
        else:
            verdict = self._without_merit(course, answers, at)
        return None if verdict is None else Heard(fitted, answers, verdict, discarded)

    def _hear_again(
        self, learning: Learning, course: Course, tape: Tape, earlier: Recalled, at: int
    ) -> Heard:
        """Ask the members of an earlier fit again, and move the tape on as their draws did."""
        for _ in range((earlier.discarded + 1) * self._voice().turns):
            learning.skip(tape)
        if earlier.discarded:
            course.start_again()
        answers = [learning.recall(member) for member in earlier.fitted]
        verdict = course.hear(answers)
        if verdict is None and isinstance(course, R2):
            verdict = self._without_merit(course, answers, at)
        if verdict is None or (verdict.vote, verdict.error) != (earlier.vote, earlier.error):
            now = "no better than chance" if verdict is None else f"by {verdict.error}"
            raise ValueError(
                "warm_start=True goes on from the rows, weights and parameters of the first fit; "
                f"round {at} erred by {earlier.error} then, and {now} now."
            )
        return Heard(earlier.fitted, answers, verdict, earlier.discarded)

    def _learning(
        self, training: Rows, arguments: dict[str, Any], crew: members.Crew | None
    ) -> Learning:
        classifies = self.task_ == CLASSIFICATION
        by_class = classifies and self._fitted_algorithm not in ("gentle", "logit")
        recipe = Recipe(
            learner=self.estimator_,
            seed=0,
            sampling="weight",
            n_columns=self.n_features_in_,
            n_drawn_columns=self.n_features_in_,
            classes=self.classes_ if by_class else None,
            arguments=arguments,
        )
        trees = members.shares_rounds(self.estimator_) and not arguments
        kind: Any = partial(Trees, crew=crew) if trees else Estimators
        learning: Learning = kind(
            recipe,
            training.X,
            training.labels if by_class or not classifies else training.y.astype(np.float64),
            training.weights,
            self._voice().question,
            resample=self._resamples(),
            trimming=float(self.weight_trimming),
        )
        return learning

    def _course(self, training: Rows) -> Course:
        rules = Rules(
            algorithm=self._fitted_algorithm,
            n_classes=len(self.classes_) if self.task_ == CLASSIFICATION else 0,
            learning_rate=float(self.learning_rate),
            loss=getattr(self, "loss", "linear"),
            threshold=float(getattr(self, "threshold", 0.1)),
            power=int(getattr(self, "power", 1)),
            max_weight_share=self.max_weight_share,
            resample=self._resamples(),
            like_scikit_learn=not members.shares_rounds(self.estimator_),
        )
        return course_of(training.y, training.weights, rules)

    def _watch(self, training: Rows, validating: Rows | None, learning: Learning) -> Watch | None:
        if validating is None and self.scoring is None:
            return None
        limits = Limits(
            early=self._stops_early(validating is not None),
            patience=int(self.n_iter_no_change),
            tol=float(self.tol),
            largest_gap=self.max_generalization_gap,
        )
        return Watch(
            self._voice(),
            self.classes_ if self.task_ == CLASSIFICATION else None,
            self.scoring,
            limits,
            training.truth(),
            None if validating is None else validating.truth(),
            None if validating is None else learning.watch(validating.X),
        )

    def _without_merit(self, course: Course, answers: list[Any], at: int) -> Verdict | None:
        """What becomes of a round no better than chance: the last one is dropped, the first one is
        an error, but for AdaBoost.R2, which keeps its first member alone.
        """
        if at > 0:
            return None
        if isinstance(course, R2):
            loss = course.mean_loss(answers[0])
            warnings.warn(
                f"the first member's mean loss is {loss:.3f}, 0.5 or more, so AdaBoost.R2 keeps it "
                "alone; a stronger estimator or another loss may help.",
                UserWarning,
                stacklevel=6,
            )
            return Verdict(1.0, loss, last=True)
        if self.task_ == CLASSIFICATION:
            raise ValueError(
                "BaseClassifier in AdaBoostClassifier ensemble is worse than random, ensemble can "
                f"not be fit: estimator must err on less than 1 - 1/{len(self.classes_)} of the "
                f"weight in the first round; got {type(self.estimator_).__name__}."
            )
        raise ValueError(
            "threshold must be larger: the first member misses every row by a relative error of "
            f"more than it; got threshold={self.threshold!r}."
        )

    def _kept(self, history: History, watch: Watch | None) -> History:
        """Cut everything to the rounds that are kept, and keep the scores."""
        n_kept = len(history.rounds)
        if watch is not None:
            n_kept = watch.kept()
            self.train_score_ = np.asarray(watch.train[:n_kept])
            if watch.validation is not None:
                self.validation_score_ = np.asarray(watch.validated[:n_kept])
                self.generalization_gap_ = self.train_score_ - self.validation_score_
                self.best_iteration_ = watch.best(n_kept)
        return History(
            history.rounds[:n_kept],
            history.votes[:n_kept],
            history.errors[:n_kept],
            history.discarded[:n_kept],
        )

    # -----------------------------------------------------------------------------------------

    def _recalled(self, earlier: dict[str, Any] | None) -> list[Recalled]:
        """The rounds of an earlier fit."""
        if earlier is None:
            return []
        for name in ("task_", "_fitted_algorithm", "classes_", "n_features_in_"):
            if not np.array_equal(earlier.get(name, ()), self.__dict__.get(name, ())):
                raise ValueError(
                    "warm_start=True needs the data and the algorithm of the first fit; "
                    f"{name.strip('_')} was {earlier.get(name)!r}, got "
                    f"{self.__dict__.get(name)!r}."
                )
        n_grown = len(earlier["_rounds"])
        if n_grown > self.n_estimators:
            raise ValueError(
                f"n_estimators={self.n_estimators} must be larger or equal to "
                f"len(estimators_)={n_grown} when warm_start==True"
            )
        columns = ("_rounds", "_discarded", "estimator_weights_", "estimator_errors_")
        kept = zip(*(earlier[name] for name in columns), strict=True)
        return [Recalled(*one) for one in kept]


def _tape_at(state: Any) -> Tape:
    tape = np.random.RandomState(0)
    tape.set_state(state)
    return tape
