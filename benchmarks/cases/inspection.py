"""What is asked of fitted estimators, and of their codes."""

from functools import partial

import numpy as np

import skvae
import skvae.inspection
from cases.samples import ATTRIBUTES, GROUPS, IMAGES, LACKING, ROWS, Y, make, one


def inspected():
    """Ask what fitted estimators have learned."""
    look = skvae.inspection
    few = {"n_permutations": 20, "n_bootstraps": 20}
    Z = ROWS[:, :4]
    for name in (
        "interpretability",
        "modularity",
        "mutual_information_gap",
        "separated_attribute_predictability",
        "spearman_correlation_score",
    ):
        yield name, one(getattr(look, name), Z, LACKING, average=False)
    for model in ("lasso", "forest"):
        dci = look.disentanglement_completeness_informativeness
        yield f"dci/{model}", one(dci, Z, ATTRIBUTES, model=model)
    yield "scores", one(look.disentanglement_scores, Z, ATTRIBUTES, groups=GROUPS, **few)
    for method in ("spearman", "pearson", "mutual_info", "auto"):
        for grouping in ("mean", "blocks", "within"):
            how = {"method": method, "grouping": grouping, "groups": GROUPS} | few
            name = f"correlation/{method}/{grouping}"
            yield name, one(lambda how=how: correlated(Z, LACKING, **how))
    yield "correlation/max_t", one(correlated, Z, LACKING, correction="max_t", **few)
    probe = partial(make, "AttriVAE", max_iter=2)
    given = {"y": Y, "attributes": LACKING, "groups": GROUPS, "cv": 2}
    yield "layer_probe", one(lambda: look.layer_probe(probe(), ROWS, **given).scores)
    yield "traversal", moved_units()


def correlated(Z, attributes, **how):
    """Return the table of all pairs."""
    return skvae.inspection.attribute_correlation(Z, attributes, **how).table()


def moved_units():
    """Yield what the decoder makes of codes, and where a fitted network looks."""
    look = skvae.inspection
    X, y, a = IMAGES, Y[:24], LACKING[:24]
    vae = make("AttriVAE", max_iter=6).fit(X, y, attributes=a)
    for name, how in {"unit": {"unit": 1}, "grid": {"unit": (0, 2)}}.items():
        yield name, lambda how=how: vars(look.latent_traversal(vae, X, n_steps=3, **how))
    yield "prior", lambda: vars(look.latent_traversal(vae, unit=3))
    yield "attribute", lambda: vars(look.latent_traversal(vae, X, attribute=0))
    yield "line", lambda: vars(look.latent_interpolation(vae, X[:2], n_steps=3))
    for method in ("hirescam", "gradcam"):
        yield (
            method,
            lambda method=method: look.attention_map(vae, X, unit=0, method=method),
        )
    yield "class", lambda: look.attention_map(vae, X, target_class=1, relu=False)
    yield "sample", lambda: vae.sample(2, attributes=a[:2], random_state=0)

    def measure(images):
        rows = images.reshape(len(images), -1)
        return np.column_stack([rows.mean(axis=1), rows.std(axis=1)])

    yield "loop", lambda: look.closed_loop(vae, X, measure, n_steps=5)
