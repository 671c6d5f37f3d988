"""
A latent unit of a table
========================

Of a table with 30 columns, a traversal shows those that a unit changes most, in the units
of the columns themselves: the scaler in front of the network is undone.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.inspection import LatentTraversalDisplay

table = load_breast_cancer(as_frame=True)
vae = VAEFeatureExtractor(4, max_iter=40, n_threads=1, random_state=0)
pipeline = make_pipeline(StandardScaler(), vae, LogisticRegression(max_iter=500))
pipeline = pipeline.fit(table.data, table.target)

# %%
# Displays take the fitted pipeline, and X as the pipeline takes it.
display = LatentTraversalDisplay.from_estimator(pipeline, table.data, unit=1, n_columns=10)
print(display.traversal.scale)
