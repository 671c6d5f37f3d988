"""
What a reconstruction tells, and what not
=========================================

Errors of reconstruction find what looks different, here stained digits. They are no measure
of disease: whatever the network can draw, however strange, has a small error.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from skvae import VAEFeatureExtractor

digits = load_digits()
images = digits.images[:, None] / 16
train, test = images[:1200], images[1200:]
vae = VAEFeatureExtractor(
    8, channels=(8, 16), learning_rate_init=3e-3, max_iter=20, n_threads=1, random_state=0
).fit(train)

# %%
# A dark square of two by two pixels is put somewhere on every other held-out digit.
rng = np.random.default_rng(0)
stained, is_stained = test.copy(), np.arange(len(test)) % 2 == 1
for image in stained[is_stained]:
    row, column = rng.integers(0, 7, 2)
    image[0, row : row + 2, column : column + 2] = 1

# %%
# ``score_samples`` is the lower bound of the log-density, in nats: stained digits have
# less.
bound = vae.score_samples(stained)
print(f"area under the curve, lower bound: {roc_auc_score(is_stained, -bound):.3f}")
error = np.square(vae.reconstruct(stained) - stained).sum(axis=(1, 2, 3))
print(f"area under the curve, squared error: {roc_auc_score(is_stained, error):.3f}")

# %%
shown = np.flatnonzero(is_stained)[:10]
decoded = vae.reconstruct(stained[shown])
tiles = {
    "with a stain": stained[shown, 0],
    "reconstruction": decoded[:, 0],
    "error": np.abs(decoded - stained[shown])[:, 0],
}
figure, axes = plt.subplots(3, 1, figsize=(6.5, 2.8), layout="constrained")
for row, (name, found) in zip(axes, tiles.items(), strict=True):
    row.imshow(
        np.hstack(found), cmap="gray_r" if name != "error" else "magma", vmin=0, vmax=1
    )
    row.set_ylabel(name, rotation=0, ha="right", va="center")
    row.set(xticks=[], yticks=[])
plt.show()
