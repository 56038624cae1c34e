"""The shared nginx: the servers of all host names and the locations of each instance."""
