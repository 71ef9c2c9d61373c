"""The only iteration loop: an image that climbs the score of a class.

Fooling images and class visualisations are the same act with other rules: follow the gradient of a
class score with respect to the pixels, from a photograph or from noise, with or without something
that pulls back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.vision.gradients import Scorer, score_gradients
from generator.vision.opening import Network
from generator.vision.penalties import PENALTIES

View = Callable[[Tensor, list[torch.Generator]], Tensor]
"""Maps normalised images, float (N, C, H, W), and a random generator for each to what the network
sees of them; differentiable, so that the gradient comes back to the images' own pixels."""


class Canvas(Protocol):
    """What an image is painted on: its parameters, and how a step changes them."""

    @property
    def image(self) -> Tensor:
        """The image, normalised, float (C, H, W)."""

    def step(self, gradient: Tensor, length: float) -> None:
        """Make one step uphill; ``gradient`` is with respect to the image, float (C, H, W)."""


class Pixels:
    """The canvas of the lab: the parameters are the pixels themselves."""

    def __init__(self, start: Tensor, rule: Rule, network: Network) -> None:
        self.start, self.image = start, start.clone()
        self.steps = 0
        self.rule = rule
        self.darkest, self.brightest = network.range

    def step(self, gradient: Tensor, length: float) -> None:
        """Follow the gradient; keep the image near its start, valid and smooth where the rule says so."""
        image, rule = self.image, self.rule
        image.add_(gradient, alpha=length)
        if rule.radius is not None:
            change = image - self.start
            image.copy_(self.start + change * (rule.radius / change.norm().clamp_min(rule.radius)))
        if rule.clamp:
            torch.maximum(image, self.darkest, out=image)
            torch.minimum(image, self.brightest, out=image)
        if rule.blur_sigma and self.steps % rule.blur_every == 0:
            image.copy_(blur(image[None], [rule.blur_sigma], reach(rule.blur_sigma))[0])
        self.steps += 1


@dataclass(frozen=True)
class Rule:
    """How an image moves.

    Attributes:
        iterations: the length of the programme, at most this many steps.
        step: length of a step (eta): the factor of the raw gradient, or the step's L2 norm in
            normalised space when ``unit_gradient`` is set.
        final_step: the step goes linearly from ``step`` to this over the programme; None keeps it.
        unit_gradient: divide each image's gradient by its own L2 norm.
        gradient_sigma: standard deviation, in pixels, of a Gaussian that smooths the gradient;
            it goes linearly from the first value to the second over the programme. 0 smooths nothing.
        jitter: before each step the network sees the image shifted at random by up to this many
            pixels on both axes (the shift wraps round).
        blur_sigma: standard deviation, in pixels, of a Gaussian that smooths the image itself.
        blur_every: smooth on each iteration whose number, counted from 0, is a multiple of this.
        view: what the network sees of the image at each step; None shows it as it is.
        views: how many views of an image are drawn for a step; it follows their mean gradient.
        noise: standard deviation, in normalised space, of noise added to what the network sees; it goes linearly from
            the first value to the second over the programme.
        radius: keep the image within this L2 distance of its start, in normalised space; None leaves
            it free.
        clamp: keep every pixel inside the range an image file can hold, after each step.
        stop_at_target: stop as soon as the target has the highest score.
        canvas: makes what an image is painted on, from the image to start from. One that is not
            ``Pixels`` reads ``step`` in its own way, and neither clamps nor blurs.
    """

    iterations: int
    step: float
    final_step: float | None = None
    unit_gradient: bool = False
    gradient_sigma: tuple[float, float] = (0.0, 0.0)
    jitter: int = 0
    blur_sigma: float = 0.0
    blur_every: int = 10
    view: View | None = None
    views: int = 1
    noise: tuple[float, float] = (0.0, 0.0)
    radius: float | None = None
    clamp: bool = True
    stop_at_target: bool = False
    canvas: Callable[[Tensor, Rule, Network], Canvas] = Pixels


@dataclass(frozen=True)
class Climb:
    """One image and the class whose score it shall raise.

    Attributes:
        start: the image to start from, normalised, float (C, H, W).
        target: index of the class.
        seed: of its random shifts and views.
        penalty: a name in ``PENALTIES``, or None.
        weight: the penalty's factor (lambda).
        snapshots: numbers of the iterations, counted from 1, after which to keep a copy; 0 keeps the start.
        last: stop after this iteration although the programme is longer; None runs it whole.
    """

    start: Tensor
    target: int
    seed: int = 0
    penalty: str | None = None
    weight: float = 0.0
    snapshots: frozenset[int] = frozenset()
    last: int | None = None


@dataclass
class Summit:
    """Where a climb ended.

    Attributes:
        image: the last image, normalised, float (C, H, W).
        steps: how many steps were made.
        reached: whether the target had the highest score when last looked at; always looked at
            after the last step where the rule stops at the target, one step earlier elsewhere.
        scores: raw target score the network gave before each step (one more at the end where the
            rule stops at the target), to the shifted image where there is jitter, and on average
            to the views where there are some.
        snapshots: iteration number -> the image after it, normalised, float (C, H, W).
    """

    image: Tensor
    steps: int
    reached: bool
    scores: list[float]
    snapshots: dict[int, Tensor]


def ascend(network: Network, climb: Climb, rule: Rule) -> Summit:
    """Push an image towards a class by gradient ascent.

    x <- x + step * (g - weight * dP/dx), where g is the gradient of the target's raw score
    (Simonyan et al. 2013, section 2; for fooling images Szegedy et al. 2013 and Goodfellow et al.
    2014).

    Args:
        network: whose score to raise.
        climb: the image and its target.
        rule: how to move.
    """
    climber = _Climber(climb, rule, network)
    while True:
        scores, gradient = _look(network.scorer, climber)
        gradient = climber.unshifted(gradient)
        if any(rule.gradient_sigma):
            sigma = climber.between(*rule.gradient_sigma)
            gradient = blur(gradient[None], [sigma], reach(max(rule.gradient_sigma)))[0]
        if rule.unit_gradient:
            # Not in place: a gradient may be one value that stands for all pixels.
            gradient = gradient / gradient.flatten().norm().clamp_min(1e-12)
        if not climber.advance(scores, gradient):
            return climber.summit


def _look(scorer: Scorer, climber: _Climber) -> tuple[Tensor, Tensor]:
    """The scores of a climber, float (classes,), and its target's gradient, averaged over its views."""
    rule, target = climber.rule, climber.climb.target
    image = climber.shifted()[None]
    view = rule.view
    if view is None:
        (scores,), (gradient,) = score_gradients(scorer, climber.noisy(image), [target])
        return scores, gradient
    randoms = [climber.random] * rule.views
    scores, gradients = score_gradients(
        lambda seen: scorer(climber.noisy(view(seen, randoms))),
        image.expand(rule.views, -1, -1, -1),
        [target] * rule.views,
    )
    return scores.mean(dim=0), gradients.mean(dim=0)


class _Climber:
    """A climb under way."""

    def __init__(self, climb: Climb, rule: Rule, network: Network) -> None:
        self.climb = climb
        self.rule = rule
        self.mean, self.std = network.mean, network.std
        self.random = torch.Generator().manual_seed(climb.seed)
        self.shift = (0, 0)
        self.last = min(climb.last or rule.iterations, rule.iterations)
        self.start = climb.start.to(network.mean.device)
        self.canvas = rule.canvas(self.start, rule, network)
        snapshots = {0: self.start} if 0 in climb.snapshots else {}
        self.summit = Summit(self.canvas.image, steps=0, reached=False, scores=[], snapshots=snapshots)

    def shifted(self) -> Tensor:
        """The image shifted at random."""
        if not self.rule.jitter:
            return self.summit.image
        reach = self.rule.jitter
        down, right = torch.randint(-reach, reach + 1, (2,), generator=self.random).tolist()
        self.shift = (down, right)
        return self.summit.image.roll(self.shift, (1, 2))

    def noisy(self, images: Tensor) -> Tensor:
        """Images with the noise of now."""
        if not any(self.rule.noise):
            return images
        chance = torch.randn(images.shape, generator=self.random, dtype=images.dtype).to(images.device)
        return images + self.between(*self.rule.noise) * chance

    def unshifted(self, gradient: Tensor) -> Tensor:
        """The gradient in the image's own place.

        Shifting it back instead of the image comes to the same, and what the penalty compares the
        image with needs no shift.
        """
        down, right = self.shift
        return gradient.roll((-down, -right), (1, 2)) if self.rule.jitter else gradient

    def step(self) -> float:
        rule = self.rule
        return rule.step if rule.final_step is None else self.between(rule.step, rule.final_step)

    def between(self, first: float, final: float) -> float:
        """What goes linearly from the first value to the final one over the programme, now."""
        return first + (final - first) * self.summit.steps / max(self.rule.iterations - 1, 1)

    def advance(self, scores: Tensor, gradient: Tensor) -> bool:
        """Make one step, unless the image has arrived; say whether there is more to do."""
        summit, rule = self.summit, self.rule
        summit.scores.append(scores[self.climb.target].item())
        summit.reached = int(scores.argmax()) == self.climb.target
        if rule.stop_at_target and (summit.reached or summit.steps == self.last):
            return False
        if self.climb.penalty:
            penalty = PENALTIES[self.climb.penalty]
            pull = penalty.gradient(summit.image, self.start, self.mean, self.std)
            gradient = gradient - self.climb.weight * pull
        self.canvas.step(gradient, self.step())
        summit.image = self.canvas.image
        summit.steps += 1
        if summit.steps in self.climb.snapshots:
            summit.snapshots[summit.steps] = summit.image.clone()
        return rule.stop_at_target or summit.steps < self.last


def noise(network: Network, seed: int) -> Tensor:
    """Standard normal noise in normalised space, of the shape of a network's input, float (C, size, size)."""
    shape = (network.channels, network.size, network.size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def reach(sigma: float) -> int:
    """How many pixels away a Gaussian is cut off: beyond four sigmas it weighs under 0.01 %."""
    return math.ceil(4 * sigma)


def blur(images: Tensor, sigmas: Sequence[float], radius: int) -> Tensor:
    """Smooth each image by a Gaussian of its own, edge pixels repeated outside the image.

    Args:
        images: float (N, C, H, W).
        sigmas: N standard deviations in pixels; 0 leaves the image as it is.
        radius: in pixels, where the Gaussians are cut off; given, not derived from the sigmas, so
            that an image comes out the same whatever the others in its batch need.

    Returns:
        The smoothed images, float (N, C, H, W).
    """
    count, channels, height, width = images.shape
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    spread = torch.tensor(sigmas, dtype=images.dtype, device=images.device).clamp_min(1e-3)
    kernels = torch.exp(-0.5 * (offsets / spread[:, None]).square())
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    planes = images.reshape(1, count * channels, height, width)
    planes = F.pad(planes, (radius, radius, radius, radius), mode="replicate")
    planes = F.conv2d(planes, kernels[:, None, :, None], groups=count * channels)
    planes = F.conv2d(planes, kernels[:, None, None, :], groups=count * channels)
    return planes.reshape(images.shape)
