"""Fitted estimators in files, and new cases read by them."""
