"""Commands for whole instances: remove, purge, rename, clone, rollback, eject."""
