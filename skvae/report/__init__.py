"""What a study says to its readers: a page, figures, lists to fill in, methods to paste."""
