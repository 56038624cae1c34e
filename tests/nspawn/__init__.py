"""A Debian 13 system container for the tests, run by systemd-nspawn."""
