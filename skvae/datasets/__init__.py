"""Arrays in, arrays out: real cohorts and phantoms."""
