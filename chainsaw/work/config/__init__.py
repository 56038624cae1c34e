"""The admin's files: reading, checking, showing and changing them."""
