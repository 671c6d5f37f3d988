"""
Latent units that fall silent
=============================

The divergence of a VAE can win over the reconstruction: the posterior collapses, all
features are constant, and a warning says so. ``beta``, ``kl_warmup`` and ``free_bits``
decide.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skvae import VAEFeatureExtractor
from skvae.exceptions import PosteriorCollapseWarning

X = load_digits().data[:900] / 16
settings = {
    "beta=0.5": {"beta": 0.5},
    "beta=1": {},
    "beta=3": {"beta": 3.0},
    "beta=3, kl_warmup=0.5": {"beta": 3.0, "kl_warmup": 0.5},
    "beta=3, free_bits=0.2": {"beta": 3.0, "free_bits": 0.2},
    "beta=60": {"beta": 60.0},
}
fitted = {}
for name, options in settings.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PosteriorCollapseWarning)
        vae = VAEFeatureExtractor(10, max_iter=20, n_threads=1, random_state=0, **options)
        fitted[name] = vae.fit(X)
    said = [str(warned.message).split(":")[0] for warned in caught]
    print(f"{name:24} {vae.active_units_:2d} of 10 active  {' '.join(said)}")

# %%
# Nats that each unit tells of a digit, the most telling first:
figure, axes = plt.subplots(figsize=(7.5, 3), layout="constrained")
for name, vae in fitted.items():
    axes.plot(sorted(vae.kl_per_component_, reverse=True), "o-", label=name, markersize=4)
axes.set(xlabel="latent unit", ylabel="divergence from the prior (nats)")
axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
