"""Models saved by each release, and what they answered: every later release must open them.

Run once for a release, from the root of the repository::

    python tests/gradient_boosting/golden_models.py

It writes ``golden/<version>/``: a file for each model below, made by `save_model`, and
``answers.json``. Files of earlier releases are never made anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

import ensembles
from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor

GOLDEN = Path(__file__).parent / "golden"
ROWS = np.arange(240)
TABLE = pd.DataFrame(
    {
        "age": np.where(ROWS % 11 == 0, np.nan, (ROWS * 37) % 80),
        "fare": ((ROWS * 53) % 199) / 8,
        "port": pd.Categorical(np.array(["Cherbourg", "Queenstown", "Southampton"])[ROWS % 3]),
        "sex": np.where((ROWS * 29) % 7 < 3, "female", "male"),
    }
)
FATE = np.where((TABLE["sex"] == "female") ^ ((ROWS * 41) % 13 == 0), "survived", "died")
PRICE = TABLE["fare"] * (1 + (TABLE["port"] == "Cherbourg")) + (ROWS * 17) % 5
SMALL = {"n_estimators": 6, "max_depth": 3, "random_state": 0, "device": "cpu", "n_jobs": 1}
MODELS = {
    "classifier": (GradientBoostingClassifier(class_weight="balanced", **SMALL), FATE),
    "three_classes": (GradientBoostingClassifier(n_seeds=2, subsample=0.5, **SMALL), ROWS % 3 * 5),
    "regressor": (GradientBoostingRegressor(quantiles=[0.1, 0.5, 0.9], **SMALL), PRICE),
    "bare": (GradientBoosting(early_stopping=True, booster="dart", **SMALL), PRICE),
}
QUESTIONS = ("predict", "predict_proba", "decision_function", "predict_interval", "shap_values")


def asked(model):
    """Return all that a model answers about the table, as JSON has it."""
    answers = {
        name: np.asarray(getattr(model, name)(TABLE)).tolist()
        for name in QUESTIONS
        if hasattr(model, name)
    }
    answers["feature_importances_"] = model.feature_importances_.tolist()
    answers["classes_"] = getattr(model, "classes_", np.empty(0)).tolist()
    return answers


def make() -> None:
    """Write the models and the answers of the release at hand."""
    folder = GOLDEN / ensembles.__version__
    folder.mkdir(parents=True)
    answers = {}
    for name, (model, y) in MODELS.items():
        model.fit(TABLE, y).save_model(folder / f"{name}.model")
        answers[name] = {"class": type(model).__name__} | asked(model)
        answers[name] = {key: _short(value) for key, value in answers[name].items()}
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")


def _short(value):
    """Keep the first rows of an answer: the file shall be small."""
    return value[:20] if isinstance(value, list) else value


if __name__ == "__main__":
    make()
