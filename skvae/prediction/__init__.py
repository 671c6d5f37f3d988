"""Prediction on a pretrained encoder."""
