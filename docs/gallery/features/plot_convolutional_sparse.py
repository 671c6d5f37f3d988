"""
Features of each pixel, learned without labels
==============================================

A :class:`~skvae.ConvolutionalSparseAutoencoder` codes the window around each pixel, at
several scales. Its maps are features for a classifier of pixels, or, pooled, of images.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skvae import ConvolutionalSparseAutoencoder
from skvae.datasets import make_mammograms

mammograms = make_mammograms(24, random_state=0)
images, masks = mammograms.images, mammograms.masks
sparse = ConvolutionalSparseAutoencoder(12, max_iter=12, n_threads=1, random_state=0)
sparse = sparse.fit(images[:16])
print(f"{sparse.l0_:.1f} of 12 units active at a position, {sparse.dead_units_} never")

# %%
# A logistic regression on the pixels of four of the breasts, asked about eight others:
# which pixels are dense tissue? The grey level alone tells less, since texture counts here.
maps = sparse.transform_pixels(images)
print("maps of each pixel:", maps.shape)
few, unseen = slice(0, 4), slice(16, 24)
breast = masks > 0


def pixels_of(values, part):
    """Return a row for each pixel of the breasts, and whether it is dense."""
    inside = breast[part]
    return np.moveaxis(values[part], 1, -1)[inside], masks[part][inside] == 2


for name, values in {"grey level": images, "sparse features": maps}.items():
    classifier = LogisticRegression(max_iter=1000).fit(*pixels_of(values, few))
    rows, is_dense = pixels_of(values, unseen)
    area = roc_auc_score(is_dense, classifier.predict_proba(rows)[:, 1])
    print(f"{name:16} area under the curve {area:.3f}")

# %%
figure, axes = plt.subplots(1, 5, figsize=(7.5, 2), layout="constrained")
busiest = np.argsort(-maps[16, :12][:, breast[16]].std(axis=1))[:3]  # in the breast
shown = [images[16, 0], masks[16], *maps[16, busiest]]
titles = ["image", "fat and dense", *(f"feature {unit}" for unit in busiest)]
for axis, picture, title in zip(axes, shown, titles, strict=True):
    axis.imshow(picture, cmap="gray" if title == "image" else "viridis")
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()
