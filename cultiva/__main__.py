"""`python -m cultiva` is the command `cultiva`."""

from cultiva.cli import main

main()
