"""Arrays in, arrays out: real cohorts and phantoms."""

from typing import TYPE_CHECKING

from skvae.first_use import on_first_use

if TYPE_CHECKING:
    from skvae.datasets.feature_tables import read_features
    from skvae.datasets.infected_lungs import make_infected_lungs
    from skvae.datasets.lazy_rows import LazyRows
    from skvae.datasets.lesions import make_lesions
    from skvae.datasets.lidc import load_lidc_nodules
    from skvae.datasets.mammograms import make_mammograms
    from skvae.datasets.medmnist import load_medmnist
    from skvae.datasets.moving_blobs import make_moving_blobs
    from skvae.datasets.sprites import make_sprites
    from skvae.datasets.ultrasound_lesions import make_ultrasound_lesions
    from skvae.datasets.xrays import make_xrays

__all__ = [
    "LazyRows",
    "load_lidc_nodules",
    "load_medmnist",
    "make_infected_lungs",
    "make_lesions",
    "make_mammograms",
    "make_moving_blobs",
    "make_sprites",
    "make_ultrasound_lesions",
    "make_xrays",
    "read_features",
]

# Public name -> module. What a name needs is imported when it is first used.
_HOMES = {
    "LazyRows": "skvae.datasets.lazy_rows",
    "load_lidc_nodules": "skvae.datasets.lidc",
    "load_medmnist": "skvae.datasets.medmnist",
    "make_infected_lungs": "skvae.datasets.infected_lungs",
    "make_lesions": "skvae.datasets.lesions",
    "make_mammograms": "skvae.datasets.mammograms",
    "make_moving_blobs": "skvae.datasets.moving_blobs",
    "make_sprites": "skvae.datasets.sprites",
    "make_ultrasound_lesions": "skvae.datasets.ultrasound_lesions",
    "make_xrays": "skvae.datasets.xrays",
    "read_features": "skvae.datasets.feature_tables",
}

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
