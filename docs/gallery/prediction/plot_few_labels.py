"""
Many images, few labels
=======================

:class:`~skvae.AutoencoderClassifier` learns an encoder from all digits, a head from the few
that have a label, and then both together. Whether that is worth it, the same network from
scratch tells.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit

from skvae import AutoencoderClassifier, DenoisingAutoencoder

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = X[:1200] / 16, X[1200:] / 16, y[:1200], y[1200:]
autoencoder = DenoisingAutoencoder(
    64, normalization="batch", max_iter=40, n_threads=1, random_state=0
)
frozen = FrozenEstimator(autoencoder.fit(X))  # one long pretraining serves many
options = {"n_threads": 1, "random_state": 0}
ways = {
    "from scratch": {"autoencoder": clone(autoencoder), "pretrain": False},
    "encoder frozen": {"autoencoder": frozen, "finetune_max_iter": 0, "head_max_iter": 50},
    "fine-tuned": {"autoencoder": frozen},
}

# %%
# In y, -1 stands for a label that is not known.
numbers, scores = [20, 50, 100, 200], {name: [] for name in ways}
for number in numbers:
    splits = StratifiedShuffleSplit(3, train_size=number, random_state=0).split(X, y)
    for known, _ in splits:
        some = np.full(len(y), -1)
        some[known] = y[known]
        for name, settings in ways.items():
            classifier = AutoencoderClassifier(**settings, **options).fit(X, some)
            scores[name].append(classifier.score(X_test, y_test))

# %%
figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
colours = ["#999999", "#56b4e9", "#0072b2"]
for (name, values), colour in zip(scores.items(), colours, strict=True):
    each = np.reshape(values, (len(numbers), 3))
    axes.plot(numbers, each.mean(axis=1), "o-", color=colour, label=name)
    axes.fill_between(numbers, each.min(axis=1), each.max(axis=1), color=colour, alpha=0.15)
axes.set(
    xscale="log", xticks=numbers, xticklabels=numbers, xlabel="labels", ylabel="accuracy"
)
axes.minorticks_off()
axes.legend(fontsize=9)
plt.show()
