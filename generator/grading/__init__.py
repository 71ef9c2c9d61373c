"""What students did in their notebooks: each is run apart from everything else, and the lab's own checks judge it."""

from generator.grading.judge import Graded, Verdict, grade
from generator.grading.tables import line, page, table

__all__ = ["Graded", "Verdict", "grade", "line", "page", "table"]
