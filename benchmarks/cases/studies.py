"""Phantoms, folds and studies."""

import os
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import skvae
import skvae.datasets
import skvae.study
from cases.samples import ATTRIBUTES, GROUPS, ROWS, Y, make, one
from skvae.cli import main as command


def data():
    """Draw each phantom."""
    sizes = {"make_moving_blobs": 12, "make_lesions": 16}
    for name in skvae.datasets.__all__:
        if name.startswith("make_"):
            draw = getattr(skvae.datasets, name)
            size = sizes.get(name, 32)
            yield name, one(draw, 6, size=size, random_state=0)


def studies():
    """Compare pipelines, by the library and by the command."""
    steps = (make("VAEFeatureExtractor", max_iter=5), LogisticRegression())
    arms = {
        "pca": make_pipeline(PCA(2), LogisticRegression()),
        "vae": (
            make_pipeline(*steps),
            {"vaefeatureextractor__layer": ["mean", "hidden_1"]},
        ),
        "attributes": make("AttriVAE", max_iter=5),
    }
    how = {
        "groups": GROUPS,
        "params": {"attributes": ATTRIBUTES},
        "outer": (2, 2),
        "inner": 2,
    }
    yield "nested_cv", studied(lambda: skvae.study.nested_cv(arms, ROWS, Y, **how))
    folds = skvae.study.RepeatedStratifiedGroupKFold(3, 2, random_state=0)
    yield "RepeatedStratifiedGroupKFold", one(lambda: list(folds.split(ROWS, Y, GROUPS)))
    grid = {"vaefeatureextractor__layer": ["mean", "hidden_1"]}
    search = GridSearchCV(make_pipeline(*steps), grid, cv=2)
    yield "search", one(lambda: search.fit(ROWS, Y).cv_results_["mean_test_score"])
    yield "cross_val_score", one(cross_val_score, make_pipeline(*steps), ROWS, Y, cv=3)
    yield "command", by_command()


def studied(compare):
    """Yield the scores, the predictions and the summary of a study."""
    result = compare()
    yield "scores", lambda: untimed(result.scores)
    yield "predictions", lambda: result.predictions
    yield "summary", lambda: untimed(result.summary())


def untimed(table):
    """Return a table without the columns that say how long something took."""
    return table[[name for name in table if "seconds" not in name]]


def by_command():
    """Yield the tables that the command writes, of the default arms on a few rows."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        path = Path(folder)
        X, y = ROWS[:26, :3] + 0.3 * Y[:26, None], Y[:26]
        np.savez(path / "rows.npz", X=X, y=y, groups=np.arange(26))
        arguments = ["--data", f"{path}/rows.npz", "--output", folder, "--jobs", "1"]
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            command(["study", *arguments])
        for name in ("results", "predictions", "summary"):
            table = pd.read_csv(path / f"{name}.csv")
            yield name, partial(untimed, table)
