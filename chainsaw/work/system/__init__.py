"""The host itself: setup, doctor and its repairs, and the audit record."""
