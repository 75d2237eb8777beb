"""A whole tabular competition: train and test CSV in, out-of-fold score and submission.csv out.

    python examples/kaggle.py [train.csv test.csv [target [id]]]

Without arguments: the Titanic, where ENSEMBLES_REAL_DATA names a folder that holds it, and data
that comes with scikit-learn where not.
"""

import os
import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier

from ensembles import BaggingClassifier, cross_validate


def read():
    folder = Path(os.environ.get("ENSEMBLES_REAL_DATA", ""))
    given = sys.argv[1:3] or [folder / "titanic.csv", folder / "titanic__test.csv"]
    if all(Path(path).is_file() for path in given):
        return [pd.read_csv(path) for path in given]
    frame = load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0)
    return frame[:400].reset_index(names="id"), frame[400:].drop(columns="target").reset_index(
        names="id"
    )


def main():
    train, test = read()
    target = sys.argv[3] if len(sys.argv) > 3 else "target"
    id_column = sys.argv[4] if len(sys.argv) > 4 else train.columns[0]
    y = train.pop(target)
    texts = [name for name in train.select_dtypes(exclude="number") if train[name].nunique() > 30]
    X, X_test = (table.drop(columns=[id_column, *texts]) for table in (train, test))

    text = make_column_selector(dtype_exclude="number")
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    coded = make_column_transformer((codes, text), remainder="passthrough")
    scaled = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), text),
        remainder=make_pipeline(SimpleImputer(), StandardScaler()),
    )
    boosting = XGBClassifier(
        n_estimators=200, learning_rate=0.05, max_depth=3, n_jobs=1, random_state=0
    )
    models = {
        "linear": make_pipeline(scaled, LogisticRegression()),
        "bagging": make_pipeline(coded, BaggingClassifier(n_estimators=100, random_state=0)),
        "boosting": make_pipeline(coded, boosting),
    }
    board = cross_validate(
        models, X, y, X_test=X_test, scoring="accuracy", cv=5, n_repeats=2, random_state=0
    )
    print(board, "\n")
    print(board.best_, "\n")
    labels = board.best_.classes_[board.best_.test_prediction_.argmax(axis=1)]
    submission = pd.DataFrame({id_column: test[id_column], target: labels})
    submission.to_csv("submission.csv", index=False)
    print(f"submission.csv: {len(submission)} rows of {board.best_name_}'s fold models")


if __name__ == "__main__":
    main()
