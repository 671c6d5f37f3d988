"""Scans in: volumes and masks from their files, without torch."""
