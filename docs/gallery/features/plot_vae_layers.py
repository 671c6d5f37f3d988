"""
Which layer, and is it better than PCA?
=======================================

A variational autoencoder has more than one layer to read features from. The layer is a
hyper-parameter like any other, and PCA is one more candidate of the same search, on the
same folds.
"""

from tempfile import mkdtemp

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# With ``memory=``, one network is trained for each fold, whatever is read from it.
vae = VAEFeatureExtractor(20, max_iter=12, random_state=0, n_threads=1, memory=mkdtemp())
pipeline = Pipeline(
    [
        ("features", vae),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
)
layers = ["hidden_1", "mean", ["hidden_1", "mean"]]
grid = [
    {"features": [vae], "features__layer": layers},
    {"features": [PCA(20), PCA(40)]},
]
search = GridSearchCV(pipeline, grid, cv=5).fit(X, y)

# %%
# Which layers there are, and their shapes:
for layer in vae.list_layers(X):
    print(f"{layer.name:16} {layer.shape}")

# %%
# Dots are folds. The differences are about as large as their spread: read such a figure as
# "no clear winner here", and let the search choose.
found = search.cv_results_
names = ["hidden_1", "mean", "hidden_1 + mean", "PCA (20)", "PCA (40)"]
figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for fold in range(5):
    axes.plot(found[f"split{fold}_test_score"], range(5), "o", color="#56b4e9", alpha=0.7)
axes.plot(
    found["mean_test_score"], range(5), "D", color="#0072b2", label="mean of five folds"
)
axes.set(yticks=range(5), yticklabels=names, xlabel="accuracy on held-out digits")
axes.invert_yaxis()
axes.legend(loc="lower left", fontsize=9)
plt.show()
