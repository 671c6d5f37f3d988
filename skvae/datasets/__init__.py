"""Arrays in, arrays out: real cohorts and phantoms."""

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
