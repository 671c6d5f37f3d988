"""What each kind takes, and how it refuses what it does not."""

import inspect

import numpy as np
from sklearn.base import BaseEstimator

import skvae
from cases.samples import IMAGES, ROWS, Y, fit, make, one


def refusals():
    """Ask every kind for what it cannot do; the message is the result."""
    broken = {
        "nan": (np.where(ROWS > 0.9, np.nan, ROWS), {}),
        "strings": (ROWS.astype(str), {}),
        "single": (ROWS[0], {}),
        "axes": (IMAGES[:, 0], {}),
        "layer": (IMAGES, {"layer": "none"}),
        "pool": (IMAGES, {"pool": "none"}),
        "device": (ROWS, {"device": "abacus"}),
        "size": (ROWS, {"n_components": 0, "width": 0, "hidden_size": 0, "n_pixels": 0}),
        "shape": (ROWS, {"image_shape": (1, 5, 5)}),
        "normalization": (ROWS, {"normalization": "none"}),
    }
    for kind in kinds():
        for name, (X, wrong) in broken.items():
            known = inspect.signature(getattr(skvae, kind)).parameters
            asked, wrong = wrong, {k: v for k, v in wrong.items() if k in known}
            if asked and not wrong:
                continue
            masked = "ignore_label" in known
            y = np.resize(Y, X[:, 0].shape) if masked and X.ndim > 1 else Y[: len(X)]
            yield f"{kind}/refused/{name}", fit(kind, X, y, **wrong)
        yield f"{kind}/unfitted", one(lambda kind=kind: make(kind).transform(ROWS))
        yield f"{kind}/parameters", one(parameters, kind)


def kinds():
    """Return the names of all public estimators."""
    public = {name: getattr(skvae, name) for name in skvae.__all__}
    classes = {name: kind for name, kind in public.items() if inspect.isclass(kind)}
    return [name for name, kind in classes.items() if issubclass(kind, BaseEstimator)]


def parameters(kind):
    """Return names and defaults in the order of the signature, and other public names."""
    kind = getattr(skvae, kind)
    signature = inspect.signature(kind).parameters.values()
    defaults = [(each.name, str(each.kind), repr(each.default)) for each in signature]
    return defaults, sorted(n for n in dir(kind) if not n.startswith("_")), repr(kind())
