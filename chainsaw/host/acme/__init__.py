"""The ACME client (RFC 8555): accounts, orders, challenges and renewal windows; the library is imported late."""
