"""Recipes: sources, search, installation, and the commands for authors."""
