"""Kinds that label each pixel, and what is done with masks."""

from functools import partial

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skvae
import skvae.datasets
import skvae.inspection
from cases.composites import network
from cases.samples import (
    GROUPS,
    ROWS,
    VOLUMES,
    WEIGHTS,
    Y,
    fit,
    fitted_before,
    make,
    one,
)


def segmenters():
    """Fit what labels each pixel."""
    mammograms = skvae.datasets.make_mammograms(8, size=32, random_state=0)
    X, y = mammograms.images, mammograms.masks.astype(int)
    part = np.where(X[:, 0] > np.quantile(X, 0.9), -1, y)
    both = np.stack([y > 0, y == 2], axis=1)
    unequal = [x[:, i:] for i, x in enumerate(X)], [m[i:] for i, m in enumerate(y)]
    ways = {
        "plain": (X, y, {}),
        "part": (X, part, {"loss": "dice", "normalization": "instance"}),
        "overlapping": (X, both, {"loss": "cross_entropy"}),
        "unequal": (*unequal, {}),
        "patches": (X, part, {"patch_size": 8, "overlap": 0.25, "augment": True}),
        "stopped": (X, y, {"early_stopping": True, "validation_fraction": 0.3}),
        "flat": (
            X.reshape(8, -1),
            y.reshape(8, -1),
            {"image_shape": (1, 32, 32), "pool": "max"},
        ),
        "volumes": (VOLUMES[:6], (VOLUMES[:6, 0] > 0.5).astype(int), {}),
        "rows": (ROWS, Y[:, None], {}),
    }
    weights = {"sample_weight": WEIGHTS[:8], "groups": GROUPS[:8]}
    for kind in ("SegNetSegmenter", "UNetSegmenter"):
        for name, (images, masks, own) in ways.items():
            columns = weights if len(images) == 8 else None
            yield f"{kind}/{name}", fit(kind, images, masks, columns=columns, **own)
    before = partial(fitted_before, "Autoencoder", X, channels=(4, 8))
    for name, own in {
        "borrowed": {"encoder_weights": before, "freeze": "encoder"},
        "add": {"skip": "add", "up": "resize"},
        "unpool": {"skip": None, "up": "unpool"},
        "stride": {"first_stride": 2, "n_convolutions": (1, 1, 2)},
    }.items():
        yield f"UNetSegmenter/{name}", fit("UNetSegmenter", X, y, **own)
    yield from pixels(X, y, part, unequal)


def pixels(X, y, part, unequal):
    """Fit what classifies pixels by features of another."""
    small = partial(make, "ConvolutionalSparseAutoencoder", max_iter=2)
    kind, own = "PixelClassifier", {"features": small, "n_pixels": 500}
    before = partial(fitted_before, "ConvolutionalSparseAutoencoder", X)
    yield f"{kind}/plain", fit(kind, X, y, **own)
    yield f"{kind}/unequal", fit(kind, *unequal, **own)
    windows = {"window_size": 8, "window_margin": 4}
    yield f"{kind}/windows", fit(kind, X, part, **own, **windows)
    yield f"{kind}/given", fit(kind, X, part, features=before, n_pixels=300)
    yield (
        f"{kind}/pca",
        fit(kind, X, y, classifier=make_pipeline(PCA(3), LogisticRegression())),
    )


def cascades():
    """Fit two segmenters, one in the crop of the other."""
    lungs = skvae.datasets.make_infected_lungs(8, size=32, random_state=0)
    X, y, kind = lungs.images, lungs.masks.astype(int), "CascadeSegmenter"
    stage = partial(make, "UNetSegmenter", max_iter=4, learning_rate_init=0.02)
    small = {"stage1": stage, "stage2": stage, "cv": 2, "margin": 2}
    before = partial(fitted_before, "UNetSegmenter", X, y > 0, max_iter=4)
    fields = np.empty(y.shape, dtype=[("organ", int), ("lesion", int)])
    fields["organ"], fields["lesion"] = y > 0, y == 2
    for name, (masks, own) in {
        "folds": (y, {}),
        "truth": (y, {"stage1_for_training": "truth", "size": 12}),
        "insample": (y, {"stage1_for_training": "insample", "mask_input": True}),
        "given": (np.where(X[:, 0] > 0.9, -1, y), {"stage1": before}),
        "fields": (fields, {}),
        "organ": ((y > 0).astype(int), {}),
    }.items():
        columns = {"groups": GROUPS[:8]}
        yield f"{kind}/{name}", fit(kind, X, masks, columns=columns, **small | own)


def masks():
    """Compare, fold and quantify masks, and move weights."""
    lungs = skvae.datasets.make_infected_lungs(8, size=32, random_state=0)
    X, y = lungs.images, lungs.masks.astype(int)
    unet = partial(make, "UNetSegmenter")
    yield "dice_scores", one(skvae.dice_scores, y, y[::-1])
    yield "involvement", one(skvae.involvement, y)
    folds = skvae.MaskStratifiedKFold(3, shuffle=True, random_state=0)
    yield "MaskStratifiedKFold", one(lambda: list(folds.split(X, y, GROUPS[:8])))
    yield (
        "cross_val_predict_masks",
        one(lambda: skvae.cross_val_predict_masks(unet(), X, y, groups=GROUPS[:8], cv=2)),
    )
    yield "segmentation_table", one(skvae.inspection.segmentation_table, y, y[::-1])

    def moved():
        source, target = unet().fit(X, y), network()
        return skvae.transfer_weights(target, source, strict="none").counts

    yield "transfer_weights", one(moved)
    source = partial(fitted_before, "UNetSegmenter", X, y, random_state=1)
    yield "transfer_weights/unet", fit("UNetSegmenter", X, y, encoder_weights=source)
