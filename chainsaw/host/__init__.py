"""The only effects: files, processes, systemd, Podman, sockets, certificates."""
