"""What the front's access log tells about visitors."""
