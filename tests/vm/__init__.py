"""Tests for which the machine needs a kernel of its own: limits, and power cuts."""
