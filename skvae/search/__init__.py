"""Searches whose networks are trained side by side."""

from skvae.search.fill_cache import fill_cache
from skvae.search.stacked_search import StackedGridSearchCV

__all__ = ["StackedGridSearchCV", "fill_cache"]
