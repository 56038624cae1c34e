"""recipe test: tests what a recipe claims, with temporary instances on this host."""
