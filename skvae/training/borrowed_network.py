"""A network that came from elsewhere, read layer by layer in blocks of rows."""

import hashlib
import io
import pickle
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skvae.code_pickler import CodePickler, described
from skvae.networks.pooling import pooled
from skvae.networks.taps import Address, Survey, private_copy, survey, taps
from skvae.torch_settings import own_settings
from skvae.training.caching import SCHEMA, remember_under
from skvae.training.data import Data
from skvae.training.devices import resolve_device
from skvae.training.host import host_array
from skvae.training.reading import FittedNetwork
from skvae.training.row_blocks import apply_in_blocks
from skvae.training.seeding import PrivateRandomness, generator
from skvae.training.threads import effective_threads, pinned_threads

Source = nn.Module | FittedNetwork | Callable[[], nn.Module]
Preprocess = Callable[[Tensor], Tensor]

# Mean and deviation of red, green and blue in ImageNet, for images in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)


def to_rgb(x: Tensor) -> Tensor:
    """Repeat a single channel three times."""
    return x.expand(-1, 3, *x.shape[2:]) if x.shape[1] == 1 else x


def to_imagenet(x: Tensor) -> Tensor:
    """Repeat a single channel, and scale as networks trained on ImageNet expect it."""
    axes = (1, 3, *(1 for _ in x.shape[2:]))
    mean, sd = (x.new_tensor(v).reshape(axes) for v in (IMAGENET_MEAN, IMAGENET_SD))
    return (to_rgb(x) - mean) / sd


PREPROCESSING: dict[str, Preprocess] = {"rgb": to_rgb, "imagenet": to_imagenet}


class ForeignNetwork:
    """A private copy of a network, whose layers are read by their addresses.

    What a factory builds pickles as the factory and numpy arrays.

    Parameters
    ----------
    source : nn.Module, FittedNetwork or callable
        The network, or what builds it.
    preprocess : callable, optional
        Applied to each block of rows.
    device : str
        Where it computes.
    seed : int
        Of the weights that a factory draws.
    """

    @own_settings()
    def __init__(
        self, source: Source, preprocess: Preprocess | None, device: str, seed: int
    ) -> None:
        self.source = private_copy(source) if isinstance(source, nn.Module) else source
        self.preprocess = preprocess
        self.device = device
        self.seed = seed
        self.state: dict[str, np.ndarray] | None = None
        self._build(resolve_device(device))
        if self._from_factory:
            state = self.module.state_dict()
            self.state = {name: host_array(value) for name, value in state.items()}

    @property
    def _from_factory(self) -> bool:
        return not isinstance(self.source, nn.Module | FittedNetwork)

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("module", "_taps")
        state = {k: v for k, v in self.__dict__.items() if k not in left_out}
        if isinstance(self.source, nn.Module) and self._device.type != "cpu":
            state["source"] = deepcopy(self.source).cpu()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        try:
            device = resolve_device(self.device)
        except ValueError:
            # A pickle from a GPU loads where there is none.
            device = "cpu"
        self._build(device)

    @own_settings()
    def _build(self, device: str) -> None:
        if isinstance(self.source, nn.Module):
            module = self.source
        elif isinstance(self.source, FittedNetwork):
            module = private_copy(self.source.module)
        else:
            with PrivateRandomness(generator(self.seed)):
                built = self.source()
            if not isinstance(built, nn.Module):
                raise TypeError(
                    f"Got model={self.source!r}, which returned {type(built).__name__}, "
                    "but a factory is expected to return a torch.nn.Module."
                )
            module = private_copy(built)
        refuse_nan(module)
        self.module = module.to(device)
        if self.state is not None:
            tensors = {k: torch.from_numpy(np.array(v)) for k, v in self.state.items()}
            self.module.load_state_dict(tensors)
        # Of each set of layers that was read: a copy of the modules, not of the weights.
        self._taps: dict[tuple[Address, ...], Any] = {}

    def survey(self, x: np.ndarray, n_threads: int | None = None) -> Survey:
        """List what the network computes of rows like these."""
        # Two rows, so that an axis of one entry is not taken for that of the rows.
        rows = torch.from_numpy(np.repeat(x[:1], 2, axis=0))
        with (
            own_settings(),
            pinned_threads(effective_threads(n_threads)),
            torch.no_grad(),
        ):
            return survey(self.module, self.prepared(rows))

    def prepared(self, rows: Tensor) -> Tensor:
        """Return rows as the network wants them: its device, its precision, prepared."""
        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        if first is not None:
            rows = rows.to(first.device, first.dtype)
        return rows if self.preprocess is None else self.preprocess(rows)

    def read(
        self,
        x: np.ndarray,
        layers: Sequence[Address],
        pool: str | None = None,
        batch_size: int = 16,
        n_threads: int | None = None,
        channel_axis: int = 1,
    ) -> np.ndarray:
        """Return the pooled features of some layers side by side, one row per sample.

        Raises
        ------
        ValueError
            If a row is not finite.
        """
        found = tuple(layers)
        tapped = self._taps.get(found)
        if tapped is None:
            tapped = self._taps.setdefault(found, taps(self.module, found))

        def take(value: Tensor) -> Tensor:
            features = pooled(value, pool, channel_axis).float()
            # A view, or the value itself, would change with what overwrites the value.
            shares = features.untyped_storage().data_ptr() == (
                value.untyped_storage().data_ptr()
            )
            return features.clone() if shares else features

        def features(rows: Tensor) -> Tensor:
            # A copy, since the rows may be the caller's, or those of a file, and the
            # network, or what prepares them, may work in place.
            values = tapped.read(self.prepared(rows.clone()), take)
            for layer, value in zip(found, values, strict=True):
                if len(value) != len(rows):
                    raise ValueError(
                        f"Got layer={str(layer)!r}, which has {len(value)} entries for "
                        f"{len(rows)} samples, but expected one for each."
                    )
            return torch.cat(values, dim=1)

        # Filling up a last block would make a single image as slow as a whole batch.
        return apply_in_blocks(
            features, x, batch_size, self._device, n_threads, filled_to=1
        )

    @property
    def _device(self) -> torch.device:
        first = next(self.module.parameters(), torch.empty(0))
        return first.device

    def read_once(
        self,
        memory: Any,
        x: np.ndarray,
        layers: Sequence[Address],
        pool: str | None,
        batch_size: int,
        n_threads: int | None,
        channel_axis: int = 1,
    ) -> np.ndarray:
        """Return what `read` does, from the memory where it is already there."""
        n_threads = effective_threads(n_threads)
        arguments = tuple(layers), pool, batch_size, n_threads, channel_axis

        def key() -> str:
            device = str(self._device)
            parts = (SCHEMA, torch.__version__, device, self.preprocess, *arguments)
            found = f"{digest_of(self.module, parts)} {Data(x).digest()}"
            return hashlib.sha256(found.encode()).hexdigest()

        return remember_under(memory, key, lambda: self.read(x, *arguments), np.ndarray)


def refuse_nan(module: nn.Module) -> None:
    """Refuse weights that are NaN or infinite; a buffer may be infinite, such as a mask.

    Raises
    ------
    ValueError
        If there are any, with the name of the tensor.
    """
    weights = ((name, value, Tensor.isfinite) for name, value in module.named_parameters())
    buffers = ((name, value, is_number) for name, value in module.named_buffers())
    for name, value, fine in (*weights, *buffers):
        if value.is_floating_point() and not value.is_meta and not fine(value).all():
            raise ValueError(
                f"Got a network whose tensor {name} has entries that are NaN or infinite, "
                "so that its features would be; expected finite weights."
            )


def is_number(value: Tensor) -> Tensor:
    """Return which entries are not NaN."""
    return ~value.isnan()


class _DigestPickler(CodePickler):
    """Pickle tensors as digests of their values, wherever their memory is."""

    def persistent_id(self, item: Any) -> Any:
        if not isinstance(item, Tensor):
            return super().persistent_id(item)
        flat = item.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest = hashlib.sha256(flat.numpy().data).hexdigest()
        return str(item.dtype), tuple(item.shape), digest


def digest_of(module: nn.Module, parts: tuple[Any, ...]) -> str:
    """Hash a module, with the code of its classes, and what else decides its features.

    Raises
    ------
    ValueError
        If something of it does not pickle.
    """
    # A class pickles by its name, which it keeps when its code changes.
    forwards = {type(part).__qualname__: type(part).forward for part in module.modules()}
    code = sorted(
        (name, described(code))
        for name, forward in forwards.items()
        if (code := getattr(forward, "__code__", None)) is not None
    )
    pickled = io.BytesIO()
    pickler = _DigestPickler(pickled, protocol=4)
    # Without the memo, which would tell equal values from the same value met twice.
    pickler.fast = True
    try:
        pickler.dump((module, code, parts))
    except (pickle.PicklingError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"Got memory=, but the network or preprocess does not pickle ({error}), and "
            "so its features cannot be remembered; expected classes and functions of a "
            "module, or memory=None."
        ) from error
    return hashlib.sha256(pickled.getvalue()).hexdigest()
