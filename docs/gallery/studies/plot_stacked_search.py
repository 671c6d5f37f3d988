"""
A search that trains its networks side by side
==============================================

:class:`~skvae.search.StackedGridSearchCV` has the results of scikit-learn's search, to the
last bit, in a part of its time: the small networks of all folds and candidates are trained
as one.
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.search import StackedGridSearchCV

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:160], y[:160]
vae = VAEFeatureExtractor(
    4, hidden_layer_sizes=(64, 32), max_iter=15, random_state=0, n_threads=1
)
pipeline = make_pipeline(StandardScaler(), vae, LogisticRegression(max_iter=1000))
grid = {"vaefeatureextractor__beta": [0.1, 0.5, 1.0], "logisticregression__C": [0.1, 1.0]}

# %%
seconds, searches = {}, {}
for kind in (GridSearchCV, StackedGridSearchCV):
    begin = process_time()
    searches[kind.__name__] = kind(pipeline, grid, cv=5).fit(X, y)
    seconds[kind.__name__] = process_time() - begin
plain, stacked = searches.values()
same = plain.cv_results_["mean_test_score"] == stacked.cv_results_["mean_test_score"]
print(f"{stacked.n_trained_} networks; the same scores: {same.all()}")

# %%
figure, axes = plt.subplots(figsize=(6.5, 1.7), layout="constrained")
axes.barh(list(seconds), list(seconds.values()), color=["#999999", "#0072b2"])
axes.set(xlabel="CPU seconds here")
axes.invert_yaxis()
plt.show()

# %%
# ``C`` needs no networks of its own; ``beta`` does.
scores = np.reshape(stacked.cv_results_["mean_test_score"], (2, 3))
figure, axes = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for values, weight, marker in zip(scores, grid["logisticregression__C"], "os", strict=True):
    axes.plot(range(3), values, marker, label=f"C={weight}")
axes.set(xticks=range(3), xticklabels=grid["vaefeatureextractor__beta"], xlabel="beta")
axes.set(ylabel="accuracy")
axes.legend(fontsize=9)
plt.show()
