"""What a study shows to its readers: figures of a result, each usable alone."""
