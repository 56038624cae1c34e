"""What happens to an instance as a whole: remove, purge, rename, clone, roll back, leave chainsaw."""
