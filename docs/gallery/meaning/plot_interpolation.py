"""
From a zero to a six
====================

Codes on the straight line between two digits, decoded, between the two digits themselves.
Each code is a picture that the decoder finds plausible, not a picture of something that
exists.
"""

from sklearn.datasets import load_digits

from skvae import VAEFeatureExtractor
from skvae.inspection import LatentTraversalDisplay, latent_interpolation

digits = load_digits()
X = digits.data / 16
options = {
    "channels": (8, 16),
    "image_shape": (1, 8, 8),
    "learning_rate_init": 3e-3,
    "max_iter": 15,
    "n_threads": 1,
    "random_state": 0,
}
vae = VAEFeatureExtractor(8, **options).fit(X)

# %%
line = latent_interpolation(vae, X[[0, 6]], n_steps=9)
print(line)
display = LatentTraversalDisplay(line).plot()

# %%
# Of a code of two units, a grid shows all that it can say: a map of digits, of which some
# blur into one another. With ``beta=1``, one of the units would tell nothing here.
small = VAEFeatureExtractor(2, beta=0.2, **options).fit(X)
grid = LatentTraversalDisplay.from_estimator(small, X, unit=(0, 1), n_steps=9)
