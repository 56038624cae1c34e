"""The life of a recipe in throw-away instances: what it claims, tried on this host."""
