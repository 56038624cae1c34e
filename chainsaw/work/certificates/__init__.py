"""The certificates of host names: who issues them, when, and whether the front shows them."""
