"""Backups: made, listed, verified."""
