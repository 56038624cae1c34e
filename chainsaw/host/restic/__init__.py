"""Backups in a repository of restic, which holds the data of all instances and is the admin's."""
