"""What the front is given besides the instances: certificates, and later routes and logins."""
