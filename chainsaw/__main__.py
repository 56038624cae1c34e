"""`python -m chainsaw` is the same as `chainsaw`."""

from chainsaw.cli.main import main

main()
