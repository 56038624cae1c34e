"""Text to values: everything an admin or a recipe author wrote, or the problems in it."""
