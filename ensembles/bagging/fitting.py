"""Fitting: plan the draws, fit the members, judge them out of bag."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import (
    check_consistent_length,
)

from ensembles import members
from ensembles.aggregation import Aggregation, OutOfBag
from ensembles.bagging.asking import Asking
from ensembles.bagging.checking import Checking
from ensembles.members import Member, Recipe
from ensembles.parameters import (
    check_groups,
    check_sample_weight,
    proportions,
    unchanged_on_error,
)
from ensembles.resampling import (
    Bootstrap,
    DirichletDraws,
    Draws,
    GroupBootstrap,
    ListedDraws,
    Resampler,
    Subsample,
    listed_draws,
    seed_of,
)
from ensembles.scoring import Answers, score_answers
from ensembles.stopping import takes_validation
from ensembles.tables import (
    check_missing,
    check_table,
    container_of,
)
from ensembles.tasks import (
    CLASSIFICATION,
    REGRESSION,
)

OUT_OF_BAG = (
    "oob_score_",
    "oob_scores_",
    "oob_count_",
    "oob_decision_function_",
    "oob_prediction_",
    "_residuals",
)
"""What an earlier fit may have left."""


@dataclass(frozen=True)
class Training:
    """What a fit works on: checked data, how rows are drawn, how members are made and judged."""

    X: Any
    y: NDArray[Any]
    sample_weight: NDArray[np.float64] | None
    draws: Draws
    recipe: Recipe
    aggregation: Aggregation


class Fitting(Checking, Asking):
    """The flow of `fit`."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Any:
        """Fit the members, each on its own draw of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
            What the base estimator can take. pandas and polars frames reach it as frames.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Class labels of any sortable kind, or numbers.
        sample_weight : array-like of shape (n_rows,), optional
            Rows are drawn with probability proportional to their weight; a row of weight zero might
            as well not be there. A splitter that fixes the rows (K-fold) hands the weights on
            to the base estimator instead.
        groups : array-like of shape (n_rows,), optional
            The group of every row, for ``resampling``. Without a ``resampling``, whole groups are
            bootstrapped, so that no group is both in and out of a bag.
        **fit_params : dict
            Further arguments for the base estimator's ``fit``, with metadata routing enabled. Those
            with one value per row are cut like the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter or an argument breaks its rule, or a member cannot be fitted. The
            estimator is then what it was before.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, groups, fit_params)

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any, fit_params: Any) -> Any:
        self._check_parameters()
        again = self.warm_start and hasattr(self, "estimators_")
        earlier = dict(self.__dict__)
        training = self._training(X, y, sample_weight, groups, fit_params, again)
        draws = training.draws
        grown = self._grown(training, earlier) if again else []
        target = draws.n_draws or self.n_estimators
        self._check_growth(len(grown), target, draws)
        for stale in OUT_OF_BAG:
            self.__dict__.pop(stale, None)
        self._seed, self._draws = training.recipe.seed, draws
        self._max_samples = len(draws.train(0))
        self._max_features = training.recipe.n_drawn_columns
        self.sampling_ = training.recipe.sampling
        if again and len(grown) == target:
            warnings.warn(
                "Warm-start fitting without increasing n_estimators does not fit new trees.",
                UserWarning,
                stacklevel=3,
            )
        if self.verbose:
            members.announce(self.estimator_)
        recipe = members.prepare(training.recipe, training.X, training.y, training.sample_weight)
        training = replace(training, recipe=recipe)
        if self.n_iter_no_change is not None:
            self._keep_out_of_bag(training, self._grow_until_settled(training, grown, target))
        else:
            self._keep(grown + self._more(training, len(grown), target))
            if self.oob_score:
                self._keep_out_of_bag(training, self._judge(training))
        self._warn_of_single_classes()
        return self

    def _training(
        self, X: Any, y: Any, sample_weight: Any, groups: Any, fit_params: Any, again: bool
    ) -> Training:
        """Check what the user gave, and settle how rows are drawn and members made."""
        arguments = self._routed("fit", fit_params).get("fit", {})
        X = check_table(self, X, reset=True)
        if y is not None:
            check_consistent_length(X, y)
        y = self._check_targets(X, y)
        weights = check_sample_weight(sample_weight, X.shape[0])
        drawn_by = self._row_weights(weights, y)
        self.estimator_ = clone(self._template())
        self._container = container_of(X)
        check_missing(self.estimator_, X)
        seed = self._seed if again else seed_of(self.random_state)
        draws = self._plan(X, y, groups, drawn_by, seed)
        return Training(
            X=X,
            y=y,
            sample_weight=None if weights is None else proportions(weights),
            draws=draws,
            recipe=self._recipe(draws, seed, arguments),
            aggregation=self._aggregation(self.task_),
        )

    def _more(self, training: Training, first: int, stop: int) -> list[Member]:
        """Fit the members ``first`` to ``stop - 1``."""
        return list(
            members.fit_members(
                training.recipe,
                training.X,
                training.y,
                training.draws,
                range(first, stop),
                n_jobs=self.n_jobs,
                verbose=self.verbose,
            )
        )

    def _plan(self, X: Any, y: Any, groups: Any, weights: Any, seed: int) -> Draws:
        n_rows = X.shape[0]
        if groups is not None:
            check_groups(groups, n_rows)
        resampling = self.resampling
        if resampling is None:
            resampling = self._default_resampling(groups)
        if isinstance(resampling, Resampler):
            if groups is not None and not isinstance(resampling, GroupBootstrap):
                raise ValueError(
                    f"groups must be None with resampling={resampling!r}, which draws single rows; "
                    "GroupBootstrap() draws whole groups."
                )
            weighted = members.takes_weights(self.estimator_)
            return resampling.plan(n_rows, y, groups, weights, seed=seed, weighted=weighted)
        splitter = check_cv(resampling, y, classifier=self.task_ == CLASSIFICATION)
        draws = listed_draws(splitter, X, y, groups, weights, seed)
        if weights is not None and not members.takes_weights(self.estimator_):
            raise ValueError(
                f"sample_weight and class_weight must be None here: {type(splitter).__name__} "
                f"fixes the rows and {type(self.estimator_).__name__} takes no sample_weight."
            )
        return draws

    def _default_resampling(self, groups: Any) -> Resampler:
        if groups is None:
            draw = Bootstrap if self.bootstrap else Subsample
            return draw(max_samples=self.max_samples)
        if not self.bootstrap:
            raise ValueError(
                "groups must be None with bootstrap=False; for subsamples of whole groups use "
                "resampling=GroupShuffleSplit()."
            )
        return GroupBootstrap(max_groups=self.max_samples)

    def _recipe(self, draws: Draws, seed: int, arguments: dict[str, Any]) -> Recipe:
        if self.early_stopping and not takes_validation(self.estimator_):
            raise ValueError(
                "early_stopping must be False with a base estimator whose fit takes no validation "
                f"rows; got early_stopping=True and {type(self.estimator_).__name__}."
            )
        return Recipe(
            learner=self.estimator_,
            seed=seed,
            sampling=members.sampling_for(self.estimator_, draws),
            n_columns=self.n_features_in_,
            n_drawn_columns=self._n_drawn_columns(),
            repeat_columns=bool(self.bootstrap_features),
            classes=self.classes_ if self.task_ == CLASSIFICATION else None,
            arguments=arguments,
            early_stopping=self.early_stopping,
        )

    def _grown(self, training: Training, earlier: dict[str, Any]) -> list[Member]:
        """The members of an earlier fit, which a warm start goes on from."""
        draws, grown = training.draws, self._members()
        for name, of in (("task_", "y"), ("classes_", "y"), ("n_features_in_", "X")):
            if not np.array_equal(earlier.get(name, ()), self.__dict__.get(name, ())):
                raise ValueError(
                    f"{of} must be as at the first fit when warm_start=True; {name} was "
                    f"{earlier.get(name)!r}, got {self.__dict__.get(name)!r}."
                )
        if draws.n_rows != self._draws.n_rows:
            raise ValueError(
                f"X must have the {self._draws.n_rows} rows of the first fit when "
                f"warm_start=True; got {draws.n_rows}."
            )
        for i in {0, len(grown) - 1}:
            same_rows = np.array_equal(draws.train(i), self._draws.train(i))
            own: Any = grown[i].columns
            drawn: Any = training.recipe.columns(i)
            if not same_rows or not np.array_equal(own, drawn):
                raise ValueError(
                    "warm_start=True goes on from members that were drawn by other settings: "
                    "max_samples, max_features, bootstrap, bootstrap_features, resampling, groups "
                    "and weights must stay as they were at the first fit."
                )
        return grown

    def _check_growth(self, n_grown: int, target: int, draws: Draws) -> None:
        if n_grown > target:
            raise ValueError(
                f"n_estimators={target} must be larger or equal to len(estimators_)={n_grown} when "
                "warm_start==True"
            )
        if self.class_weight is not None and _shows_everything(draws):
            raise ValueError(
                "class_weight must be None where every member is shown every row, as with "
                f"bootstrap=False and max_samples=None; got class_weight={self.class_weight!r}. "
                "Give it to the estimator where that takes one."
            )
        judged = self.oob_score or self.n_iter_no_change is not None or self.early_stopping
        if judged and (isinstance(draws, DirichletDraws) or _shows_everything(draws)):
            raise ValueError(
                "oob_score, n_iter_no_change and early_stopping need rows held out from the "
                "members: Out of bag estimation only available if bootstrap=True, max_samples < "
                "n_rows, or a resampling that holds rows out."
            )

    def _warn_of_single_classes(self) -> None:
        if self.task_ == REGRESSION:
            return
        single = sum(len(known) == 1 for known in self._known_classes if known is not None)
        helpless = (
            sum(type(member).__name__ == "DummyClassifier" for member in self.estimators_)
            if type(self.estimator_).__name__ != "DummyClassifier"
            else 0
        )
        if single and helpless:
            warnings.warn(
                f"{helpless} of {len(self.estimators_)} draws hold one class only, from which "
                f"{type(self.estimator_).__name__} cannot learn: these members always say that "
                "class. resampling=Bootstrap(stratify=True) keeps every class in every draw.",
                UserWarning,
                stacklevel=4,
            )

    def _shape_of_answers(self, training: Training) -> tuple[int, ...]:
        if self.task_ == REGRESSION:
            return training.y.shape
        return (len(training.y), len(self.classes_))

    def _judge(self, training: Training) -> OutOfBag:
        """Ask every member about the rows held out from it."""
        aggregation = training.aggregation
        judged = OutOfBag(aggregation, self._shape_of_answers(training))
        if self._forest is not None and aggregation.averages:
            judged.add_sums(
                *members.ask_forest_held_out(
                    self._forest,
                    training.recipe.prepared,
                    training.draws,
                    hard=aggregation.hard,
                    n_jobs=self.n_jobs,
                    learner=self.estimator_,
                )
            )
            return judged
        for rows, answer in self._held_out_answers(training, self._members()):
            judged.add(rows, answer)
        return judged

    def _held_out_answers(
        self, training: Training, of: list[Member], first: int = 0
    ) -> Iterator[tuple[Any, Any]]:
        """Yield the rows held out from each of these members, and its answers about them."""
        hard, prepared = training.aggregation.hard, training.recipe.prepared
        if prepared is not None:
            return members.forest_answers_held_out(of, prepared, training.draws, first, hard=hard)
        return members.ask_held_out(
            self._question(training.aggregation),
            of,
            training.X,
            training.draws,
            first=first,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def _grow_until_settled(self, training: Training, grown: list[Member], target: int) -> OutOfBag:
        """Add members until the last ``n_iter_no_change`` have not moved the score by ``tol``.

        Members are fitted a batch at a time and judged one by one, so that where it stops does not
        depend on ``n_jobs``.
        """
        judged = OutOfBag(training.aggregation, self._shape_of_answers(training))
        scores: list[float] = []
        batch = int(self.n_iter_no_change or 1) * members.n_workers(self.n_jobs)
        while len(scores) < target and not self._settled(scores):
            i = len(scores)
            if i == len(grown):
                grown = grown + self._more(training, i, min(target, i + batch))
                self._keep(grown)
            for rows, answer in self._held_out_answers(training, [grown[i]], i):
                judged.add(rows, answer)
            scores.append(self._score_out_of_bag(training, judged))
        self._keep(grown[: len(scores)])
        self.oob_scores_ = np.asarray(scores)
        return judged

    def _settled(self, scores: list[float]) -> bool:
        window = int(self.n_iter_no_change or 1) + 1
        return len(scores) >= window and bool(np.ptp(scores[-window:]) <= self.tol)

    def _keep_out_of_bag(self, training: Training, judged: OutOfBag) -> None:
        prediction = judged.prediction()
        unjudged = int(np.sum(judged.count == 0))
        if unjudged:
            warnings.warn(
                "Some inputs do not have OOB scores. This probably means too few estimators were "
                f"used to compute any reliable oob estimates. {unjudged} of {len(prediction)} rows "
                "were held out from no member: their out-of-bag prediction is NaN, and they are "
                "left out of the score.",
                UserWarning,
                stacklevel=4,
            )
        if self.early_stopping:
            warnings.warn(
                "the out-of-bag score is optimistic with early_stopping=True: members stopped on "
                "the very rows that judge them.",
                UserWarning,
                stacklevel=4,
            )
        self.oob_count_ = judged.count
        self.oob_score_ = self._score_out_of_bag(training, judged)
        if self.task_ == CLASSIFICATION:
            self.oob_decision_function_ = prediction
        else:
            self.oob_prediction_ = prediction
            self._residuals = np.abs(prediction - training.y)

    def _score_out_of_bag(self, training: Training, judged: OutOfBag) -> float:
        """Score the rows that somebody judged, weighted like the rows."""
        counted, weights = judged.count > 0, training.sample_weight
        if weights is not None:
            counted = counted & (weights > 0)
        rows = np.flatnonzero(counted)
        if len(rows) == 0:
            return float("nan")
        answers = Answers(judged.prediction(), getattr(self, "classes_", None))
        own = None if weights is None else weights[rows]
        return score_answers(self.oob_score, answers, rows, training.y[rows], own)


def _shows_everything(draws: Draws) -> bool:
    """Tell whether every member is shown every row once, whatever the weights."""
    drawn = not (draws.repeats or isinstance(draws, ListedDraws | DirichletDraws))
    return drawn and len(draws.test(0)) == 0
