"""Features of rows and images, one kind per file."""
