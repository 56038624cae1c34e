"""What was applied when and why, and how it differs from now."""
