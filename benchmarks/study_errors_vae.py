"""How often the default arm of a VAE is announced as better where there is nothing.

Cohorts of ``study_errors.py`` without any signal: ``ROWS`` rows of 50 standard normal
features, the classes half and half. Each is a study of the arms ``pca`` and ``vae`` as
`skvae.study.default_arms` builds them, with one size, 5 outer and 3 inner folds. The
counts are printed as they come: with 40 cohorts, one of them is 2.5 %.

Writes ``results/study_errors_vae.csv``, a row for each cohort.

    python benchmarks/study_errors_vae.py [--cohorts 40] [--rows 60]
"""

import argparse
import warnings
from tempfile import TemporaryDirectory

import numpy as np
from harness import one_thread, print_table, write_csv

from skvae.statistics.proportions import wilson_interval
from skvae.study import default_arms, nested_cv

WIDTH = 50


def cohort(seed: int, n_rows: int) -> dict[str, float]:
    """Return what a study of one cohort finds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, WIDTH))
    y = rng.permutation(np.arange(n_rows) % 2)
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as memory,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        arms = default_arms(X, ["pca", "vae"], memory=memory)
        result = nested_cv(arms, X, y, outer=(5, 1))
    pca, vae = result.summary().itertuples(name="Row")
    return {
        "seed": seed,
        "n_rows": n_rows,
        "pca": pca.mean,
        "vae": vae.mean,
        "vae_low": vae.ci_low,
        "vae_high": vae.ci_high,
        "difference": vae.difference,
        "p": vae.p,
        "better": int(vae.p < 0.05 and vae.difference > 0),
        "worse": int(vae.p < 0.05 and vae.difference < 0),
        "announced": int(vae.p < 0.05 and vae.difference > 0 and vae.ci_low > 0.5),
        "holds_half": int(vae.ci_low <= 0.5 <= vae.ci_high),
    }


def main() -> None:
    """Run, write after each cohort, and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--rows", type=int, default=60)
    arguments = parser.parse_args()
    one_thread()
    rows = []
    for seed in range(arguments.cohorts):
        rows.append(cohort(seed, arguments.rows))
        write_csv("study_errors_vae", rows)
    counted = []
    for name in ("better", "worse", "announced", "holds_half"):
        count = sum(row[name] for row in rows)
        low, high = wilson_interval(count, len(rows))
        counted.append(
            {"of": name, "count": count, "n": len(rows), "low": low, "high": high}
        )
    print_table(counted)


if __name__ == "__main__":
    main()
