"""
Wide codes, few active units
============================

A :class:`~skvae.SparseAutoencoder` may have more units than X has columns, since few of
them are active at a time. Five ways keep it so; what they cost is the variance that is not
explained.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skvae import SparseAutoencoder

X = load_digits().data[:1000] / 16
settings = {
    "kl": {"sparsity_target": 0.1},
    "l1": {"sparsity_weight": 0.05},
    "topk": {"k": 10},
    "batch_topk": {"k": 10},
    "jumprelu": {"k": 10},
}
fitted = {}
for sparsity, options in settings.items():
    model = SparseAutoencoder(
        100, sparsity=sparsity, **options, max_iter=20, n_threads=1, random_state=0
    )
    fitted[sparsity] = model.fit(X)

# %%
for sparsity, model in fitted.items():
    print(
        f"{sparsity:11} {model.l0_:5.1f} of 100 units active, "
        f"{model.dead_units_:3d} never, {model.explained_variance_:.3f} of the variance"
    )

# %%
# What the twelve busiest units of the top-k code add to a digit: strokes, where principal
# components would be whole digits with signs.
topk = fitted["topk"]
busiest = np.argsort(-topk.mean_activation_)[:12]
base = topk.inverse_transform(np.zeros((1, 100), np.float32))
units = np.zeros((12, 100), np.float32)
units[np.arange(12), busiest] = 1
strokes = (topk.inverse_transform(units) - base).reshape(-1, 8, 8)
limit = np.abs(strokes).max()
figure, axes = plt.subplots(2, 6, figsize=(6.5, 2.5), layout="constrained")
for axis, unit, stroke in zip(axes.flat, busiest, strokes, strict=True):
    axis.imshow(stroke, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_title(f"unit {unit}", fontsize=9)
    axis.axis("off")
plt.show()
