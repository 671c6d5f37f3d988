"""The scikit-learn face, one kind per file."""
