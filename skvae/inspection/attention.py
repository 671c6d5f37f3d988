"""Where in an image the evidence for a unit, an attribute or a class lies."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skvae.estimators.inputs import check_rows
from skvae.inspection.cells_to_pixels import cells_are_centred, to_pixels
from skvae.inspection.units import code_layer, find_unit, shapes_of


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


class Target(NamedTuple):
    """A number of a network to explain: the stage it is a column of, and its sign."""

    stage: str
    column: int
    sign: int = 1


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
        A fitted autoencoder of images.
    X : array-like of shape (n_samples, channels, *spatial)
        Images; or the same as rows, if `fit` got an ``image_shape``.
    unit : int, default=None
        The unit of the code to explain.
    attribute : str or int, default=None
        Instead, the attribute whose unit to explain, by its name or number.
    target_class : object, default=None
        Instead, the class whose logit to explain.
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
        If the estimator has no feature maps or no such target, or the target does not
        depend on the stage.

    See Also
    --------
    AttentionMapDisplay.from_estimator : Maps over their images.
    attribute_correlation : Whether a unit knows its attribute at all.

    Notes
    -----
    The map of an attribute is that of its unit. Where the unit does not follow the
    attribute on images that training has not seen, its map says nothing of the attribute.

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
    shapes_of(estimator)
    if method not in METHODS:
        raise ValueError(
            f"Got method={method!r}, but expected one of {', '.join(METHODS)}."
        )
    target = _find_target(estimator, unit, attribute, target_class)
    stage = _find_stage(estimator, target, stage)
    network = estimator.network_
    spatial, centred = network.sample_shape[1:], cells_are_centred(network.module)

    def explain(rows: Tensor) -> Tensor:
        trace = network.module.read(rows.requires_grad_(), [stage, target.stage])
        explained = target.sign * trace[target.stage][:, target.column]
        (gradient,) = torch.autograd.grad(explained.sum(), trace[stage], allow_unused=True)
        if gradient is None:
            raise ValueError(
                f"Got stage={stage!r}, but {target.stage!r} does not depend on it; "
                "expected a stage before it."
            )
        maps = METHODS[method](trace[stage].detach(), gradient)
        maps = maps.relu() if relu else maps
        return to_pixels(maps, spatial, centred)

    x = check_rows(estimator, X, reset=False)
    return network.apply(explain, x, estimator.n_threads, with_gradients=True)


def _find_target(
    estimator: Any, unit: int | None, attribute: str | int | None, target_class: Any
) -> Target:
    if target_class is None:
        if unit is None and attribute is None:
            raise ValueError(
                "Got neither unit nor attribute nor target_class, but expected one of them."
            )
        return Target(code_layer(estimator), find_unit(estimator, unit, attribute).index)
    if unit is not None or attribute is not None:
        raise ValueError(
            f"Got target_class={target_class!r} beside unit={unit!r} and "
            f"attribute={attribute!r}, but expected one of them."
        )
    shapes = shapes_of(estimator)
    classes = np.asarray(getattr(estimator, "classes_", ())).tolist()
    if target_class not in classes or "logits" not in shapes:
        known = f"the classes {', '.join(map(repr, classes))}" if classes else "no classes"
        raise ValueError(
            f"Got target_class={target_class!r}, but {type(estimator).__name__} was fitted "
            f"with {known}."
        )
    index = classes.index(target_class)
    if shapes["logits"] == (1,):  # that of the second class against the first
        return Target("logits", 0, sign=1 if index == 1 else -1)
    return Target("logits", index)


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
    end = min(order.index(name) for name in (*codes, target.stage))
    return [name for name in maps if order.index(name) < end][-1]
