"""The examples of the harness, run as a newcomer runs them."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


def run(name, folder, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)},
    ).stdout


def test_the_readme_shows_the_competition_as_it_is():
    code = (ROOT / "examples" / "kaggle.py").read_text()
    assert code[code.index("import sys") :] in (ROOT / "README.md").read_text()


def test_a_whole_competition_is_fifty_lines_and_the_notebook_reads_the_same_data():
    lines = (ROOT / "examples" / "kaggle.py").read_text().splitlines()
    assert len(lines) <= 50
    cells = nbformat.read(ROOT / "examples" / "kaggle.ipynb", as_version=4).cells
    (found,) = (line for line in lines if line.startswith("paths = "))
    assert found.partition(" or ")[2] in cells[1].source


def test_a_competition_without_any_data_at_hand(tmp_path):
    said = run("kaggle.py", tmp_path)
    assert "held out, accuracy" in said
    submission = pd.read_csv(tmp_path / "submission.csv")
    assert list(submission) == ["id", "target"]
    assert len(submission) == 169
    assert set(submission["target"]) == {0, 1}


def test_a_misspelled_file_is_not_passed_over_for_other_data(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run("kaggle.py", tmp_path, "trian.csv", "test.csv")
    assert "trian.csv" in failed.value.stderr


@pytest.mark.skipif(
    not (Path(os.environ.get("ENSEMBLES_REAL_DATA", "")) / "titanic.csv").is_file(),
    reason="ENSEMBLES_REAL_DATA names no folder with titanic.csv",
)
def test_the_titanic(tmp_path):
    folder = Path(os.environ["ENSEMBLES_REAL_DATA"])
    run("kaggle.py", tmp_path, folder / "titanic.csv", folder / "titanic__test.csv")
    named = (tmp_path / "submission.csv").read_bytes()
    beside = tmp_path / "project"
    beside.mkdir()
    (tmp_path / "other" / "data").parent.mkdir()
    (tmp_path / "other" / "data").symlink_to(folder)
    run("kaggle.py", beside)
    assert (beside / "submission.csv").read_bytes() == named
    submission = pd.read_csv(tmp_path / "submission.csv")
    truth = pd.read_csv(folder / "titanic__test_labels.csv")
    both = submission.merge(truth, on="PassengerId", suffixes=("", "_true"))
    assert (both["target"] == both["target_true"]).mean() > 0.75


def test_the_committee_is_a_bag(tmp_path):
    said = run("committee.py", tmp_path)
    assert "5 fold models" in said
    assert said.count("same: True") == 1
    assert "same predictions: True" in said


@pytest.mark.filterwarnings("default")  # the kernel's own
def test_the_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("ENSEMBLES_REAL_DATA", raising=False)
    notebook = nbformat.read(ROOT / "examples" / "kaggle.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert (tmp_path / "submission.csv").is_file()
    shown = [
        list(output.get("data", ()))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    ]
    assert any("image/png" in kinds for kinds in shown)
    assert sum("text/html" in kinds for kinds in shown) >= 3
