"""What is there and what it is doing; nothing here changes anything."""
