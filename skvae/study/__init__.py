"""Compare pipelines on the same patient-grouped folds."""
