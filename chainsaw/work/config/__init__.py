"""What the admin writes: reading it, checking it, showing it and changing it."""
