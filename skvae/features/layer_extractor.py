"""Features from any layer of any torch module."""

from collections.abc import Sequence
from dataclasses import field
from difflib import get_close_matches
from typing import Annotated, Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skvae._compat import (
    HasMethods,
    Options,
    StrOptions,
    check_feature_names_in,
    fit_context,
)
from skvae.estimators.declared import (
    Count,
    CountOrNone,
    DeclaredEstimator,
    SizesOrNone,
)
from skvae.estimators.inputs import as_array, check_new, check_rows, find_sample_shape
from skvae.estimators.layers import listed
from skvae.exceptions import warn_caller
from skvae.networks.pooling import POOLS_OF_TOKENS, check_pool, pooled_size
from skvae.networks.taps import Address, LayerRow, Survey, parse_address
from skvae.training.borrowed_network import (
    PREPROCESSING,
    ForeignNetwork,
    Preprocess,
    Source,
)
from skvae.training.reading import FittedNetwork

N_NEAREST = 5


class LayerExtractor(TransformerMixin, DeclaredEstimator):
    """Features from any layer of any torch module, which stays as it was.

    `fit` trains nothing: it takes a private copy of the network and runs it once, to
    learn the names and shapes of its layers. `transform` computes no further than the
    last layer asked for, pools batch by batch, and copies what the network would
    overwrite (an in-place ReLU behind a batch norm, say).

    Parameters
    ----------
    model : torch.nn.Module, callable or fitted estimator
        The network: a module, a function without arguments that builds one, or a
        fitted estimator of skvae. Inside a search or pipeline wrap an estimator into
        ``sklearn.frozen.FrozenEstimator``, since scikit-learn's `clone` unfits it. A
        function keeps pickles small.
    layer : str or list of str
        Layer that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`. A module's qualified name (``"features.norm5"``) reads
        its output, ``"input:features.norm5"`` its input, ``"relu#1"`` the second call
        of a module that runs several times, and ``"features.norm5+relu"`` what a
        function makes of its output. Of a module that returns several tensors,
        ``"attn[0]"`` reads the first of a tuple, ``"encoder[hidden][1]"`` the second in
        the list that a dictionary has as ``"hidden"``.
    preprocess : {"rgb", "imagenet"}, callable or None, default=None
        Applied to each batch, a float tensor (n, channels, *spatial), before the
        network. ``"rgb"`` repeats a single channel three times; ``"imagenet"`` also
        takes images in [0, 1] to the mean and deviation of ImageNet.
    pool : {"avg", "max", "avg+max", "first"} or None, default="avg"
        How feature maps become features: one per channel, two, or all entries
        (``None``). ``"first"`` reads the first token, which in many transformers stands
        for the image. Can be changed after `fit`.
    channel_axis : {1, -1}, default=1
        Axis of a layer's output that has the channels, over whose other axes is pooled:
        the second, or the last, as in the tokens of a transformer, (n, tokens, features),
        and in maps (n, height, width, features). Can be changed after `fit`.
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the images of which X has the flat rows.
    batch_size : int, default=16
        Rows that are computed at once; the last bits of the features depend on it.
    device : str, default="auto"
        Torch device: ``"auto"`` takes CUDA, then MPS, then the CPU.
    n_threads : int or None, default=None
        Torch's threads while reading; ``None`` inherits. A forked process has one.
    random_state : int, RandomState instance or None, default=None
        Draws the weights that a function initialises; no other use.
    memory : str, joblib.Memory or None, default=None
        Where features are kept, so that a search reads each layer of each fold once. An
        edited ``preprocess`` is another one, but not one that calls edited functions. Its
        entries are pickles: name a folder that you trust.

    Attributes
    ----------
    network_ : ForeignNetwork
        The private copy.
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)``.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.

    See Also
    --------
    skvae.transfer_weights : Fills a network from a weight file.
    skvae.networks.densenet121 : A network that published weights fit.

    Notes
    -----
    The copy has the weights of the moment of `fit`, is in evaluation mode and draws no
    random numbers. Features agree to about 1e-6 of their deviation however the rows
    are grouped. Tensors whose first axis is not that of the samples are not listed.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> X = np.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype("float32")
    >>> relu = nn.ReLU(inplace=True)
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), relu)
    >>> extractor = LayerExtractor(network, layer=["1", "2"], pool="max").fit(X)
    >>> extractor.transform(X).shape
    (6, 8)
    >>> for row in extractor.list_layers():
    ...     print(row.name, row.type, row.shape, row.n_features, row.in_place)
    0 Conv2d (4, 6, 6) 4 False
    1 BatchNorm2d (4, 6, 6) 4 True
    2 ReLU (4, 6, 6) 4 False
    """

    model: Any = field(default=None, kw_only=False)
    layer: Annotated[str | Sequence[str] | None, str, list, tuple] = None
    preprocess: Annotated[
        str | Preprocess | None, StrOptions(set(PREPROCESSING)), callable, None
    ] = None
    pool: Annotated[str | None, StrOptions(set(POOLS_OF_TOKENS)), None] = "avg"
    channel_axis: Annotated[int, Options(int, {1, -1})] = 1
    image_shape: SizesOrNone = None
    batch_size: Count = 16
    device: Annotated[str, str] = "auto"
    n_threads: CountOrNone = None
    random_state: Annotated[Any, "random_state"] = None
    memory: Annotated[Any, str, HasMethods(["cache"]), None] = None

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Copy the network and learn the shapes of its layers from a sample of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the network does not take X, or has no such layer, or torch cannot compute
            on ``device`` here.
        TypeError
            If the network, or a part of it, is a TorchScript module.
        """
        source = self._source()
        shape = self._image_shape(X, source)
        x, found = check_new(self, X, check_rows, min_samples=1, image_shape=shape)
        network = self._network(source)
        surveyed = network.survey(x, self.n_threads)
        self._addresses(surveyed, x.shape[1:])
        shape = {"sample_shape_": x.shape[1:]}
        self._become(found | shape | {"network_": network, "_survey": surveyed})
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Read the features of `layer`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            The pooled features of each layer, side by side.

        Raises
        ------
        ValueError
            If the network has no such layer, ``pool`` or ``channel_axis`` is not one of
            those above, or X is not finite or of another shape than in `fit`.

        Warns
        -----
        UserWarning
            If a layer is pooled over what seem to be its features.
        """
        check_is_fitted(self, "network_")
        addresses = self._addresses(self._survey, self.sample_shape_)
        x = check_rows(self, X, reset=False)
        self._warn_of_tokens(addresses)
        settings = (addresses, self.pool, self.batch_size, self.n_threads)
        return self.network_.read_once(self.memory, x, *settings, self.channel_axis)

    def list_layers(self, X: Any = None, y: Any = None) -> list[LayerRow]:
        """List the layers that ``layer`` can name, in the order in which they are met.

        Parameters
        ----------
        X : array-like, default=None
            Before `fit`: rows or images, of which the first is run through the network.
        y : None
            Ignored.

        Returns
        -------
        layers : list of LayerRow
            Named tuples of ``name``, ``type``, ``shape`` (of one sample), ``n_features``
            (with the present ``pool``), ``n_calls``, ``in_place`` (whether the network
            overwrites it later on), ``n_params`` and ``features_last`` (whether it seems
            to want ``channel_axis=-1``). Inputs can be read as well, and have the prefix
            ``input:``.

        Raises
        ------
        ValueError
            If the network does not take X.
        """
        if X is None:
            check_is_fitted(self, "network_")
            surveyed, shape = self._survey, self.sample_shape_
        else:
            X = as_array(X)
            source = self._source()
            shape = find_sample_shape(X, self._image_shape(X, source))
            first = X.tocsr()[:1].toarray() if sparse.issparse(X) else X[:1]
            first = np.asarray(first, dtype=np.float32).reshape(1, *shape)
            surveyed = self._network(source).survey(first, self.n_threads)
        if surveyed.error is not None:
            if not surveyed.layers:
                raise self._not_taken(surveyed, shape)
            warn_caller(
                f"{self._not_taken(surveyed, shape)} Listed are the layers before that.",
            )
        self._check_pooling()
        return [
            row._replace(n_features=self._pooled_size(row))
            for address, row in dict(surveyed.layers).items()  # older pickles have these
            if address.side == "output"
        ]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features after their layer: ``features.norm5_0``, ...

        Returns
        -------
        names : ndarray of str
            Names of the columns of `transform`; with ``pool="avg+max"`` the averages
            come first.
        """
        check_is_fitted(self, "network_")
        check_feature_names_in(self, input_features, generate_names=False)
        rows = dict(self._survey.layers)
        names = [
            f"{address}_{i}"
            for address in self._addresses(self._survey, self.sample_shape_)
            for i in range(self._pooled_size(rows[address]))
        ]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        return tags

    def _network(self, source: Source) -> ForeignNetwork:
        preprocess = self.preprocess
        if isinstance(preprocess, str):
            preprocess = PREPROCESSING[preprocess]
        seed = 0
        if not isinstance(source, nn.Module | FittedNetwork):
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return ForeignNetwork(source, preprocess, self.device, seed)

    def _source(self) -> Source:
        model = self.model
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        if isinstance(model, DeclaredEstimator):
            network = getattr(model, "network_", None)
            if isinstance(network, FittedNetwork):
                return network
            try:
                check_is_fitted(model)
            except NotFittedError as error:
                raise ValueError(
                    f"Got model={model!r}, which is not fitted. Fit it first; in a "
                    "pipeline or search, pass FrozenEstimator(model), since scikit-learn's "
                    "clone unfits an estimator."
                ) from error
            raise ValueError(
                f"Got model={model!r}, which has trained no network of its own; expected "
                "the torch.nn.Module or the autoencoder that it holds."
            )
        if not callable(model) or hasattr(model, "get_params"):
            raise ValueError(
                f"Got model={model!r}, but expected a torch.nn.Module, a function without "
                "arguments that builds one, or a fitted estimator of skvae."
            )
        return model

    def _image_shape(self, X: Any, source: Source) -> tuple[int, ...] | None:
        """Return the shape that rows stand for: a fitted network knows its images."""
        if self.image_shape is not None or not isinstance(source, FittedNetwork):
            return self.image_shape
        flat = len(as_array(X).shape) == 2 and len(source.sample_shape) > 1
        return source.sample_shape if flat else None

    def _check_pooling(self) -> None:
        check_pool(self.pool, POOLS_OF_TOKENS)
        if self.channel_axis not in (1, -1):
            raise ValueError(
                f"Got channel_axis={self.channel_axis!r}, but expected 1 or -1."
            )

    def _pooled_size(self, row: LayerRow) -> int:
        return pooled_size(row.shape, self.pool, self.channel_axis)

    def _warn_of_tokens(self, addresses: list[Address]) -> None:
        """Warn where channels seem to be pooled over, behind a layer norm to zeros."""
        rows = dict(self._survey.layers)
        tokens = [rows[address] for address in addresses if rows[address].features_last]
        if tokens and self.pool is not None and self.channel_axis == 1:
            name, shape = tokens[0].name, tokens[0].shape
            warn_caller(
                f"Got channel_axis=1 for layer={name!r}, whose values of shape {shape} "
                f"seem to be tokens of {shape[-1]} features each: pool={self.pool!r} makes "
                "a column of each token, of all its features, whose mean is 0 behind a "
                "layer norm. With channel_axis=-1, it makes a column of each feature, of "
                "all tokens."
            )

    def _addresses(self, surveyed: Survey, shape: tuple[int, ...]) -> list[Address]:
        self._check_pooling()
        names = listed(self.layer)
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError(
                f"Got layer={self.layer!r}, but expected the name of a layer, or a list "
                "of such names."
            )
        addresses = [self._address(name, surveyed, shape) for name in names]
        if len(set(addresses)) < len(addresses):
            raise ValueError(
                f"Got layer={self.layer!r}, but expected layers that all differ."
            )
        return addresses

    def _address(self, name: str, surveyed: Survey, shape: tuple[int, ...]) -> Address:
        address, layers = parse_address(name), dict(surveyed.layers)
        if address is not None and address.call == 0:
            only = address._replace(call=None)
            address = only if only in layers else address
        if address in layers:
            return address
        if address is not None:
            refuse_unread(address, surveyed)
        if surveyed.error is not None:
            raise self._not_taken(surveyed, shape)
        known = [row.name for row in layers.values()]
        nearest = get_close_matches(name, known, n=N_NEAREST, cutoff=0.0)
        raise ValueError(
            f"Got layer={name!r}, but the network has no such layer; the nearest of its "
            f"{len(known)} are {', '.join(nearest)}. See list_layers(X)."
        )

    @staticmethod
    def _not_taken(surveyed: Survey, shape: tuple[int, ...]) -> ValueError:
        last = next(reversed(dict(surveyed.layers)), None)
        where = f" behind {last}" if last is not None else ""
        return ValueError(
            f"Got X with samples of shape {shape}, which the network does not take{where}: "
            f"{surveyed.error}. With preprocess='rgb' a single channel is repeated three "
            "times; a callable may also resize or scale."
        )


def refuse_unread(address: Address, surveyed: Survey) -> None:
    """Refuse a module that runs, but of which no tensor is meant, or none can be read."""
    place, name = (address.module, address.side), str(address)
    verb = "takes" if address.side == "input" else "returns"
    parts = [str(e) for e in dict(surveyed.layers) if e.part and e[:2] == place]
    if parts:
        raise ValueError(
            f"Got layer={name!r}, but {address.module} {verb} several tensors; expected "
            f"one that has the samples on its first axis: {', '.join(parts)}."
        )
    if place in [each[:2] for each in surveyed.left_out]:
        raise ValueError(
            f"Got layer={name!r}, but {address.module} {verb} no tensor that has the "
            "samples on its first axis, and so nothing that can be read."
        )
