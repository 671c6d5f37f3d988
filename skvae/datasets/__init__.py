"""Arrays in, arrays out: real cohorts and phantoms."""

from skvae.datasets.lesions import make_lesions
from skvae.datasets.lidc import load_lidc_nodules
from skvae.datasets.medmnist import load_medmnist
from skvae.datasets.sprites import make_sprites

__all__ = ["load_lidc_nodules", "load_medmnist", "make_lesions", "make_sprites"]
