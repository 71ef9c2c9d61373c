"""Until every experiment has its words in content/words."""

from generator.language import NBSP, read_language

number = read_language("fr").number
__all__ = ["NBSP", "number"]
