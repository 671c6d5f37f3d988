"""
Does the picture follow the unit?
=================================

A correlation says that a unit follows an attribute. Whether the *decoded images* do, and
what else they change, is measured by a closed loop: move the unit, decode, measure again.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skvae import AttriVAE, VAEFeatureExtractor
from skvae.datasets import make_sprites
from skvae.inspection import closed_loop, disentanglement_scores

sprites = make_sprites(400, size=16, shapes=("ellipse",), as_frame=True, random_state=0)
names = ["scale", "position_x", "position_y"]
attributes = sprites.factors[names]


def measure(images):
    """Measure area and centre of decoded sprites."""
    ink = np.clip(images[:, 0], 0, None)
    area = ink.sum(axis=(1, 2))
    rows, columns = np.mgrid[: ink.shape[1], : ink.shape[2]]
    return pd.DataFrame(
        {
            "scale": np.sqrt(area),
            "position_x": (ink * columns).sum(axis=(1, 2)) / area,
            "position_y": (ink * rows).sum(axis=(1, 2)) / area,
        }
    )


options = {"channels": (8, 16), "max_iter": 30, "learning_rate_init": 4e-3}
options |= {"n_threads": 1, "random_state": 0}
with_term = AttriVAE(6, **options).fit(sprites.images, attributes=attributes)
without = VAEFeatureExtractor(6, **options).fit(sprites.images)

# %%
# The range of each attribute that its own unit covers, and the largest change of another
# one, as shares of what the data have:
loop = closed_loop(with_term, sprites.images, measure)
print(
    loop[["attribute", "spearman", "on_target", "off_target"]]
    .round(2)
    .to_string(index=False)
)

# %%
# Scores of disentanglement, on images that neither has seen, and what permuted attributes
# get:
unseen = make_sprites(300, size=16, shapes=("ellipse",), as_frame=True, random_state=1)
tables = {
    name: disentanglement_scores(
        model.transform(unseen.images),
        unseen.factors[names],
        n_permutations=30,
        n_bootstraps=30,
    ).query("attribute == '(mean)'")
    for name, model in {"AttriVAE": with_term, "VAE": without}.items()
}
figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
for (name, table), shift, colour in zip(
    tables.items(), (-0.12, 0.12), ("#0072b2", "#d55e00"), strict=True
):
    places = np.arange(len(table)) + shift
    spread = [table["value"] - table["low"], table["high"] - table["value"]]
    axes.errorbar(table["value"], places, xerr=spread, fmt="o", color=colour, label=name)
    axes.plot(table["chance_high"], places, "|", color=colour, markersize=12)
titles = [name.replace("_", " ") for name in tables["VAE"]["score"]]
axes.set(
    yticks=range(len(titles)), yticklabels=titles, xlabel="score (bar: 95 % of chance)"
)
axes.invert_yaxis()
axes.legend(fontsize=9)
plt.show()
