"""Networks that name what they compute, and the two that published weights are for."""

from typing import TYPE_CHECKING

from skvae.first_use import on_first_use

if TYPE_CHECKING:
    from skvae.networks.densenet import densenet121
    from skvae.networks.vgg import vgg16

__all__ = ["densenet121", "vgg16"]

_HOMES = {
    "densenet121": "skvae.networks.densenet",
    "vgg16": "skvae.networks.vgg",
}

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
