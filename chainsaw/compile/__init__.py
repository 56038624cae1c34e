"""Values to a tree of units and nginx files; pure and deterministic."""
