"""Where in an image the evidence for a unit, an attribute or a class lies."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skvae.estimators.inputs import check_rows
from skvae.inspection.attention_target import Target, find_target
from skvae.inspection.cells_to_pixels import cells_are_centred, to_pixels
from skvae.inspection.network_step import find_network
from skvae.inspection.units import shapes_of


def hirescam(activation: Tensor, gradient: Tensor) -> Tensor:
    """sum_k (dy/dA_k) A_k, position by position.

    Draelos & Carin (2020), Use HiResCAM instead of Grad-CAM for faithful explanations of
    convolutional neural networks, section 3.2. The sum of the map over all positions is y
    without its bias, if y is linear in A.
    """
    return (gradient * activation).sum(dim=1)


def gradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """sum_k w_k A_k, where the weight w_k is the mean of dy/dA_k over all positions.

    Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via
    gradient-based localization, eq. 1 and 2.
    """
    weight = gradient.flatten(2).mean(dim=2)
    return torch.einsum("nk,nk...->n...", weight, activation)


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hirescam": hirescam,
    "gradcam": gradcam,
}


def attention_map(
    estimator: Any,
    X: Any,
    *,
    unit: int | None = None,
    attribute: str | int | None = None,
    target_class: Any = None,
    method: str = "hirescam",
    stage: str | None = None,
    relu: bool = True,
) -> np.ndarray:
    """Show where in each image the evidence for a unit, attribute or class lies.

    The map of a convolutional stage is computed from the deterministic code (never
    sampled), so it is the same each time, and brought to the size of the image.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder or predictor of images, or a fitted pipeline or search with
        one among its steps.
    X : array-like of shape (n_samples, channels, *spatial)
        Images, or whatever the pipeline takes; or the same as rows, if `fit` got an
        ``image_shape``.
    unit : int, default=None
        The unit of the code to explain.
    attribute : str or int, default=None
        Instead, the attribute whose unit to explain, by its name or number.
    target_class : object, default=None
        Instead, the class whose logit to explain; of a pipeline that ends in a linear
        model behind an encoder, the class whose linear score. Where that is a regression,
        its prediction is explained if nothing else is asked for.
    method : {"hirescam", "gradcam"}, default="hirescam"
        HiResCAM multiplies gradient and activation position by position. Grad-CAM first
        averages the gradient over the image, and so highlights places that the network
        did not use when, as here, what follows depends on the position.
    stage : str, default=None
        A convolutional stage, such as ``conv_1``; by default the last one before the
        code. An earlier one is finer.
    relu : bool, default=True
        Whether to show the evidence in favour alone; else what speaks against is
        negative.

    Returns
    -------
    maps : ndarray of shape (n_samples, *spatial), float32
        In units of what is explained per cell of the stage, interpolated linearly
        between the places that the cells look at.

    Raises
    ------
    ValueError
        If the estimator has no feature maps or no such target, the target does not
        depend on the stage, or what stands behind an encoder has no linear score.

    See Also
    --------
    AttentionMapDisplay.from_estimator : Maps over their images.
    attribute_correlation : Whether a unit knows its attribute at all.

    Notes
    -----
    The map of an attribute is that of its unit. Where the unit does not follow the
    attribute on images that training has not seen, its map says nothing of the attribute.

    A linear score is w·f(x), where f are the features that the encoder hands on and w is
    constant: the steps behind it, such as a scaler and the model, are affine maps of f, and
    are refused where they are not. The gradient goes through all layers that f is read
    from.

    References
    ----------
    Draelos, R. L. & Carin, L. (2020). Use HiResCAM instead of Grad-CAM for faithful
    explanations of convolutional neural networks. arXiv:2011.08891.

    Selvaraju, R. R. et al. (2017). Grad-CAM: visual explanations from deep networks via
    gradient-based localization. ICCV.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import attention_map
    >>> X = make_sprites(40, size=16, random_state=0).images
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0).fit(X)
    >>> maps = attention_map(model, X[:3], unit=2)
    >>> maps.shape, bool(maps.min() >= 0)
    ((3, 16, 16), True)
    """
    asked = {"unit": unit, "attribute": attribute, "target_class": target_class}
    return explained(estimator, X, asked, method, stage, relu=relu).maps


class Explained(NamedTuple):
    """Maps, what they explain, the stage they are read from, and the network's images."""

    maps: np.ndarray
    name: str
    stage: str
    images: np.ndarray


def explained(
    estimator: Any,
    X: Any,
    asked: dict[str, Any],
    method: str,
    stage: str | None,
    *,
    relu: bool,
) -> Explained:
    """Return the maps of `attention_map`, and what a figure says of them."""
    found = find_network(estimator)
    shapes_of(found.estimator)
    if method not in METHODS:
        raise ValueError(
            f"Got method={method!r}, but expected one of {', '.join(METHODS)}."
        )
    given = found.given(X)
    target = find_target(found, given, **asked)
    stage = _find_stage(found.estimator, target, stage)
    network = found.estimator.network_
    spatial, centred = network.sample_shape[1:], cells_are_centred(network.module)

    def explain(rows: Tensor) -> Tensor:
        trace = network.module.read(rows.requires_grad_(), [stage, *target.layers])
        score = target.of(trace).sum()
        (gradient,) = torch.autograd.grad(score, trace[stage], allow_unused=True)
        if gradient is None:
            named = ", ".join(map(repr, target.layers))
            raise ValueError(
                f"Got stage={stage!r}, but {named} does not depend on it; "
                "expected a stage before it."
            )
        maps = METHODS[method](trace[stage].detach(), gradient)
        maps = maps.relu() if relu else maps
        return to_pixels(maps, spatial, centred)

    x = check_rows(found.estimator, given, reset=False)
    maps = network.apply(explain, x, found.estimator.n_threads, with_gradients=True)
    return Explained(maps, target.name, stage, np.asarray(x))


def _find_stage(estimator: Any, target: Target, stage: str | None) -> str:
    """Return the stage to explain by, by default the last map before the code."""
    shapes = shapes_of(estimator)
    maps = [name for name, shape in shapes.items() if len(shape) > 1]
    name = type(estimator).__name__
    if not maps:
        raise ValueError(
            f"Got {name} as estimator, which was fitted on rows, but attention maps need "
            "images, and a network with feature maps."
        )
    if stage is not None:
        if stage not in maps:
            raise ValueError(
                f"Got stage={stage!r}, but {name} has the feature maps {', '.join(maps)}."
            )
        return stage
    codes = getattr(estimator.network_.module, "codes", ())
    order = list(shapes)
    # Several layers are read as far as the last of them, which may be a map itself.
    last = max(order.index(name) for name in target.layers)
    end = min([last + 1, *(order.index(name) for name in codes)])
    return [name for name in maps if order.index(name) < end][-1]
