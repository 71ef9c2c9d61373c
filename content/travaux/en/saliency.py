# %% [markdown]
# # Saliency maps
#
# For each pixel of an image, by how much does the score of its true class change when that pixel changes a little?
# (Simonyan, Vedaldi and Zisserman, 2013.)
#
# `make notebook` opens this notebook; it finds the network and the images wherever it is opened from.

# %%
import torch
from generator.classroom import Classroom

room = Classroom()
print(room.names)
photo = room.photo(room.names[0])
room.show(room.pixels(photo.image), titles=(photo.title,))

# %% [markdown]
# ## To write
#
# Let $s_y(x)$ be the score of the true class $y$, *before* softmax. At each pixel, the map is the maximum over the
# channels of $|\partial s_y / \partial x|$.


# %%
def saliency(network, image, label):
    """Saliency map, a tensor (H, W), of an image (1, channels, H, W)."""
    # TO WRITE: the score of the class, its gradient, the maximum of the absolute values.
    # <solution>
    image = image.detach().clone().requires_grad_()
    score = network(image)[0, label]
    (gradient,) = torch.autograd.grad(score, image)
    return gradient[0].abs().amax(0)
    # </solution>


# %% [markdown]
# This cell compares your function with the definition, by finite differences.

# %%
room.check_saliency(saliency)

# %% [markdown]
# ## To look at
#
# What does the network look at? Is it the object? All of the object?

# %%
for name in room.names[:4]:
    photo = room.photo(name)
    values = saliency(room.network, photo.image, photo.label)
    room.show(room.pixels(photo.image), (values / values.max()).numpy(), titles=(photo.title, "saliency"))
