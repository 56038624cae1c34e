"""Starting, stopping and restarting an instance."""
