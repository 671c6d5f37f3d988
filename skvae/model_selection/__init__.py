"""Folds and out-of-fold predictions where y has a label for each pixel."""
