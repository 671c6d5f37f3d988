"""
Breast density from few labelled pixels
=======================================

:class:`~skvae.PixelClassifier` learns features of pixels from all images, and a logistic
regression from a few thousand labelled ones. Half of the images here have no mask at all.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skvae import ConvolutionalSparseAutoencoder, PixelClassifier
from skvae.datasets import make_mammograms

mammograms = make_mammograms(36, random_state=0)
X, y = mammograms.images, mammograms.masks.astype(int)  # 0 background, 1 fat, 2 dense
y[0:24:2] = -1  # these have no mask
pixels = PixelClassifier(
    features=ConvolutionalSparseAutoencoder(12, max_iter=12, n_threads=1),
    classifier=LogisticRegression(class_weight="balanced", max_iter=1000),
    random_state=0,
)
pixels = pixels.fit(X[:24], y[:24])
density = pixels.density(X[24:], dense_label=2)
true = mammograms.density[24:]
print(f"correlation with the true density: {np.corrcoef(density, true)[0, 1]:.3f}")

# %%
figure = plt.figure(figsize=(7.5, 2.6), layout="constrained")
grid = figure.add_gridspec(1, 4)
probability = pixels.predict_proba(X[24:25])[0]
pictures = {"image": X[24, 0], "masks": y[24], "probability of dense": probability[2]}
for place, (title, picture) in enumerate(pictures.items()):
    axes = figure.add_subplot(grid[place])
    axes.imshow(picture, cmap="gray" if title == "image" else "viridis")
    axes.set_title(title, fontsize=9)
    axes.axis("off")
axes = figure.add_subplot(grid[3])
axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
axes.plot(true, density, "o", color="#0072b2")
axes.set(xlabel="true density", ylabel="found", aspect="equal")
plt.show()
