"""Do the honest numbers keep their papers' promises? Every promise simulated, the papers beside.

    python tests/benchmarks/bench_honest_numbers.py                # all of it: about an hour
    python tests/benchmarks/bench_honest_numbers.py --list         # tables and rows, seconds each
    python tests/benchmarks/bench_honest_numbers.py --table nested --row 2
    python tests/benchmarks/bench_honest_numbers.py --table 632 --save rows.jsonl
    python tests/benchmarks/bench_honest_numbers.py --collect rows.jsonl

Every row says what is wanted, what was reached, and "reached" or "MISSED". `--scale` multiplies the
number of simulations, `--save` adds the rows to a file, `--collect` prints all that it holds: so
the whole can be run in pieces. The simulations themselves are in promises.py.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import promises  # noqa: E402
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.tree import DecisionTreeRegressor  # noqa: E402
from timing import machine, peak_memory  # noqa: E402

from ensembles.validation import bootstrap_ci  # noqa: E402


@dataclass
class Row:
    """One line of a table; ``reached`` is None where nothing is promised."""

    name: str
    found: str
    wanted: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "reached", False: "MISSED", None: ""}[self.reached]
        return f"  {self.name:<34} {self.found:<66} {self.wanted:<38} {verdict}".rstrip()


@dataclass
class Table:
    """A promise: what it is, and its rows, each with the seconds it takes on one core."""

    title: str
    rows: list[tuple[str, float, Callable[[float], Row]]]


def at_least(number: promises.Spread, wanted: float) -> bool:
    """Tell whether a simulated mean is as large as wanted, within two of its standard errors."""
    return number.mean >= wanted - 2 * number.error


# ---------------------------------------------------------------------------------------------
# The rows


def row_of_intervals(metric: str, n: int, scale: float) -> Row:
    """95 % intervals: how often they hold the truth. The default method must; others are shown."""
    n_simulations = round(2000 * scale)
    covered = promises.interval_coverage(metric, n, n_simulations, seed=101)
    slack = 2 * np.sqrt(0.95 * 0.05 / n_simulations)
    kept = {name: 0.93 - slack <= share <= 0.97 + slack for name, share in covered.items()}
    found = ", ".join(
        f"{name} {100 * share:.1f}{'' if kept[name] else '!'}" for name, share in covered.items()
    )
    return Row(f"{metric}, {n} rows", found, "93-97 by default (! outside)", bool(kept["default"]))


def row_of_632(learner_name: str, problem_name: str, scale: float) -> Row:
    """Estimate error from 20 rows with 50 resamples."""
    learners = {"1-NN": KNeighborsClassifier(1), "LDA": LinearDiscriminantAnalysis()}
    problem = getattr(promises, problem_name)
    found = promises.bootstrap_estimates(
        learners[learner_name], problem, n_simulations=round(200 * scale)
    )
    mean, rmse, error = found["mean"], found["rmse"], found["simulation error"]
    cells = [f"truth {100 * mean['truth']:.1f}"]
    cells += [f"{name} {100 * mean[name]:.1f} ({100 * rmse[name]:.1f})" for name in list(mean)[1:]]
    ratio = found["its standard error"] / found["deviation of oob"]
    text = f"{', '.join(cells)}; SE/SD {ratio:.2f}"
    name = f"{learner_name}, {problem_name}"
    if (learner_name, problem_name) == ("1-NN", "noise"):
        kept = abs(mean[".632+"] - 0.5) < 0.01 + 3 * error and mean[".632"] < 0.36
        return Row(name, text, ".632+ 50, .632 alone 31.6", bool(kept))
    better = rmse[".632+"] < rmse["leave-one-out"]
    return Row(name, text, "better than leave-one-out", bool(better))


def row_of_type_i(kind: str, n_rows: int, share: float, scale: float) -> Row:
    """How often equal learners are called different."""
    found = promises.type_i_errors(kind, round(2000 * scale), n_rows=n_rows, share=share)
    kept = found["corrected"] <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / (2000 * scale))
    return Row(
        f"{kind}, {n_rows} rows, {100 * share:g} % held out",
        f"corrected {100 * found['corrected']:.1f}, uncorrected {100 * found['uncorrected']:.1f}",
        "at most 6; more than 15",
        bool(kept and found["uncorrected"] > 0.15),
    )


def row_of_bag_intervals(
    base: str, problem: str, n_columns: int, fixed: bool, share: float, repeats: int, scale: float
) -> Row:
    """Coverage of `Bagging.predict_interval` over training sets of 200 rows."""
    found = promises.interval_of_a_bag_coverage(
        promises.BASES[base],
        n_columns,
        max(2, round(repeats * scale)),
        problem=getattr(promises, problem),
        fixed=fixed,
        share=share,
    )
    return Row(
        f"{base}, {problem}, {n_columns} columns, {'fixed' if fixed else 'random'} B, {share:g} n",
        f"{100 * found.mean:.1f} +- {100 * found.error:.1f}",
        "at least 90, within 2 standard errors",
        bool(at_least(found, 0.9)),
    )


MEMBERS = {
    "trees": DecisionTreeRegressor(),
    "forest": DecisionTreeRegressor(max_features=1 / 3, min_samples_split=6),
}
"""Fully grown trees, and the trees of R's randomForest by default."""


def row_of_bag_variances(
    problem: str, base: str, n: int, n_members: int, repeats: int, held: bool, scale: float
) -> Row:
    """Estimated over simulated variance of a bag's prediction: both jackknives, and their mean."""
    found = promises.variances_of_a_bag(
        getattr(promises, problem), n, n_members, max(4, round(repeats * scale)), MEMBERS[base]
    )
    ours, other = found.ratio(found.infinitesimal), found.ratio(found.jackknife)
    both = found.ratio((found.infinitesimal + found.jackknife) / 2)
    text = ", ".join(
        f"{name} {ratio.mean:.2f} +- {ratio.error:.2f}"
        for name, ratio in (("V_IJ-U", ours), ("V_J-U", other), ("mean", both))
    )
    name = f"{problem}, {base}, n {n}, B {n_members}"
    if held:
        kept = abs(ours.mean - 1) < 0.1 + 2 * ours.error
        return Row(name, text, "V_IJ-U within 10 % (and 2 SE)", bool(kept))
    enclosed = ours.mean - 2 * ours.error < 1 < both.mean + 2 * both.error
    return Row(name, text, "none; V_IJ-U < 1 < mean (2 SE)", bool(enclosed))


def row_of_least_squares(n: int, n_members: int, repeats: int, scale: float) -> Row:
    """Estimated over exact variance of a bag of lines; White's HC0 is what V_IJ comes to."""
    found = promises.variances_of_least_squares(n, n_members, max(4, round(repeats * scale)))
    text = ", ".join(
        f"{name} {ratio.mean:.3f} +- {ratio.error:.3f}"
        for name, ratio in zip(("V_IJ-U", "V_J-U", "HC0"), found, strict=True)
    )
    ours = found.infinitesimal
    return Row(
        f"noisy_line, least squares, n {n}, B {n_members}",
        text,
        "V_IJ-U within 10 %",
        bool(abs(ours.mean - 1) + 2 * ours.error < 0.1),
    )


def row_of_members(n: int, few: int, many: int, repeats: int, scale: float) -> Row:
    """What the correction is for: few members estimate what many would."""
    found = promises.variance_by_members(n, few, many, max(4, round(repeats * scale)))
    return Row(
        f"cosine, n {n}: B {few} over B {many}",
        f"V_IJ-U {found.mean:.2f} +- {found.error:.2f}",
        "1 within 10 % (and 2 SE)",
        bool(abs(found.mean - 1) < 0.1 + 2 * found.error),
    )


def row_of_bias_and_variance(problem: str, learner: str, scale: float) -> Row:
    """Breiman's bias and variance of a learner, beside those of a single tree."""
    rule = getattr(promises, problem)
    found, tree = (
        promises.breimans_terms(rule, promises.LEARNERS[name], max(10, round(60 * scale)))
        for name in (learner, "tree")
    )
    best, theirs = promises.PAPER[problem]
    bias, variance = theirs[learner]
    text = (
        f"error {100 * found.error:.1f} ({best + bias + variance:.1f}), bias "
        f"{100 * found.bias:.1f} ({bias}), variance {100 * found.variance:.1f} ({variance}), "
        f"best {100 * found.noise:.1f} ({best})"
    )
    name = f"{problem}, {learner}"
    if learner == "tree":
        total = best + bias + variance
        return Row(name, text, "error within 1.5", bool(abs(100 * found.error - total) < 1.5))
    less = found.variance < 0.7 * tree.variance
    if learner == "bagging":
        return Row(
            name,
            text,
            "variance down by 30 %, bias within 0.5",
            bool(less and abs(found.bias - tree.bias) < 0.005),
        )
    return Row(name, text, "variance and bias lower", bool(less and found.bias < tree.bias))


def row_of_nested(setting: str, simulations: int, scale: float) -> Row:
    """Coverage of the error of the fitted rule by 10-fold cross-validation's intervals."""
    n_simulations = max(4, round(simulations * scale))
    shares, wider = promises.nested_coverage(setting, n_simulations)
    cells = [
        f"{100 * level:g} %: nested {100 * shares['nested', level]:.1f}, usual "
        f"{100 * shares['usual', level]:.1f}"
        for level in (0.9, 0.95)
    ]
    kept = all(
        shares["nested", level] >= level - 2 * np.sqrt(level * (1 - level) / n_simulations)
        for level in (0.9, 0.95)
    )
    more = shares["nested", 0.9] > shares["usual", 0.9]
    return Row(
        setting,
        f"{'; '.join(cells)}; {wider:.2f} times as wide ({n_simulations})",
        "nested covers, within 2 SE",
        bool(kept and more),
    )


LARGE = (
    "import numpy as np\n"
    "from ensembles.validation import bootstrap_ci\n"
    "rng = np.random.default_rng(0)\n"
    "y = rng.integers(0, 2, 100_000)\n"
    "p = np.clip(0.3 * y + 0.7 * rng.random(100_000), 1e-3, 1 - 1e-3)\n"
    "bootstrap_ci('roc_auc', y[:100], p[:100], n_resamples=2)\n"
)


def row_of_speed(metric: str, scale: float) -> Row:
    """Seconds and memory of 2 000 resamples of 100 000 rows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100_000)
    p = np.clip(0.3 * y + 0.7 * rng.random(100_000), 1e-3, 1 - 1e-3)
    start = time.process_time()
    bootstrap_ci(metric, y, p, random_state=0)
    taken = time.process_time() - start
    call = f"bootstrap_ci({metric!r}, y, p, n_resamples={max(2, round(200 * scale))})\n"
    used = peak_memory(LARGE + call) - peak_memory(LARGE)
    found = f"{taken:.1f} s of one core, {used:.0f} MiB above the data"
    return Row(metric, found, "seconds", taken < 20)


# ---------------------------------------------------------------------------------------------
# The tables

INTERVALS = [
    (f"{metric} {n}", seconds, partial(row_of_intervals, metric, n))
    for metric in ("accuracy", "roc_auc", "log_loss", "rmse", "r2")
    for n, seconds in ((50, 6), (200, 20), (1000, 90))
]
E632 = [
    (f"{learner} {problem}", 60, partial(row_of_632, learner, problem))
    for learner in ("1-NN", "LDA")
    for problem in ("noise", "two_normals")
]
TYPE_I = [
    (f"{kind} {n_rows} {share}", 20, partial(row_of_type_i, kind, n_rows, share))
    for kind in ("ridge", "centroid")
    for n_rows in (100, 500)
    for share in (0.1, 0.2)
]
BAG_INTERVALS = [
    (
        f"{base} {problem} {n_columns} {'fixed' if fixed else 'random'} {share:g}",
        seconds,
        partial(row_of_bag_intervals, base, problem, n_columns, fixed, share, repeats),
    )
    for base, problem, n_columns, fixed, share, repeats, seconds in (
        ("ridge", "linear", 5, True, 1.0, 200, 60),
        ("ridge", "linear", 100, True, 1.0, 200, 60),
        ("ridge", "linear", 100, False, 1.0, 200, 60),
        ("ridge", "skewed", 5, True, 1.0, 200, 60),
        ("tree", "linear", 5, True, 1.0, 200, 60),
        ("tree", "linear", 100, True, 1.0, 100, 90),
        ("tree", "skewed", 5, True, 1.0, 200, 60),
        ("tree", "skewed", 5, False, 1.0, 200, 60),
        ("forest", "skewed", 5, True, 1.0, 40, 150),
        ("ridge", "linear", 100, True, 0.1, 200, 40),
        ("ridge", "linear", 100, False, 0.5, 200, 40),
        ("tree", "skewed", 5, False, 0.1, 200, 40),
    )
]
BAG_VARIANCES = (
    [
        (
            f"least squares {n}",
            seconds,
            partial(row_of_least_squares, n, n_members, repeats),
        )
        for n, n_members, repeats, seconds in ((50, 200, 3000, 40), (200, 500, 400, 40))
    ]
    + [
        (
            f"{problem} {n} {n_members}",
            seconds,
            partial(row_of_bag_variances, problem, base, n, n_members, repeats, held),
        )
        for problem, base, n, n_members, repeats, held, seconds in (
            ("cosine", "trees", 200, 500, 180, True, 190),
            ("cosine", "trees", 500, 500, 120, True, 200),
            ("cosine", "trees", 50, 200, 300, False, 120),
            ("exclusive_or", "forest", 50, 200, 200, False, 110),
            ("exclusive_or", "forest", 200, 500, 100, False, 180),
            ("conjunction", "forest", 50, 200, 200, False, 120),
        )
    ]
    + [
        ("members 50", 110, partial(row_of_members, 50, 50, 1000, 40)),
        ("members 200", 200, partial(row_of_members, 200, 200, 2000, 25)),
    ]
)
BIAS_VARIANCE = [
    (f"{problem} {learner}", seconds, partial(row_of_bias_and_variance, problem, learner))
    for problem in ("waveform", "twonorm", "threenorm", "ringnorm", "near_ringnorm")
    for learner, seconds in (("tree", 2), ("bagging", 30), ("boosting", 40))
]
NESTED = [(setting, 200, partial(row_of_nested, setting, 150)) for setting in promises.NESTED]
SPEED = [(metric, 12, partial(row_of_speed, metric)) for metric in ("roc_auc", "log_loss")]

TABLES = {
    "speed": Table("bootstrap_ci: 2 000 resamples of 100 000 rows", SPEED),
    "632": Table(
        "Error in % from 20 rows and 50 resamples (Efron and Tibshirani 1997): mean (root mean "
        "squared error)\nTheir abstract: .632+ outperforms cross-validation. 1-NN errs on half of "
        "noise, and .632 alone says 31.6, by their formulas; their table 3 could not be had.",
        E632,
    ),
    "intervals": Table("95 % intervals: coverage in %, 2 000 simulations (SE 0.5)", INTERVALS),
    "type_i": Table(
        "Equal learners called different at the 5 % level, in % (Nadeau and Bengio 2003)", TYPE_I
    ),
    "bag_intervals": Table(
        "Bagging.predict_interval(alpha=0.1): coverage in % over training sets of 200 rows, 50 "
        "members\n(Kim, Xu and Barber 2020: at least 80 guaranteed for a random B, about 90 found)",
        BAG_INTERVALS,
    ),
    "bag_variances": Table(
        "Variance of a bag's prediction: estimated over simulated (Wager, Hastie and Efron 2014)\n"
        "Their problems; their table could not be had. Their abstract promises that B of the order "
        "of n is enough,\nand they argue that V_IJ is the variance's part of first order, V_J that "
        "and k times each part of order k:\nthe variance then is between V_IJ and their mean.",
        BAG_VARIANCES,
    ),
    "bias_variance": Table(
        "Bias and variance after Breiman in %, 300 rows (Breiman 1998 in brackets, "
        "see promises.PAPER for what of it is confirmed)",
        BIAS_VARIANCE,
    ),
    "nested": Table(
        "Intervals of prediction error by 10-fold cross-validation (Bates, Hastie and Tibshirani "
        "2023): coverage in %",
        NESTED,
    ),
}


# ---------------------------------------------------------------------------------------------
# Running it, whole or in pieces


def show_list() -> None:
    """Print tables and rows, and the seconds that each takes."""
    for name, table in TABLES.items():
        print(f"{name}: {table.title.splitlines()[0]}")
        for place, (row, seconds, _) in enumerate(table.rows):
            print(f"  --table {name} --row {place:<3} {row:<36} about {seconds:g} s")


def show_collected(path: Path) -> None:
    """Print every row that was saved, the latest of each, by tables."""
    saved = [json.loads(line) for line in path.read_text().splitlines()]
    latest = {(entry["table"], entry["place"]): entry for entry in saved}
    for where in sorted({entry["machine"] for entry in latest.values()}):
        print(where)
    for name, table in TABLES.items():
        rows = [latest[key] for key in sorted(key for key in latest if key[0] == name)]
        if rows:
            print(f"\n{table.title}")
        for entry in rows:
            print(f"{Row(**entry['row'])}")
    missed = sum(entry["row"]["reached"] is False for entry in latest.values())
    print(f"\n{len(latest)} rows, {missed} missed")


def run_rows(name: str, places: list[int], scale: float, save: Path | None) -> None:
    """Run rows of a table, print them, and save each as soon as it is there."""
    print(f"\n{TABLES[name].title}")
    for place in places:
        start = time.perf_counter()
        row = TABLES[name].rows[place][2](scale)
        seconds = time.perf_counter() - start
        print(f"{row} ({seconds:.0f} s)", flush=True)
        entry = {
            "table": name,
            "place": place,
            "row": asdict(row),
            "seconds": round(seconds, 1),
            "scale": scale,
            "machine": machine(),
        }
        if save is not None:
            with save.open("a") as file:
                file.write(json.dumps(entry) + "\n")


def main() -> None:
    """Read what is asked for, and do it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", nargs="*", choices=list(TABLES))
    parser.add_argument("--row", nargs="*", type=int, help="places in the table, from 0")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--collect", type=Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        show_list()
        return
    if options.collect is not None:
        show_collected(options.collect)
        return
    warnings.simplefilter("ignore")
    print(machine())
    for name in options.table or TABLES:
        places = range(len(TABLES[name].rows)) if options.row is None else options.row
        run_rows(name, list(places), options.scale, options.save)


if __name__ == "__main__":
    main()
