"""The parameters of every autoencoder, documented and constrained once."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from skvae._compat import HasMethods, Interval, StrOptions, shown_with_documentation
from skvae.estimators.docstrings import merge_docstrings
from skvae.networks.blocks import ACTIVATIONS


class DocumentedParameters(BaseEstimator):
    """Hyper-parameters that are documented and constrained where they are declared.

    A subclass inherits both: its docstring and its constraints are those of its bases,
    in the order of the signature, and its own.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        docstring, constraints = "", {}
        for base in reversed(cls.__mro__):
            if issubclass(base, DocumentedParameters) and base is not DocumentedParameters:
                docstring = merge_docstrings(docstring, base.__doc__ or "")
                constraints |= base.__dict__.get("_parameter_constraints", {})
        cls.__doc__ = docstring
        cls._parameter_constraints = constraints

    def _get_params_html(self, deep: bool = True, doc_link: str = "") -> Any:
        show = super()._get_params_html
        return shown_with_documentation(show, deep, doc_link=doc_link)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        return shown_with_documentation(super()._get_fitted_attr_html, doc_link=doc_link)


@dataclass(eq=False, repr=False)
class AutoencoderParameters(DocumentedParameters):
    """What an autoencoder of any architecture is, and for how long it is trained.

    Parameters
    ----------
    n_components : int, default=16
        Size of the code.
    normalization : {"batch", "group"} or None, default=None
        Normalisation in every hidden and convolutional block.
    activation : {"identity", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh"}, \
default="relu"
        Activation of every hidden and convolutional block.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        How the reconstruction is compared with the input; ``"bernoulli"`` is for
        inputs in [0, 1] and reconstructs probabilities.
    max_iter : int, default=100
        Number of epochs.
    learning_rate_init : float, default=1e-3
        Step size of Adam.
    warm_start : bool, default=False
        Whether `fit` goes on from the last one, bit for bit as if it had not stopped
        (after early stopping: from the best weights, with a new optimizer).
    """

    n_components: int = 16
    _: KW_ONLY
    normalization: str | None = None
    activation: str = "relu"
    likelihood: str = "gaussian"
    max_iter: int = 100
    learning_rate_init: float = 1e-3
    warm_start: bool = False

    _parameter_constraints: ClassVar[dict] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "normalization": [StrOptions({"batch", "group"}), None],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "likelihood": [StrOptions({"gaussian", "bernoulli"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkParameters(AutoencoderParameters):
    """The usual architecture: blocks that halve an image, dense layers, a flat code.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(128,)
        Sizes of the dense layers between input (or last feature map) and code; the
        decoder mirrors them. With ``()`` and no image, the network is linear.
    channels : tuple of int, default=(8, 16, 32)
        Channels of each convolutional block; images only. Every block halves the
        image, whatever its size.
    kernel_size : int, default=3
        Width of the convolutional kernels along every axis.
    downsampling : {"stride", "max"}, default="stride"
        Whether the convolutions stride, or a maximum is taken behind them.
    dropout : float, default=0.0
        Share of each block's output that is dropped while training.
    solver : {"adam", "lbfgs"}, default="adam"
        ``"lbfgs"`` takes all rows at once in float64 and finds exact minima of small,
        deterministic networks; a linear one needs ``max_iter`` of 1000 to 3000.
    """

    hidden_layer_sizes: tuple[int, ...] = (128,)
    channels: tuple[int, ...] = (8, 16, 32)
    kernel_size: int = 3
    downsampling: str = "stride"
    dropout: float = 0.0
    solver: str = "adam"

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": [list, tuple],
        "channels": [list, tuple],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "downsampling": [StrOptions({"stride", "max"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "solver": [StrOptions({"adam", "lbfgs"})],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class TrainingParameters(DocumentedParameters):
    """How any network is trained and read.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the images of which X has the flat rows.
    layer : str or list of str, default="code"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`.
    pool : {"avg", "max", "avg+max"} or None, default="avg"
        How feature maps become features: one per channel, two, or all entries
        (``None``). Can be changed after `fit`.
    batch_size : int, default=32
        Rows per step.
    weight_decay : float, default=0.0
        L2 penalty of the weights.
    max_grad_norm : float or None, default=None
        Gradients are scaled down to this norm; costs a pass over the weights per step.
    augment : bool, callable or None, default=None
        Random changes of the images while training, never of validation rows. ``True``
        flips, moves, turns, scales and shades them as :class:`~skvae.RandomAugment` does
        by default, a ``RandomAugment`` as it says; a random transform of MONAI is
        applied image by image (slowly), where y are masks to dictionaries of ``image``
        and ``mask``, as in ``RandFlipd(["image", "mask"])``, and one of TorchIO to subjects
        of these; any other callable maps a
        ``skvae.objectives.batch.Batch`` and a ``torch.Generator`` to a new batch. An
        autoencoder reconstructs the changed images.
    early_stopping : bool, default=False
        Whether to hold rows out and keep the epoch that is best on them. Rows of a
        patient stay together when `fit` gets ``groups``; without, it cannot know. Which
        patients are held out depends on the order in which they first appear, not on
        their names.
    validation_fraction : float, default=0.1
        Share of rows (of groups) held out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement after which early stopping stops.
    tol : float, default=1e-4
        Smallest improvement of the validation loss that counts.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the forward passes while training.
    device : str, default="auto"
        Torch device: ``"auto"`` takes CUDA, then MPS, then the CPU.
    n_threads : int or None, default=None
        Torch's threads while fitting and reading; ``None`` inherits. The last bits of
        the results depend on the number of threads. A forked process has one, since
        torch's threads do not outlive a fork.
    random_state : int, RandomState instance or None, default=None
        Draws the seed of the fit's own generators; torch's and numpy's global ones
        are never touched.
    memory : str, joblib.Memory or None, default=None
        Where fitted networks are kept, so that a search over ``layer`` and ``pool``
        trains one network per fold. Not used with ``random_state=None``.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    network_ : FittedNetwork
        The trained network.
    history_ : list of dict
        A row per epoch with ``epoch``, ``loss`` and every named term of the objective;
        with early stopping, also on the validation rows.
    n_iter_ : int
        Number of epochs trained.
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)``.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.
    """

    image_shape: tuple[int, ...] | None = None
    layer: str | Sequence[str] = "code"
    pool: str | None = "avg"
    batch_size: int = 32
    weight_decay: float = 0.0
    max_grad_norm: float | None = None
    augment: Any = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    precision: str = "float32"
    device: str = "auto"
    n_threads: int | None = None
    random_state: Any = None
    memory: Any = None
    verbose: bool = False

    _parameter_constraints: ClassVar[dict] = {
        "image_shape": [list, tuple, None],
        "layer": [str, list, tuple],
        "pool": [StrOptions({"avg", "max", "avg+max"}), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "augment": ["boolean", callable, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "memory": [str, HasMethods(["cache"]), None],
        "verbose": ["verbose"],
    }
