"""
How many units does an image need?
==================================

An :class:`~skvae.Autoencoder` of images, beside as many principal components:
reconstructions of digits that neither has seen.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import Autoencoder

images = load_digits().images[:, None] / 16
train, test = images[:1200], images[1200:]
rows = train.reshape(len(train), -1)

# %%
# Images come as ``(n_samples, channels, height, width)``. The network takes three sizes of
# code.
sizes = [2, 4, 8]
decoded = {}
for size in sizes:
    model = Autoencoder(
        size,
        channels=(8, 16),
        hidden_layer_sizes=(64,),
        learning_rate_init=3e-3,
        max_iter=20,
        n_threads=1,
        random_state=0,
    ).fit(train)
    pca = PCA(size).fit(rows)
    flat = test.reshape(len(test), -1)
    decoded[f"autoencoder, {size}"] = model.reconstruct(test)
    decoded[f"PCA, {size}"] = pca.inverse_transform(pca.transform(flat)).reshape(test.shape)

# %%
# The squared error of a pixel on the held-out digits:
for name, found in decoded.items():
    print(f"{name:16} {np.square(found - test).mean():.4f}")

# %%
# With two units, the network draws a digit where two components blur all of them together.
# The more units, the less the two differ.
figure, axes = plt.subplots(7, 1, figsize=(6.5, 5.6), layout="constrained")
for row, (name, found) in zip(axes, [("held out", test), *decoded.items()], strict=True):
    row.imshow(np.hstack(found[:12, 0]), cmap="gray_r", vmin=0, vmax=1)
    row.set_ylabel(name, rotation=0, ha="right", va="center")
    row.set(xticks=[], yticks=[])
plt.show()
