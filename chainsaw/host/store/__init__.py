"""What chainsaw records on the disk: generations, the journal of operations, and other records."""
