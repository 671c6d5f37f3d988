"""
Dead units, and how to wake them
================================

Units of a sparse code that are never active get no gradient, and stay dead: columns of
zeros in your table. ``dead_units_`` counts them, and ``revival_weight`` wakes them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skvae import SparseAutoencoder

X = load_digits().data[:1000] / 16
options = {"sparsity": "topk", "k": 5, "max_iter": 25, "n_threads": 1, "random_state": 0}
fitted = {
    weight: SparseAutoencoder(200, revival_weight=weight, **options).fit(X)
    for weight in (0.0, 1e-3, 1e-1)
}

# %%
for weight, model in fitted.items():
    print(
        f"revival_weight={weight:<6} {model.dead_units_:3d} of 200 dead, "
        f"explained variance {model.explained_variance_:.3f}"
    )

# %%
# Each unit, ordered by how many of the digits activate it. Where a line ends, units are
# dead. A little revival is enough; much of it is in the way of the reconstruction.
figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
for (weight, model), colour in zip(
    fitted.items(), ["#d55e00", "#0072b2", "#009e73"], strict=True
):
    share = np.sort((model.transform(X) != 0).mean(axis=0))[::-1]
    share[share == 0] = np.nan
    axes.plot(share, color=colour, label=f"revival_weight={weight}")
axes.set(
    yscale="log", xlabel="unit, busiest first", ylabel="share of digits that activate it"
)
axes.legend(fontsize=9)
plt.show()
