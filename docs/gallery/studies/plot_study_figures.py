"""
Figures of a study
==================

Each is a function of the result: how well patients are ranked, whether risks mean what they
say, whether acting on them does more good than harm, and who is called what.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae.study import (
    calibration_figure,
    confusion_figure,
    decision_curve_figure,
    nested_cv,
    roc_figure,
)

data = load_breast_cancer()
X, malignant = data.data[:200, :5], 1 - data.target[:200]
arms = {
    "pca": make_pipeline(StandardScaler(), PCA(1), LogisticRegression()),
    "all": make_pipeline(StandardScaler(), LogisticRegression()),
}
result = nested_cv(arms, X, malignant, outer=(5, 2), threshold="youden")

# %%
roc = roc_figure(result, n_bootstraps=200)

# %%
risks = calibration_figure(result, n_bootstraps=200)

# %%
benefit = decision_curve_figure(result)

# %%
called = confusion_figure(result)
