"""What chainsaw itself writes down and reads back, by kind of record."""
