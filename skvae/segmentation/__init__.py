"""Labels of pixels: masks, what predicts them, and how good they are."""
