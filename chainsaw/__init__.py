"""chainsaw: artisanal self-hosting of web applications on one small server."""

__version__ = "0.1.0"
