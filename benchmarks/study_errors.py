"""How often a study finds what is not there, and how often its intervals hold.

Each simulated cohort has two arms that are equally good by construction: logistic
regressions on two random projections, ``SIZE`` columns each, of ``WIDTH`` standard normal
features. The classes, half of the rows each, differ by a shift whose projections have the
same length, so that the best AUC in either arm is ``signal``, and trained models of both
arms have the same expected AUC. Every cohort has 5 x 5 stratified folds.

``better`` is what a study would announce: p < .05 and a positive difference; ``rejected``
is p < .05 in either direction. Rows compare the corrected with the textbook t test, with
Wilson intervals of the rates. ``coverage`` is that of the *expected* AUC of models trained
on as many rows as a fold has (``truth``: mean over 500 fresh training sets, each scored on
20,000 rows; ``truth_formula``: of the same models, by the formula of normal scores).
Variants of the correction are ``corrected`` (n_test / n_train), ``naive`` (none) and
``doubled`` (2 n_test / n_train), of which the last was chosen before looking. ``needed``
is the multiple of n_test / n_train with which the corrected variance would be right on
average: the variance of the mean over the cohorts, against that of the folds within one.
``announced`` is better, and the interval of the better arm above .5: a guard for cohorts
without any signal, where the correction falls short.

Writes ``results/study_errors.csv``.

    python benchmarks/study_errors.py [--cohorts 2000] [--rows 60 100 200 400]
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from harness import one_thread, print_table, write_csv
from scipy import stats
from scipy.special import expit

from skvae.statistics.proportions import wilson_interval
from skvae.study import corrected_interval, corrected_ttest

WIDTH, SIZE = 50, 8
FOLDS, REPEATS = 5, 5
SIGNALS = (0.5, 0.75, 0.9)
N_FRESH, N_SCORED = 500, 20_000
CORRECTIONS = {"corrected": 1.0, "naive": 0.0, "doubled": 2.0}


def logistic_coefficients(X: np.ndarray, y: np.ndarray, n_steps: int = 12) -> np.ndarray:
    """Solve many logistic regressions as scikit-learn's with C=1, by Newton's method.

    Parameters
    ----------
    X : ndarray of shape (n_problems, n_rows, n_columns)
        Rows.
    y : ndarray of shape (n_problems, n_rows)
        Classes, 0 and 1.

    Returns
    -------
    ndarray of shape (n_problems, n_columns + 1)
        Coefficients; the last is the intercept, which is not penalised.
    """
    X = np.concatenate([X, np.ones((*X.shape[:2], 1))], axis=2)
    ridge = np.eye(X.shape[2])
    ridge[-1, -1] = 0
    w = np.zeros((len(X), X.shape[2]))
    for _ in range(n_steps):
        p = expit((X @ w[:, :, None])[..., 0])
        gradient = ((p - y)[:, None] @ X)[:, 0] + w @ ridge
        curvature = X.transpose(0, 2, 1) @ (X * (p * (1 - p))[..., None]) + ridge
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return w


def aucs(score: np.ndarray, y: np.ndarray) -> np.ndarray:
    """AUC of each row of scores, by a count of pairs; classes have equal sizes."""
    positive = score[y == 1].reshape(len(score), -1, 1)
    negative = score[y == 0].reshape(len(score), 1, -1)
    return (positive > negative).mean(axis=(1, 2))


def equal_arms(rng: np.random.Generator, signal: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two projections and a shift between the classes that both see equally."""
    arms = np.stack([np.linalg.qr(rng.normal(size=(WIDTH, SIZE)))[0] for _ in range(2)])
    seen = rng.normal(size=(2, SIZE))
    seen *= np.sqrt(2) * stats.norm.ppf(signal) / np.linalg.norm(seen, axis=1)[:, None]
    shift = np.linalg.pinv(np.concatenate(arms.transpose(0, 2, 1))) @ seen.ravel()
    return arms, shift


def cohorts(
    rng: np.random.Generator, n: int, signal: float, n_cohorts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as both arms see them, (cohort, arm, row, column), and the classes."""
    y = np.arange(n) % 2
    X = []
    for _ in range(n_cohorts):
        arms, shift = equal_arms(rng, signal)
        X.append((rng.normal(size=(n, WIDTH)) + y[:, None] * shift) @ arms)
    return np.array(X), y


def splits(rng: np.random.Generator, y: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the test rows of stratified folds."""
    for _ in range(REPEATS):
        strata = [rng.permutation(np.flatnonzero(y == label)) for label in (0, 1)]
        parts = [np.split(rows, FOLDS) for rows in strata]
        yield from np.concatenate([np.array(part) for part in parts], axis=1)


def fold_scores(rng: np.random.Generator, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the AUC of each split, (cohort, arm, split)."""
    scores = np.empty((*X.shape[:2], FOLDS * REPEATS))
    for c, cohort in enumerate(X):
        tests = np.array(list(splits(rng, y)))
        trains = np.array([np.setdiff1d(np.arange(len(y)), test) for test in tests])
        # One batch of all splits of both arms.
        train = cohort[:, trains].reshape(-1, trains.shape[1], SIZE)
        w = logistic_coefficients(train, np.tile(y[trains], (2, 1)))
        test = cohort[:, tests].reshape(-1, tests.shape[1], SIZE)
        found = aucs((test @ w[:, :-1, None])[..., 0], np.tile(y[tests], (2, 1)))
        scores[c] = found.reshape(2, -1)
    return scores


def expected_auc(rng: np.random.Generator, n: int, signal: float) -> tuple[float, float]:
    """Return the mean AUC of models of fresh training sets: scored, and by formula.

    Within an arm all directions are alike, so that the shift is along the first column.
    """
    shift = np.sqrt(2) * stats.norm.ppf(signal) * np.eye(SIZE)[0]
    y, label = np.arange(n) % 2, np.arange(N_SCORED) % 2
    X = rng.normal(size=(N_FRESH, n, SIZE)) + y[:, None] * shift
    w = logistic_coefficients(X, np.tile(y, (N_FRESH, 1)))[:, :-1]
    scored = []
    for coefficients in w:
        rows = rng.normal(size=(N_SCORED, SIZE)) + label[:, None] * shift
        rank = stats.rankdata(rows @ coefficients)
        u = rank[label == 1].mean() - (N_SCORED / 2 + 1) / 2
        scored.append(u / (N_SCORED / 2))
    formula = stats.norm.cdf(w @ shift / (np.sqrt(2) * np.linalg.norm(w, axis=1)))
    return float(np.mean(scored)), float(formula.mean())


def wilson(name: str, count: int, n: int) -> dict[str, float]:
    """Return a count with its rate and interval."""
    low, high = wilson_interval(count, n)
    return {
        name: int(count),
        f"{name}_rate": round(count / n, 4),
        f"{name}_low": round(float(low), 4),
        f"{name}_high": round(float(high), 4),
    }


def needed_correction(scores: np.ndarray, n_train: int, n_test: int) -> float:
    """Return the multiple of n_test / n_train that the variance of the mean asks for."""
    variances = scores.mean(axis=1).var(ddof=1), scores.var(axis=1, ddof=1).mean()
    excess = variances[0] / variances[1] - 1 / scores.shape[1]
    return round(float(excess * n_train / n_test), 3)


def errors(scores: np.ndarray, n_train: int, n_test: int) -> Iterator[dict]:
    """Yield how often each test rejects, and says better."""
    differences = scores[:, 1] - scores[:, 0]
    low = [corrected_interval(s, n_train, n_test, scale="logit").low for s in scores[:, 1]]
    above_chance = np.array(low) > 0.5
    for test, correction in CORRECTIONS.items():
        # 1e-300 test rows in place of none, which are refused.
        n_assumed = correction * n_test or 1e-300
        p = np.array([corrected_ttest(d, n_train, n_assumed).pvalue for d in differences])
        rejected = p < 0.05
        better = rejected & (differences.mean(axis=1) > 0)
        yield (
            {
                "measure": "difference",
                "method": test,
                "needed": needed_correction(differences, n_train, n_test),
            }
            | wilson("rejected", rejected.sum(), len(p))
            | wilson("better", better.sum(), len(p))
            | wilson("announced", (better & above_chance).sum(), len(p))
        )


def coverage(
    scores: np.ndarray, n_train: int, n_test: int, truth: tuple[float, float]
) -> Iterator[dict]:
    """Yield how often each interval of an arm's score holds the expected score."""
    for scale in ("logit", "raw"):
        for name, correction in CORRECTIONS.items():
            n_assumed = correction * n_test or 1e-300
            intervals = np.array(
                [corrected_interval(s, n_train, n_assumed, scale=scale) for s in scores]
            )
            _, low, high = intervals.T
            yield (
                {
                    "measure": "interval",
                    "method": f"{scale}, {name}",
                    "needed": needed_correction(scores, n_train, n_test),
                    "truth": round(truth[0], 4),
                    "truth_formula": round(truth[1], 4),
                    "mean_score": round(float(scores.mean()), 4),
                    "mean_width": round(float(np.nanmean(high - low)), 4),
                    "no_interval": int(np.isnan(low).sum()),
                    "past_1": int((high > 1).sum()),
                }
                | wilson(
                    "covered", ((low <= truth[0]) & (truth[0] <= high)).sum(), len(low)
                )
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs="+", default=[60, 100, 200, 400])
    arguments = parser.parse_args()
    one_thread()
    rows = []
    for n in arguments.rows:
        for signal in SIGNALS:
            start = time.process_time()
            rng = np.random.default_rng([n, int(100 * signal)])
            X, y = cohorts(rng, n, signal, arguments.cohorts)
            scores = fold_scores(rng, X, y)
            n_test = n // FOLDS
            truth = expected_auc(rng, n - n_test, signal)
            setting = {"n": n, "signal": signal, "cohorts": arguments.cohorts}
            found = [
                *errors(scores, n - n_test, n_test),
                *coverage(scores[:, 0], n - n_test, n_test, truth),
            ]
            seconds = {"cpu_seconds": round(time.process_time() - start, 1)}
            rows += [setting | row | seconds for row in found]
            print_table(rows[-len(found) :])
    write_csv("study_errors", rows)


if __name__ == "__main__":
    main()
