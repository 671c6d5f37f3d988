"""
Three ways back to full size
============================

A U-Net hands whole maps from encoder to decoder, a SegNet only the places of maxima, and a
network without either has to guess the edges.
"""

import matplotlib.pyplot as plt

from skvae import SegNetSegmenter, UNetSegmenter
from skvae.datasets import make_xrays

X, y = make_xrays(40, size=32, random_state=0, return_X_y=True)
options = {"width": 8, "max_iter": 25, "batch_size": 4, "learning_rate_init": 4e-3}
options |= {"n_threads": 1, "random_state": 0}
models = {
    "U-Net": UNetSegmenter(depth=2, **options),
    "U-Net, skip=None": UNetSegmenter(depth=2, skip=None, **options),
    "SegNet": SegNetSegmenter(depth=2, n_convolutions=2, **options),
}
for name, model in models.items():
    model.fit(X[:30], y[:30])
    weights = sum(p.numel() for p in model.network_.module.parameters())
    print(f"{name:17} Dice {model.score(X[30:], y[30:]):.3f}, {weights:,} weights")

# %%
figure, axes = plt.subplots(1, 5, figsize=(7.5, 1.9), layout="constrained")
axes[0].imshow(X[31, 0], cmap="gray")
axes[1].imshow(y[31], cmap="gray")
for axis, model in zip(axes[2:], models.values(), strict=True):
    axis.imshow(model.predict_proba(X[31:32])[0, 1], cmap="magma", vmin=0, vmax=1)
for axis, name in zip(axes, ["image", "lungs", *models], strict=True):
    axis.set_title(name, fontsize=9)
    axis.axis("off")
plt.show()
