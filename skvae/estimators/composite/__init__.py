"""Kinds that are built on another kind, one per file."""
