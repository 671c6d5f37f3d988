"""Scans in: volumes and masks from their files, without torch."""

from skvae.images.loader import ImageLoader
from skvae.images.manifest import find_cases, read_manifest
from skvae.images.quality import check_images, usable_cases

__all__ = ["ImageLoader", "check_images", "find_cases", "read_manifest", "usable_cases"]
