"""Imports point down only: the architecture is read from the source and held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ensembles

ROOT = Path(ensembles.__file__).parent

ALLOWED = {
    "naming": set(),
    "parameters": set(),
    "combining": {"parameters"},
    "uncertainty": {"parameters"},
    "stopping": set(),
    "tables": set(),
    "tasks": {"parameters"},
    "scoring": set(),
    "trees": {"naming", "parameters", "tables"},
    "versions": set(),
    "resampling": {"naming", "parameters"},
    "aggregation": {"combining"},
    "gradient_boosting": {
        "naming",
        "parameters",
        "resampling",
        "scoring",
        "tables",
        "tasks",
        "versions",
    },
    "members": {"resampling", "stopping", "tables", "tasks"},
    "adaboost": {
        "combining",
        "members",
        "naming",
        "parameters",
        "resampling",
        "scoring",
        "tables",
        "tasks",
        "trees",
        "versions",
    },
    "bagging": {
        "aggregation",
        "combining",
        "members",
        "naming",
        "parameters",
        "resampling",
        "scoring",
        "stopping",
        "tables",
        "tasks",
        "trees",
        "uncertainty",
        "versions",
    },
    "validation": {
        "combining",
        "members",
        "parameters",
        "resampling",
        "scoring",
        "stopping",
        "tables",
        "tasks",
        "versions",
    },
}
"""Which rooms a room may import. A new room gets its line here, and a reason in the README."""

ONLY_IN = {"joblib": {"members"}, "xgboost": {"gradient_boosting"}, "numba": {"trees"}}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of everything a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports name the package in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


SOURCES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_below_it(path):
    room = room_of(path)
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("ensembles.")}
    assert rooms - {room} <= ALLOWED[room]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_with_one_door_is_imported_there_alone(path):
    roots = {name.partition(".")[0] for name in imported(path)}
    for library, rooms in ONLY_IN.items():
        assert library not in roots or room_of(path) in rooms


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_private_of_scikit_learn_is_imported(path):
    names = {name for name in imported(path) if name.startswith("sklearn.")}
    private = {name for name in names if any(part.startswith("_") for part in name.split("."))}
    assert not private


def test_every_room_is_drawn_in_the_picture():
    assert {room_of(path) for path in SOURCES} <= set(ALLOWED)
