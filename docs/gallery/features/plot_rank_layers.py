"""
Layers ranked without labels
============================

:func:`~skvae.inspection.rank_layers` orders the layers of a network by how many directions
their features take, and says which of them are nearly the same. It takes one fit and no
labels; here, labels tell afterwards how good a guide it was.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.inspection import rank_layers

X, y = load_digits(return_X_y=True)
X, y = X[:800] / 16, y[:800]
vae = VAEFeatureExtractor(
    8, hidden_layer_sizes=(64, 32), max_iter=40, n_threads=1, random_state=0
).fit(X)

# %%
# ``n_layers=None`` chooses all layers that are not alike: a layer is left out if its linear
# CKA with one that was chosen before is above ``max_cka``.
layers = [row.name for row in vae.list_layers(X) if row.name != "z"]  # reads as the mean
ranking = rank_layers(vae, X, layers=layers, n_layers=None)
print(ranking.table().round(2).to_string(index=False))
print("all that are not alike:", ranking.chosen)

# %%
# What labels say of the same layers, cross-validated:
scores = {}
for layer in layers:
    Z = vae.set_params(layer=layer).transform(X)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores[layer] = cross_val_score(model, Z, y, cv=5).mean()

figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
for row in ranking.table().itertuples():
    colour = "#0072b2" if row.chosen else "#999999"
    axes.plot(row.effective_rank, scores[row.layer], "o", color=colour)
    axes.annotate(
        f"{row.layer} ({row.n_features})",
        (row.effective_rank, scores[row.layer]),
        xytext=(6, 4),
        textcoords="offset points",
        fontsize=9,
        color=colour,
    )
axes.set(xlabel="effective rank, without labels", ylabel="accuracy, with labels")
axes.margins(x=0.25, y=0.2)
plt.show()

# %%
# A guide, and no oracle: on four tables and X-rays the first layer was as good as the one
# that a search by labels found (:doc:`which layer? </which-layer>`).
