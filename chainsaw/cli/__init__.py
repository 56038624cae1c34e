"""Parses the command line, calls one use case, renders its result."""
