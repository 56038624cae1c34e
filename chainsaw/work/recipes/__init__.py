"""Recipes: where they come from, which one a name means, installing them, and what their author asks of one."""
