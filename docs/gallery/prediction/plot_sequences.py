"""
Sequences of images, and the frames that decide
===============================================

A GRU over the codes of frames tells the speed of a moving blob, from sequences of unequal
length; a classifier with attention says which frames it looked at.
"""

import matplotlib.pyplot as plt
import numpy as np

from skvae import Autoencoder, SequenceClassifier, SequenceRegressor
from skvae.datasets import make_moving_blobs

X, speed = make_moving_blobs(200, n_frames=(5, 8), size=12, random_state=0, return_X_y=True)
train, test = slice(0, 150), slice(150, 200)
frames = Autoencoder(8, channels=(8, 16), max_iter=10)
options = {"autoencoder": frames, "finetune_max_iter": 8, "n_threads": 1, "random_state": 0}
regressor = SequenceRegressor(head_max_iter=60, **options).fit(X[train], speed[train])
print(f"R² of the speed: {regressor.score(X[test], speed[test]):.2f}")

# %%
fast = speed > np.median(speed)
classifier = SequenceClassifier(pool_time="attention", head_max_iter=60, **options)
classifier = classifier.fit(X[train], fast[train])
print(f"accuracy, fast or slow: {classifier.score(X[test], fast[test]):.2f}")
weights = classifier.set_params(layer="attention").transform(X[test])

# %%
figure, axes = plt.subplots(3, 1, figsize=(6.5, 3.6), layout="constrained")
for row, axis in enumerate(axes):
    sequence = X[150 + row]
    axis.imshow(np.hstack(sequence[:, 0]), cmap="gray")
    centres = 12 * np.arange(len(sequence)) + 5.5
    labels = [f"{weight:.2f}" for weight in weights[row, : len(sequence)]]
    axis.set(xticks=centres, xticklabels=labels, yticks=[])
    axis.set_title(f"speed {speed[150 + row]:.2f}; below: weight of the frame", fontsize=9)
plt.show()
