"""
Any layer of any network
========================

:class:`~skvae.LayerExtractor` reads layers of networks that are not of this package, as
columns of a pipeline. It trains nothing and computes no further than the layer asked for.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import LayerExtractor

X, y = load_digits(return_X_y=True)
X, y = X[:500] / 16, y[:500]


def network():
    """Build a small network; yours comes with weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
    )


# %%
# ``in_place`` says that the network overwrites what the layer has returned: a hook would
# read the rectified values under the name of the batch norm.
extractor = LayerExtractor(network, layer="1", image_shape=(1, 8, 8), random_state=0)
for row in extractor.list_layers(X):
    print(f"{row.name:4} {row.type:12} {row.shape!s:12} overwritten: {row.in_place}")

# %%
# A function keeps pickles small and is built anew for each clone. Even random filters know
# something of digits; how they are pooled matters as much as the layer.
scores = {}
for layer in ["0", "2", "4", "6"]:
    for pool in ["avg", "avg+max", None]:
        candidate = make_pipeline(
            extractor.set_params(layer=layer, pool=pool),
            StandardScaler(),
            LogisticRegression(max_iter=500),
        )
        scores[layer, pool] = cross_val_score(candidate, X, y, cv=3).mean()

figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
for pool, marker in [("avg", "o"), ("avg+max", "s"), (None, "D")]:
    values = [scores[layer, pool] for layer in ["0", "2", "4", "6"]]
    axes.plot(values, marker, label=f"pool={pool!r}")
axes.set(
    xticks=range(4), xticklabels=["0", "2", "4", "6"], xlabel="layer", ylabel="accuracy"
)
axes.legend(fontsize=9)
plt.show()
