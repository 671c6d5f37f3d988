"""Networks that name what they compute."""
