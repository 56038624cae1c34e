"""Commands that show the state of the host and change nothing."""
