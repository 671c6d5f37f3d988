"""Numbers from numbers alone: associations, resampling, corrected tests; no torch."""
