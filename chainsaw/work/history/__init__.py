"""The history of what was applied, and the differences from now."""
