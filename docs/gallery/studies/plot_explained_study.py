"""
What the arms of a study have learned
=====================================

``nested_cv(..., explain=True)`` looks at each fitted pipeline, on its held-out rows, before
it is thrown away: losses, which blocks of columns the score hangs on, and reconstructions.
"""

from sklearn.datasets import load_breast_cancer

from skvae.study import (
    default_arms,
    importance_figure,
    loss_figure,
    nested_cv,
    reconstruction_figure,
)

data = load_breast_cancer(as_frame=True)
X, malignant = data.data.iloc[:200], 1 - data.target[:200]
arms = default_arms(X, ["pca", "vae"], n_components=4)
result = nested_cv(arms, X, malignant, outer=(3, 1), inner=2, explain=True)
print(result.units.groupby("arm")[["n_units", "n_active"]].mean())

# %%
# By how much the score falls when a block of columns that go together is exchanged between
# patients:
importance = importance_figure(result)

# %%
losses = loss_figure(result)

# %%
columns = reconstruction_figure(result, "vae")
