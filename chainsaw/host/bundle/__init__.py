"""Backups as files: trees become members of a stream, and become trees again."""
