"""Makes ``python -m generator`` work."""

from generator.cli import main

main(prog_name="python -m generator")
