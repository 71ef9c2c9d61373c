# %% [markdown]
# # Fooling images
#
# Change an image, hardly at all, until the network sees another class in it (Szegedy *et al.*, 2013).
#
# `make notebook` opens this notebook; it finds the network and the images wherever it is opened from.

# %%
import torch
from generator.classroom import Classroom

room = Classroom()
target = room.target("fooling")
photo = next(photo for photo in map(room.photo, room.names) if photo.label != target)
print(photo.title, "→", room.class_title(target))

# %% [markdown]
# ## To write: one step
#
# $x \leftarrow x + \eta\, g / \lVert g \rVert_2$ with $g = \partial s_{\text{target}} / \partial x$, the score being taken
# before softmax.


# %%
def step(network, image, target, eta):
    """The image (1, channels, H, W) after a step of length eta towards the target class."""
    # TO WRITE: the gradient of the target score, divided by its norm, times eta.
    # <solution>
    image = image.detach().clone().requires_grad_()
    score = network(image)[0, target]
    (gradient,) = torch.autograd.grad(score, image)
    return image.detach() + eta * gradient / gradient.norm()
    # </solution>


# %%
room.check_fooling(step)

# %% [markdown]
# ## To write: the loop
#
# Go on until the target class has the highest score, 100 times at most.


# %%
def fool(network, image, target, eta=0.5, iterations=100):
    """The changed image, and the number of steps it took."""
    # TO WRITE: stop as soon as the network sees the target class.
    # <solution>
    for done in range(iterations):
        if network(image)[0].argmax() == target:
            return image, done
        image = room.clamp(step(network, image, target, eta))
    return image, iterations
    # </solution>


# %%
fooled, steps = fool(room.network, photo.image, target)
seen = int(room.network(fooled)[0].argmax())
assert seen == target, f"Not yet: the network sees “{room.class_title(seen)}”."
print(f"Fooled in {steps} steps: the network sees “{room.class_title(seen)}”.")
change = room.pixels(fooled) - room.pixels(photo.image)
room.show(
    room.pixels(photo.image),
    room.pixels(fooled),
    (0.5 + 10 * change).clip(0, 1),
    titles=(photo.title, room.class_title(seen), "difference × 10"),
)

# %% [markdown]
# ## To find out
#
# Is there an image, or a class, for which this does not work? Does the changed image still fool the network once it is
# saved as JPEG?
