"""The use cases: they see the pure side and the effects, and return results."""
