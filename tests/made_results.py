"""Results made of numbers, as studies would have found them: quick to draw."""

from dataclasses import replace

import numpy as np
import pandas as pd

from skvae.study import NestedCVResult

ARMS = (
    "pca",
    "volume",
    "clinical",
    "radiomics",
    "best_k",
    "autoencoder",
    "vae",
    "vae+clin",
)


def _frame(arm, repeat, fold, group, **columns):
    return pd.DataFrame(
        {"arm": arm, "repeat": repeat, "fold": fold, "sample": group, "group": group}
        | columns
    )


def _scores(predictions, score, **columns):
    rows = []
    n = predictions["group"].nunique()
    for (arm, repeat, fold), part in predictions.groupby(
        ["arm", "repeat", "fold"], sort=False
    ):
        row = {"arm": arm, "repeat": repeat, "fold": fold, "score": score(part)}
        row |= {"n_train": n - len(part), "n_test": len(part), "n_configurations": 6}
        row |= {"n_train_groups": n - len(part), "n_test_groups": len(part)}
        row |= {name: give(arm, repeat, fold) for name, give in columns.items()}
        if "threshold" in part:
            row["threshold"] = part["threshold"].iloc[0]
        rows.append(row)
    return pd.DataFrame(rows)


def make_result(predict, score, *, n=90, arms=ARMS[:3], repeats=2, folds=3, seed=0, **made):
    """Return a result whose predictions are `predict(rng, strength, rows)`."""
    rng = np.random.default_rng(seed)
    frames = []
    for a, arm in enumerate(arms):
        for repeat in range(1, repeats + 1):
            order = np.random.default_rng(repeat).permutation(n)
            for fold in range(folds):
                rows = np.sort(order[fold::folds])
                columns = predict(rng, 0.8 + 0.25 * a, rows)
                frames.append(_frame(arm, repeat, fold + 1, rows, **columns))
    predictions = pd.concat(frames, ignore_index=True)
    external = made.pop("external", (pd.DataFrame(), pd.DataFrame()))
    columns = made.pop("columns", {})
    return NestedCVResult(
        _scores(predictions, score, **columns),
        predictions,
        pd.DataFrame(),
        made["scoring"],
        "pca",
        made.get("positive"),
        made["kind"],
        *external,
    )


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def auc(part):
    """Return the share of pairs in the right order."""
    positive = part["y"] == "sick"
    high, low = part.loc[positive, "score"], part.loc[~positive, "score"]
    gap = high.to_numpy()[:, None] - low.to_numpy()
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())


def two_classes(**options):
    n = options.get("n", 90)
    truth = np.random.default_rng(1).normal(size=n)
    sick = np.random.default_rng(2).random(n) < sigmoid(1.5 * truth - 0.7)

    def predict(rng, strength, rows):
        p = sigmoid(strength * truth[rows] + 0.8 * rng.normal(size=len(rows)) - 0.7)
        y = np.where(sick[rows], "sick", "well")
        prediction = np.where(p > 0.5, "sick", "well")
        threshold = rng.uniform(0.3, 0.4)
        return {"y": y, "prediction": prediction, "score": p, "threshold": threshold}

    chosen = {
        "param_encode__layer": lambda arm, repeat, fold: (
            ["mean", "hidden_1"][fold % 2] if "vae" in arm else np.nan
        ),
        "param_encode__n_components": lambda arm, repeat, fold: [8, 16, 8][fold % 3],
        "param_classify__C": lambda arm, repeat, fold: [0.1, 1.0][repeat % 2],
    }
    made = {"scoring": "roc_auc", "positive": "sick", "kind": "classes", "columns": chosen}
    return make_result(predict, auc, **(made | options))


def three_classes(**options):
    n = options.get("n", 90)
    y = np.arange(n) % 3

    def predict(rng, strength, rows):
        z = strength * 1.5 * np.eye(3)[y[rows]] + rng.normal(size=(len(rows), 3))
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        names = np.array(["cyst", "scar", "tumour"])
        columns = {f"score_{name}": p[:, k] for k, name in enumerate(names)}
        return {"y": names[y[rows]], "prediction": names[p.argmax(axis=1)], **columns}

    def score(part):
        return float((part["y"] == part["prediction"]).mean())

    return make_result(
        predict, score, **({"scoring": "accuracy", "kind": "classes"} | options)
    )


def numbers(**options):
    n = options.get("n", 90)
    y = 5 + np.random.default_rng(1).normal(size=n)

    def predict(rng, strength, rows):
        z = y[rows] + rng.normal(size=len(rows)) / strength
        return {"y": y[rows], "prediction": z}

    def score(part):
        gap = part["y"] - part["prediction"]
        return float(1 - (gap**2).sum() / ((part["y"] - part["y"].mean()) ** 2).sum())

    return make_result(predict, score, **({"scoring": "r2", "kind": "number"} | options))


def events(**options):
    n = options.get("n", 90)
    rng = np.random.default_rng(1)
    truth = rng.normal(size=n)
    time, censored = 24 * rng.exponential(np.exp(-truth)), 30 * rng.exponential(size=n)
    happened, seen = time <= censored, np.minimum(time, censored)

    def predict(rng, strength, rows):
        risk = strength * truth[rows] + 0.5 * rng.normal(size=len(rows))
        return {"event": happened[rows], "time": seen[rows], "score": risk}

    def score(part):
        t, e, r = (part[c].to_numpy() for c in ("time", "event", "score"))
        pairs = e[:, None] & (t[:, None] < t)
        return float((pairs & (r[:, None] > r)).sum() / pairs.sum())

    return make_result(
        predict, score, **({"scoring": "concordance", "kind": "event"} | options)
    )


def with_external(**options):
    """Return a result of two classes with another cohort, of 60 patients."""
    inside = two_classes(**options)
    rng = np.random.default_rng(5)
    y = np.where(rng.random(60) < 0.4, "sick", "well")
    frames = []
    for a, arm in enumerate(inside.arms):
        p = sigmoid((0.5 + 0.2 * a) * (2 * (y == "sick") - 1) + rng.normal(size=60))
        group = [f"X{i}" for i in range(60)]
        frames.append(_frame(arm, 0, 0, group, y=y, prediction="well", score=p))
    predictions = pd.concat(frames, ignore_index=True)
    return replace(
        inside, external_scores=_scores(predictions, auc), external_predictions=predictions
    )
