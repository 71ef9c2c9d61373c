# %% [markdown]
# # Visualising a class
#
# Start from noise, and follow the gradient of the score of a class (Simonyan, Vedaldi and Zisserman, 2013).
#
# `make notebook` opens this notebook; it finds the network and the images wherever it is opened from.

# %%
import torch
from generator.classroom import Classroom

room = Classroom()
target = room.target("classvis")
print(room.class_title(target))

# %% [markdown]
# ## To write: one step
#
# We climb along the gradient of $s_y(x) - \lambda \lVert x \rVert_2$: $x \leftarrow x + \eta\, \partial / \partial x$.


# %%
def step(network, image, target, eta, weight):
    """The image (1, channels, H, W) after a gradient step of the regularised score."""
    # TO WRITE: the gradient of the score, minus the one of the regularisation.
    # <solution>
    image = image.detach().clone().requires_grad_()
    objective = network(image)[0, target] - weight * image.norm()
    (gradient,) = torch.autograd.grad(objective, image)
    return image.detach() + eta * gradient
    # </solution>


# %%
room.check_classvis(step)

# %% [markdown]
# ## The loop
#
# Before each step the image is shifted at random, and put back after it; its values stay valid.

# %%
torch.manual_seed(0)
image = torch.randn_like(room.photo(room.names[0]).image)
for _ in range(40):
    down, right = torch.randint(-16, 17, (2,)).tolist()
    image = step(room.network, image.roll((down, right), (2, 3)), target, 5, 1e-3)
    image = room.clamp(image.roll((-down, -right), (2, 3)))
print(f"score: {float(room.network(image)[0, target]):.1f}")
room.show(room.pixels(image), titles=(room.class_title(target),))

# %% [markdown]
# ## To try
#
# Vary the number of iterations, η and λ; start from a real image of the class. What would it take for the picture to
# look more like the class?
