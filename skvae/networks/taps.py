"""Taps on the layers of any module, read from a private copy of it."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import is_dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from skvae.networks.features_last import features_last
from skvae.networks.staged import StagedNetwork

PREFIXES = ("module.", "_orig_mod.")
ACTIVATIONS = {
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("hardtanh", "hardswish", "softplus", "tanh", "sigmoid", "softmax"),
}
_ADDRESS = re.compile(
    r"(?P<side>input:)?(?P<module>[^#+:\[]+)(#(?P<call>\d+))?(?P<part>(\[[^\[\]]+\])*)"
    r"(\+(?P<activation>\w+))?"
)


class Address(NamedTuple):
    """A value of a forward pass, written ``[input:]module[#call][part][+activation]``.

    Of several tensors, ``part`` is what Python would write behind the tuple, list or
    dictionary that has them, without quotes: ``[0]``, ``[hidden][1]``.
    """

    module: str
    side: str = "output"
    call: int | None = None
    activation: str = ""
    part: str = ""

    def __str__(self) -> str:
        side = "input:" if self.side == "input" else ""
        call = "" if self.call is None else f"#{self.call}"
        activation = f"+{self.activation}" if self.activation else ""
        return f"{side}{self.module}{call}{self.part}{activation}"


def parse_address(text: str) -> Address | None:
    """Read an address; None where the text is none."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    call = match["call"]
    return Address(
        canonical(match["module"]),
        "input" if match["side"] else "output",
        None if call is None else int(call),
        match["activation"] or "",
        re.sub("[\"']", "", match["part"]),
    )


def canonical(name: str) -> str:
    """Return a module's name without the prefixes that wrappers put before it."""
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name


class LayerRow(NamedTuple):
    """A layer of a network and what it computes of one sample.

    Attributes
    ----------
    name : str
        What ``layer`` calls it.
    type : str
        Class of its module; for a function behind it, the function's name.
    shape : tuple of int
        Shape of its output for one sample.
    n_features : int
        Number of features, after pooling.
    n_calls : int
        How often its module runs in a forward pass.
    in_place : bool
        Whether the network overwrites this output later on; what is read was copied
        before.
    n_params : int
        Number of weights of its module; 0 for functions, and for stages of networks
        of skvae.
    features_last : bool
        Whether its modules show that the last axis is that of the features, as that of
        tokens is.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    n_features: int
    n_calls: int
    in_place: bool
    n_params: int
    features_last: bool = False


class _EnoughError(BaseException):
    """The last wanted value is there. No ``Exception``, which a network might catch."""


See = Callable[[Address, Tensor, nn.Module], None]


class Watch:
    """One forward pass as its taps see it; threads have a watch each.

    Parameters
    ----------
    see : callable
        Told the address, the tensor and the module of all that is met.
    """

    def __init__(self, see: See) -> None:
        self.see = see
        self.calls: Counter[tuple[str, str]] = Counter()
        # Of each output that still lives; a container and its last module have the same.
        self.outputs: Any = WeakTensorKeyDictionary()

    def meet(self, name: str, side: str, module: nn.Module, values: Any) -> None:
        """Take each tensor that goes into a module or comes out of it."""
        address = Address(name, side, self.calls[name, side])
        self.calls[name, side] += 1
        tensors = _tensors(values)
        for part, value in tensors.items():
            one = address if len(tensors) == 1 else address._replace(part=part)
            if side == "output":
                self.outputs.setdefault(value, []).append((one, module))
            elif len(tensors) == 1 and not any(True for _ in module.children()):
                # What an activation module does to its input is its own output.
                self.outputs.pop(value, None)
            self.see(one, value, module)


def _tensors(values: Any, part: str = "") -> dict[str, Tensor]:
    """Return all tensors in tuples, lists and dictionaries, by what leads to each."""
    children: Iterable[tuple[Any, Any]]
    if isinstance(values, Tensor):
        return {part: values}
    if isinstance(values, Mapping):
        children = values.items()
    elif isinstance(values, list | tuple):
        children = enumerate(values)
    elif is_dataclass(values) and not isinstance(values, type):
        children = vars(values).items()
    else:
        children = enumerate(v for v in tree_leaves(values) if isinstance(v, Tensor))
    return {k: v for key, c in children for k, v in _tensors(c, f"{part}[{key}]").items()}


class _Activations(TorchFunctionMode):
    """Tell a watch of functions such as ``F.relu`` that act on a module's output."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if name in ACTIVATIONS and args and isinstance(args[0], Tensor):
            for address, module in self.watch.outputs.get(args[0], ()):
                self.watch.see(address._replace(activation=name), result, module)
        return result


_watching: ContextVar[Watch | None] = ContextVar("watching", default=None)


@contextmanager
def _watched(watch: Watch, *, activations: bool) -> Iterator[None]:
    token = _watching.set(watch)
    try:
        with _Activations(watch) if activations else nullcontext():
            yield
    finally:
        _watching.reset(token)


def _before(name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
    if (watch := _watching.get()) is not None:
        # By place or by name, as its forward takes them.
        watch.meet(name, "input", module, dict(enumerate(args)) | kwargs)


def _after(name: str, module: nn.Module, args: Any, output: Any) -> None:
    if (watch := _watching.get()) is not None:
        watch.meet(name, "output", module, output)


def private_copy(model: nn.Module) -> nn.Module:
    """Copy a module in evaluation mode, without what makes it parallel or compiled.

    Raises
    ------
    TypeError
        If it, or a part of it, is a TorchScript module.
    """
    for name, part in model.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            where = f", whose {name!r} is one" if name else ""
            raise TypeError(
                f"Got a {type(model).__name__}{where}, but the layers of a TorchScript "
                "module cannot be read; expected the module that it was made from."
            )
    # Only leaves can be copied. Others are what a hook computes of weights in each
    # forward pass, as weight_norm does.
    computed: dict[int, Any] = {
        id(value): value.detach().clone()
        for part in model.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    copied = _unwrapped(deepcopy(_unwrapped(model), computed))
    copied = copied.eval().requires_grad_(False)
    for module in list(copied.modules()):
        for name, child in list(module.named_children()):
            if (inner := _unwrapped(child)) is not child:
                setattr(module, name, inner)
    return copied


def _unwrapped(module: nn.Module) -> nn.Module:
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in module._modules:
            module = module.get_submodule("_orig_mod")
        else:
            return module


def _tapped(
    module: nn.Module, names: Collection[str] | None = None, *, inputs: bool
) -> nn.Module:
    """Copy a module with taps on some of its modules; the weights are shared.

    Hooks on the copy, never on the module itself: they are no part of what others see,
    and a copy is not changed once it is in use, so that threads can share it.
    """
    copied = deepcopy(module, {id(p): p for p in module.parameters()})
    for name, part in copied.named_modules():
        if name and (names is None or canonical(name) in names):
            part.register_forward_hook(partial(_after, canonical(name)))
            if inputs:
                part.register_forward_pre_hook(
                    partial(_before, canonical(name)), with_kwargs=True
                )
    return copied


class Taps:
    """Layers of a module that can be read by their addresses.

    Parameters
    ----------
    module : nn.Module
        A private copy, in evaluation mode.
    layers : sequence of Address
        What to read.
    """

    def __init__(self, module: nn.Module, layers: Sequence[Address]) -> None:
        self.layers = tuple(layer._replace(call=layer.call or 0) for layer in layers)
        self.module = _tapped(
            module,
            {layer.module for layer in layers},
            inputs=any(layer.side == "input" for layer in layers),
        )

    def read(self, x: Tensor, take: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """Run forward to the last of the layers; return ``take`` of each.

        ``take`` is called on the spot, since the network may overwrite its tensors, and
        must return a tensor of its own.
        """
        found: dict[Address, Tensor] = {}

        def see(address: Address, value: Tensor, module: nn.Module) -> None:
            if address in self.layers and address not in found:
                found[address] = take(value)
                if len(found) == len(self.layers):
                    raise _EnoughError

        activations = any(layer.activation for layer in self.layers)
        with _watched(Watch(see), activations=activations):
            try:
                self.module(x)
            except _EnoughError:
                return [found[layer] for layer in self.layers]
        missing = ", ".join(str(layer) for layer in self.layers if layer not in found)
        raise RuntimeError(f"The network did not compute {missing} for these rows.")


class StagedTaps:
    """Stages of a network of ours, read by their names: the walk ends behind the last."""

    def __init__(self, module: StagedNetwork, layers: Sequence[Address]) -> None:
        self.module = module
        self.names = [layer.module for layer in layers]

    def read(self, x: Tensor, take: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """Walk to the last of the stages; return ``take`` of each."""
        trace = self.module.read(x, self.names)
        return [take(trace[name]) for name in self.names]


def taps(module: nn.Module, layers: Sequence[Address]) -> Taps | StagedTaps:
    """Return what reads some layers of a private copy."""
    kind = StagedTaps if isinstance(module, StagedNetwork) else Taps
    return kind(module, layers)  # type: ignore[arg-type]


class Survey(NamedTuple):
    """All layers that a forward pass met, and the error that ended it, if one did.

    Left out are modules that ran, but have no tensor whose first axis is that of the
    rows. The layers are pairs, not a dictionary, whose keys formats of text would have to
    be text. The error is its text: an exception holds the tensors of the pass that it
    ended.
    """

    layers: list[tuple[Address, LayerRow]]
    error: str | None = None
    left_out: Sequence[Address] = ()


def survey(module: nn.Module, x: Tensor) -> Survey:
    """Run forward once, with gradients off, and list the layers by their addresses.

    Layers whose first axis is not that of the rows are left out: their entries belong
    to no sample. ``n_features`` is before pooling.
    """
    if isinstance(module, StagedNetwork):
        return _stages(module, x)
    met: dict[Address, tuple[tuple[int, ...], Tensor, int, nn.Module]] = {}

    def see(address: Address, value: Tensor, part: nn.Module) -> None:
        if value.ndim > 1 and len(value) == len(x) and address not in met:
            # Counts the changes of the value, without its memory.
            version = value.detach()
            version.data = value.new_empty(0)
            met[address] = tuple(value.shape[1:]), version, version._version, part

    watch, error = Watch(see), None
    tapped = _tapped(module, inputs=True)
    with torch.no_grad(), _watched(watch, activations=True):
        try:
            tapped(x)
        except Exception as raised:
            error = repr(raised)
    # What others make of tokens, such as a dropout, has the shape of tokens.
    tokens = {
        shape
        for address, (shape, *_, part) in met.items()
        if address.side == "output" and features_last(part, shape)
    }
    rows = []
    for address, (shape, version, before, part) in met.items():
        n_calls = watch.calls[address.module, address.side]
        named = address._replace(call=None) if n_calls == 1 else address
        row = LayerRow(
            str(named),
            address.activation or type(part).__name__,
            shape,
            _numel(shape),
            n_calls,
            version._version != before,
            0 if address.activation else sum(p.numel() for p in part.parameters()),
            shape in tokens,
        )
        rows.append((named, row))
    seen = {(address.module, address.side) for address in met}
    none = [Address(*call) for call in watch.calls if call not in seen]
    return Survey(rows, error, none)


def _stages(module: StagedNetwork, x: Tensor) -> Survey:
    rows: list[tuple[Address, LayerRow]] = []
    error = None
    with torch.no_grad():
        try:
            for name, value in module.stages(x):
                shape = tuple(value.shape[1:])
                row = LayerRow(name, "stage", shape, _numel(shape), 1, False, 0)
                rows.append((Address(name), row))
        except Exception as raised:
            error = repr(raised)
    return Survey(rows, error)


def _numel(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel()
