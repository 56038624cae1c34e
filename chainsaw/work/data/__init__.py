"""The data of an instance: its secrets and its volumes."""
