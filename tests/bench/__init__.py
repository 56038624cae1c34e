"""Benchmarks of chainsaw against peers that are measured in the same run."""
