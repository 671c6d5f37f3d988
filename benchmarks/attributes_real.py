"""AttriVAE on real patients: lung nodules (LIDC-IDRI) and left ventricles (Sunnybrook).

Lung nodules are 32^3 masks with a rating or measure as attribute, and the question is
whether radiologists think them malignant (above against below 3, three raters or more).
Ventricles are 64 x 64 crops of short-axis MR slices with attributes measured in their
masks, which the network never sees; the question is heart failure. Folds keep patients
together; everything is fitted inside them, with default parameters but for the epochs.

Printed are the held-out Spearman correlation of each attribute with its own unit over all
images, the same of the patients' means (0 where p > 0.05) with its own and with its best
unit, the 95th percentile of the latter under permutation, and all that without the
attribute term (gamma=0); and the AUC of the head beside PCA and beside the attributes
alone, each with a logistic regression. Means over the folds. Writes
``results/attributes_real.csv``.

    python benchmarks/attributes_real.py $SKVAE_TEST_DATA [--epochs 20] [--data lidc]
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from harness import print_table, write_csv
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AttriVAE
from skvae.inspection import disentanglement_scores

N_COMPONENTS = 16


def lidc(folder):
    """Nodule masks, log-volume and four ratings, malignancy, patients."""
    data = np.load(folder / "lidc" / "lidc_nodule_shapes_32.npz", allow_pickle=False)
    names = list(data["attribute_names"])
    ratings = dict(zip(names, data["attributes"].T, strict=True))
    clear = (data["n_annotators"] >= 3) & (ratings["malignancy"] != 3)
    shown = ["sphericity", "lobulation", "spiculation", "margin"]
    attributes = pd.DataFrame({name: ratings[name] for name in shown})
    attributes.insert(0, "log_volume", np.log(data["volume_mm3"]))
    images = data["masks"][clear, None].astype(np.float32)
    y = (ratings["malignancy"] > 3).astype(int)[clear]
    return images, y, attributes[clear].reset_index(drop=True), data["patient_id"][clear]


def sunnybrook(folder):
    """Crops of MR slices, measures of the ventricle's mask, heart failure, patients."""
    data = np.load(folder / "sunnybrook" / "sunnybrook_128.npz", allow_pickle=False)
    images = data["images"][:, None, 32:96, 32:96].astype(np.float32) / 255
    masks = data["masks"] > 0
    y = np.char.startswith(data["group"], "HF").astype(int)
    return images, y, measures(data["images"], masks), data["patient"]


def measures(images, masks):
    """Area, eccentricity, position and mean grey value within each mask."""
    rows = []
    for image, mask in zip(images, masks, strict=True):
        places = np.argwhere(mask).astype(float)
        small, large = np.linalg.eigvalsh(np.cov(places.T) + np.eye(2) / 12)
        rows.append(
            {
                "area": len(places),
                "eccentricity": np.sqrt(1 - small / large),
                "row": places[:, 0].mean(),
                "column": places[:, 1].mean(),
                "intensity": image[mask].mean(),
            }
        )
    return pd.DataFrame(rows)


def logistic(train, test, y_train, y_test):
    model = make_pipeline(
        SimpleImputer(), StandardScaler(), LogisticRegression(C=0.1, max_iter=5000)
    )
    probability = model.fit(train, y_train).predict_proba(test)[:, 1]
    return roc_auc_score(y_test, probability)


def orders(Z, attributes, patients):
    """Return how well units order each attribute on held-out rows; the last is the mean."""
    table = disentanglement_scores(
        Z,
        attributes,
        scores=["spearman_correlation_score"],
        units=range(attributes.shape[1]),
        groups=patients,
        n_bootstraps=2,
    )
    found = table.set_index(["units", "attribute"])
    images = [
        spearmanr(unit, attribute, nan_policy="omit").statistic
        for unit, attribute in zip(Z.T, attributes.to_numpy().T, strict=False)
    ]
    names = [*attributes.columns, "(mean)"]
    for name, over_images in zip(names, [*images, np.mean(images)], strict=True):
        best = found.loc[("best", name)]
        own = found.loc[("own", name)].value
        yield name, over_images, own, best.value, best.chance_high


def run(name, images, y, attributes, patients, n_epochs):
    aucs, correlations = [], []
    splits = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    flat = images.reshape(len(images), -1)
    for fold, (train, test) in enumerate(splits.split(flat, y, patients)):
        for gamma in (AttriVAE().gamma, 0.0):
            vae = AttriVAE(
                n_components=N_COMPONENTS, gamma=gamma, max_iter=n_epochs, random_state=0
            )
            vae.fit(images[train], y[train], attributes=attributes.iloc[train])
            held_out = vae.transform(images[test])
            for row in orders(held_out, attributes.iloc[test], patients[test]):
                correlations.append((fold, gamma, *row))
            head = vae.predict_proba(images[test])[:, 1]
            aucs.append((f"head, gamma={gamma:g}", roc_auc_score(y[test], head)))
            code = vae.transform(images[train]), held_out
            aucs.append((f"code, gamma={gamma:g}", logistic(*code, y[train], y[test])))
        pca = PCA(N_COMPONENTS, random_state=0).fit(flat[train])
        code = pca.transform(flat[train]), pca.transform(flat[test])
        aucs.append(("PCA", logistic(*code, y[train], y[test])))
        known = attributes.iloc[train], attributes.iloc[test]
        aucs.append(("attributes alone", logistic(*known, y[train], y[test])))
        print(f"{name}: fold {fold + 1} of 5", flush=True)

    columns = ["fold", "gamma", "attribute", "own, images", "own", "best", "chance"]
    frame = pd.DataFrame(correlations, columns=columns).drop(columns="fold")
    frame = frame.groupby(["attribute", "gamma"], sort=False).mean().unstack("gamma")
    frame = frame.swaplevel(axis=1).sort_index(axis=1, ascending=False)
    print(f"\n{name}: {len(y)} images of {len(set(patients))} patients, held out")
    print(frame.round(3).to_string())
    rows = [
        {
            "data": name,
            "measure": f"{value}, gamma={gamma:g}",
            "of": attribute,
            "mean": mean,
        }
        for (gamma, value), column in frame.items()
        for attribute, mean in column.round(4).items()
    ]
    scores = pd.DataFrame(aucs, columns=["features", "auc"])
    auc_rows = []
    for features, auc in scores.groupby("features", sort=False)["auc"]:
        row = {"data": name, "measure": "AUC", "of": features}
        auc_rows.append(row | {"mean": round(auc.mean(), 4), "sd": round(auc.std(), 4)})
    print_table(auc_rows)
    return rows + auc_rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the real data")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--data", nargs="*", default=["lidc", "sunnybrook"])
    arguments = parser.parse_args()
    rows = []
    for name in arguments.data:
        load = {"lidc": lidc, "sunnybrook": sunnybrook}[name]
        rows += run(name, *load(arguments.folder), arguments.epochs)
    write_csv("attributes_real", rows)


if __name__ == "__main__":
    main()
