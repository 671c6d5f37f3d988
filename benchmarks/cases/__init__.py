"""Cases for `fingerprints.py`: what is computed, with public names alone."""
