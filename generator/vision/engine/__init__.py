"""A frozen network, flattened so that its pixel gradients are cheap on a CPU."""

from generator.vision.engine.acceptance import Refused, accept_as_it_is, distance, examples
from generator.vision.engine.export import Exported, export, read
from generator.vision.engine.prepare import flatten, prepare

__all__ = ["Exported", "Refused", "accept_as_it_is", "distance", "examples", "export", "flatten", "prepare", "read"]
