"""Routing: which arguments go to the splitter, to ``fit`` and to the scorers."""

from __future__ import annotations

from typing import Any

from sklearn import get_config
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ensembles.validation.data import Data
from ensembles.validation.judging import Scoring, check_scorers

__all__ = ["routed"]

Arguments = dict[str, Any]


def routed(
    estimator: Any, scoring: Any, splitter: Any, data: Data, params: Arguments | None
) -> tuple[Arguments, Arguments, dict[str, Arguments]]:
    """Share out ``params`` among the splitter, the estimator and the scorers.

    Without metadata routing all of them are arguments of ``fit``, and the splitter gets the groups.

    Returns
    -------
    dict, dict, dict of scorer name to dict
    """
    if not get_config()["enable_metadata_routing"]:
        return {"groups": data.groups}, dict(params or {}), {}
    scoring = check_scorers(estimator, scoring, "raise")
    router = (
        MetadataRouter(owner="cross_validate")
        .add(splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        .add(estimator=estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        .add(
            scorer=scoring.combined,
            method_mapping=MethodMapping().add(caller="fit", callee="score"),
        )
    )
    try:
        shared = process_routing(router, "fit", **(params or {}))
    except UnsetMetadataPassedError as error:
        raise UnsetMetadataPassedError(
            message=str(error).replace("cross_validate.fit", "cross_validate"),
            unrequested_params=error.unrequested_params,
            routed_params=error.routed_params,
        ) from None
    return dict(shared.splitter.split), dict(shared.estimator.fit), _by_scorer(scoring, shared)


def _by_scorer(scoring: Scoring, shared: Any) -> dict[str, Arguments]:
    """What each scorer is given: one of several is asked for what it asks for."""
    given = dict(shared.scorer.score)
    if scoring.single or not given:
        return dict.fromkeys(scoring.scorers, given)
    inner = process_routing(scoring.combined, "score", **given)
    return {name: dict(inner[name].score) for name in scoring.scorers}
