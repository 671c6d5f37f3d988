"""
Clean features from noisy images
================================

A :class:`~skvae.DenoisingAutoencoder` sees a corrupted input while it trains, and has to
return the clean one. Its features hardly move when noise is added.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skvae import Autoencoder, DenoisingAutoencoder

X = load_digits().data / 16
train, test = X[:1200], X[1200:]
options = {"max_iter": 30, "n_threads": 1, "random_state": 0}
denoiser = DenoisingAutoencoder(32, corruption_level=0.3, **options).fit(train)
plain = Autoencoder(32, **options).fit(train)

# %%
# The squared error of a pixel after noise of three strengths:
noise = np.random.default_rng(0).normal(size=test.shape)
levels = [0.1, 0.3, 0.5]
errors = {
    "noisy itself": [np.square(level * noise).mean() for level in levels],
    "autoencoder": [
        np.square(plain.reconstruct(test + level * noise) - test).mean() for level in levels
    ],
    "denoising": [
        np.square(denoiser.denoise(test + level * noise) - test).mean() for level in levels
    ],
}
for name, values in errors.items():
    print(f"{name:14}", " ".join(f"{value:.4f}" for value in values))

# %%
noisy = test + 0.3 * noise
shown = {
    "clean": test,
    "noise of 0.3": noisy,
    "autoencoder": plain.reconstruct(noisy),
    "denoising": denoiser.denoise(noisy),
}
figure, axes = plt.subplots(4, 1, figsize=(6.5, 3.4), layout="constrained")
for row, (name, found) in zip(axes, shown.items(), strict=True):
    row.imshow(np.hstack(found[:12].reshape(-1, 8, 8)), cmap="gray_r", vmin=0, vmax=1)
    row.set_ylabel(name, rotation=0, ha="right", va="center")
    row.set(xticks=[], yticks=[])
plt.show()
