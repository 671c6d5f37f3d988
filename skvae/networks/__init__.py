"""Networks that name what they compute, and the two that published weights are for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvae.networks.densenet import densenet121
    from skvae.networks.vgg import vgg16

__all__ = ["densenet121", "vgg16"]

_HOMES = {
    "densenet121": "skvae.networks.densenet",
    "vgg16": "skvae.networks.vgg",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'skvae.networks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
