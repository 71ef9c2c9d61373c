"""A frozen network, flattened so that its pixel gradients are cheap on a CPU."""

from generator.vision.engine.acceptance import Refused, accept_as_it_is, distance, examples
from generator.vision.engine.prepare import prepare

__all__ = ["Refused", "accept_as_it_is", "distance", "examples", "prepare"]
