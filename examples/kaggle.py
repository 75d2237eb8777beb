"""A whole tabular competition: train and test CSV in, out-of-fold score and submission.csv out.

    python examples/kaggle.py [train.csv test.csv [target [id]]]

Without files: the Titanic, where a folder beside this one has it in its data folder; else data that
comes with scikit-learn. The target is a column of classes, the id is the first column.
"""

import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ensembles import BaggingClassifier, GradientBoostingClassifier, cross_validate

paths = sys.argv[1:3] or sorted(Path("..").glob("*/data/titanic*.csv"))[:2]
if paths:
    train, test = map(pd.read_csv, paths)
else:
    frame = load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0)
    frame = frame.reset_index(names="id")
    train, test = frame[:400], frame[400:].drop(columns="target")

target = sys.argv[3] if len(sys.argv) > 3 else "target"
id_column = sys.argv[4] if len(sys.argv) > 4 else train.columns[0]
texts = [name for name in train.select_dtypes(exclude="number") if train[name].nunique() > 30]
X, X_test = train.drop(columns=[target, id_column, *texts]), test.drop(columns=[id_column, *texts])

text = make_column_selector(dtype_exclude="number")
numbers = make_pipeline(SimpleImputer(), StandardScaler())
coded = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder=numbers)
models = {
    "linear": make_pipeline(coded, LogisticRegression()),
    "bagging": make_pipeline(coded, BaggingClassifier(n_estimators=100, random_state=0)),
    "boosting": GradientBoostingClassifier(200, learning_rate=0.05, max_depth=3),
}
board = cross_validate(
    models, X, train[target], X_test=X_test, scoring="accuracy", n_repeats=2, random_state=0
)
best = board.best_
print(board, best, sep="\n\n")
labels = best.classes_[best.test_prediction_.argmax(axis=1)]
pd.DataFrame({id_column: test[id_column], target: labels}).to_csv("submission.csv", index=False)
print(f"\nsubmission.csv: {len(labels)} rows of {best.name_}'s fold models")
