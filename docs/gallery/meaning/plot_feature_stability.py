"""
Are features found again?
=========================

:func:`~skvae.inspection.feature_stability` trains a network again, by other seeds or on
other rows, and compares features on rows that neither has seen;
:class:`~skvae.StableFeatures` passes on only those that agree, within the fold.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import StableFeatures, VAEFeatureExtractor
from skvae.inspection import FeatureStabilityDisplay, feature_stability

X, y = load_breast_cancer(return_X_y=True)
X = X[:300]
vae = VAEFeatureExtractor(
    8,
    hidden_layer_sizes=(32,),
    max_iter=60,
    learning_rate_init=1e-2,
    batch_size=60,
    n_threads=1,
)
model = make_pipeline(StandardScaler(), vae)

# %%
# Codes of two networks are turned against each other, so the second is rotated to the first
# before they are compared. Beside them: as many principal components, random projections,
# and what shuffled rows would give.
options = {"n_repeats": 3, "layers": ["mean", "hidden_1"], "random_state": 0}
found = feature_stability(model, X, over="seed", **options)
display = FeatureStabilityDisplay.from_stability(found)

# %%
# **As directions, features are found again; one by one, they are less so.** ``"matching"``
# looks for the most similar unit instead of a rotation.
means = {}
for over in ("seed", "bootstrap"):
    for align in ("orthogonal", "matching"):
        one = feature_stability(model, X, over=over, align=align, **options)
        table = one.table().set_index("layer")
        means[over, align] = [table.loc[layer, "icc"] for layer in options["layers"]]
figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for (over, align), values in means.items():
    marker = "o" if align == "orthogonal" else "s"
    filled = "#0072b2" if over == "seed" else "white"
    axes.plot(
        values,
        [0, 1],
        marker,
        color="#0072b2",
        markerfacecolor=filled,
        markersize=8,
        label=f"other {'rows' if over == 'bootstrap' else 'seed'}, {align}",
    )
axes.set(yticks=[0, 1], yticklabels=options["layers"], ylim=(1.5, -0.5), xlim=(0, 1))
axes.set(xlabel="mean ICC of a feature on unseen rows")
axes.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
# A filter for the pipeline. Its threshold is on the ICC of the columns that it keeps; to be
# stable is not to be useful, so compare scores with and without it.
stable = StableFeatures(model, threshold=0.75, n_repeats=2, random_state=0).fit(X)
print(f"{stable.get_support().sum()} of 8 units are kept:", stable.get_feature_names_out())

order = np.argsort(-stable.stability_)
colours = np.where(stable.get_support()[order], "#0072b2", "#bbbbbb")
figure, axes = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
axes.bar([f"mean_{unit}" for unit in order], stable.stability_[order], color=colours)
axes.axhline(0.75, color="0.4", linestyle="--", linewidth=1)
axes.set(ylabel="ICC")
plt.show()
