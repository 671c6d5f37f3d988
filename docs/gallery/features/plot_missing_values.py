"""
Missing values, and what stands in their place
==============================================

With ``missing="mask"`` an autoencoder is told which values of X are missing, learns from
the others, and fills in: beside column means and nearest neighbours, on digits of which
pixels were taken away.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer

from skvae import VAEFeatureExtractor

whole = load_digits().data / 16
train, test = np.arange(1200), np.arange(1200, 1797)


def with_holes(share):
    """Take a share of the pixels away, each by chance."""
    gone = np.random.default_rng(0).random(whole.shape) < share
    return np.where(gone, np.nan, whole), gone


def filled_in(X):
    """Fill the test digits in by what was fitted to the training digits."""
    vae = VAEFeatureExtractor(
        16, missing="mask", max_iter=40, n_threads=1, random_state=0
    ).fit(X[train])
    mean = SimpleImputer(keep_empty_features=True).fit(X[train])
    neighbours = KNNImputer(keep_empty_features=True).fit(X[train])
    return {
        "column means": mean.transform(X[test]),
        "5 neighbours": neighbours.transform(X[test]),
        "VAE": vae.impute(X[test]),
    }


# %%
# The error of what was filled in (root mean square; a pixel goes from 0 to 1), on digits
# that nothing was fitted to:
shares, errors, found = [0.1, 0.3, 0.5], {}, {}
for share in shares:
    X, gone = with_holes(share)
    found[share] = filled_in(X)
    for name, filled in found[share].items():
        error = (filled - whole[test])[gone[test]]
        errors.setdefault(name, []).append(np.sqrt(np.square(error).mean()))
for name, values in errors.items():
    print(f"{name:13}", " ".join(f"{value:.3f}" for value in values))

# %%
figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for (name, values), marker in zip(errors.items(), "sDo", strict=True):
    axes.plot(shares, values, f"{marker}-", label=name)
axes.set(xticks=shares, xticklabels=[f"{share:.0%}" for share in shares], ylim=(0, 0.32))
axes.set(xlabel="share of the pixels that is missing", ylabel="error")
axes.legend(fontsize=9, loc="lower right")
plt.show()

# %%
# Known pixels stay as they are, to the last bit.
X, gone = with_holes(0.5)
vae_filled = found[0.5]["VAE"]
print(
    "known pixels unchanged:", np.array_equal(vae_filled[~gone[test]], X[test][~gone[test]])
)

shown = {"half is missing": X[test], **found[0.5], "the digit": whole[test]}
figure, axes = plt.subplots(5, 1, figsize=(6.5, 4.2), layout="constrained")
for row, (name, values) in zip(axes, shown.items(), strict=True):
    row.set_facecolor("#e69f00")  # shines through holes
    row.imshow(np.hstack(values[:12].reshape(-1, 8, 8)), cmap="gray_r", vmin=0, vmax=1)
    row.set_ylabel(name, rotation=0, ha="right", va="center")
    row.set(xticks=[], yticks=[])
plt.show()

# %%
# That a value is missing may say more than the value would: ``layer=["observed", "mean"]``
# has the mask beside the code. More in :doc:`the guide </missing-values>`.
