"""Restoring instances from backups, and rehearsing it."""
