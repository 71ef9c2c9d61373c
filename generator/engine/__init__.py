"""A frozen network, flattened so that its pixel gradients are cheap on a CPU."""

from generator.engine.prepare import prepare

__all__ = ["prepare"]
