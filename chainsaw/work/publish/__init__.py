"""What the front serves besides instances: certificates, and later routes and logins."""
