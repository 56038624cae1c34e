"""The system tier: real Podman, systemd, nginx and WordPress in a Debian 13 machine."""
