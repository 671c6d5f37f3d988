"""
Several networks of one fit
===========================

Two networks that differ in their seed alone have other features, and scores that differ.
``n_networks`` trains several as one stack; their features stand side by side, or are
averaged once they are turned to those of the first.
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor

X, y = load_breast_cancer(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, train_size=120, random_state=0)
scaler = StandardScaler().fit(train)
train, test = scaler.transform(train), scaler.transform(test)


def vae(n_networks, seed=0, combine="concatenate", n_components=4):
    """Build the same VAE, of some networks."""
    return VAEFeatureExtractor(
        n_components,
        n_networks=n_networks,
        combine=combine,
        max_iter=60,
        learning_rate_init=3e-3,
        batch_size=60,
        n_threads=1,
        random_state=seed,
    )


# %%
# Five networks have five times four features: those of the second, from ``mean_4`` on,
# follow those of the first. Averaged, they have four again. ``combine`` is how a fit is
# read: it can be changed after ``fit``.
several = vae(5).fit(train)
print(several.transform(test).shape, several.get_feature_names_out()[[0, 4, 19]])
print(several.set_params(combine="average").transform(test).shape)

# %%
# Eight seeds of each, and a logistic regression behind. Side by side, five networks have
# more columns than one; so one of as many units stands beside them.
ways = {
    "one of 4 units": (1, "concatenate", 4),
    "one of 20 units": (1, "concatenate", 20),
    "5 of 4, side by side": (5, "concatenate", 4),
    "5 of 4, averaged": (5, "average", 4),
}
losses, errors, seconds = {}, {}, {}
for name, (n_networks, combine, size) in ways.items():
    begin = process_time()
    losses[name], errors[name] = [], []
    for seed in range(8):
        fitted = vae(n_networks, seed, combine, size).fit(train)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
        model.fit(fitted.transform(train), y_train)
        p = model.predict_proba(fitted.transform(test))
        losses[name].append(log_loss(y_test, p))
        errors[name].append(np.square(fitted.reconstruct(test) - test).mean())
    seconds[name] = (process_time() - begin) / 8

for name, values in losses.items():
    print(
        f"{name:20} log loss {np.mean(values):.3f} (seeds differ by {np.std(values):.3f}), "
        f"{seconds[name]:.1f} s a fit"
    )

# %%
# Each dot is a seed. Reconstructions of several networks are averaged in both ways.
figure, both = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained", sharey=True)
for axes, found, label in [
    (both[0], losses, "log loss on test rows"),
    (both[1], errors, "reconstruction error of test rows"),
]:
    for place, values in enumerate(found.values()):
        axes.plot(values, [place] * 8, "o", color="#56b4e9", alpha=0.7)
        axes.plot(np.mean(values), place, "D", color="#0072b2")
    axes.set_xlabel(label)
both[0].set(yticks=range(4), yticklabels=list(losses))
both[0].invert_yaxis()
plt.show()
