"""notify: the admin is told of what changes."""
