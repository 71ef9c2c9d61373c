# %% [markdown]
# # Visualisation d’une classe
#
# Partir d’un bruit, et suivre le gradient du score d’une classe (Simonyan, Vedaldi et Zisserman, 2013).
#
# `make notebook` ouvre ce carnet ; il retrouve le réseau et les images d’où qu’on l’ouvre.

# %%
import torch
from generator.classroom import Classroom

salle = Classroom()
target = salle.target("classvis")
print(salle.class_title(target))

# %% [markdown]
# ## À écrire : un pas
#
# On monte le long du gradient de $s_y(x) - \lambda \lVert x \rVert_2$ : $x \leftarrow x + \eta\, \partial / \partial x$.


# %%
def step(network, image, target, eta, weight):
    """L’image (1, canaux, H, W) après un pas de gradient du score régularisé."""
    # À ÉCRIRE : le gradient du score, moins celui de la régularisation.
    # <solution>
    image = image.detach().clone().requires_grad_()
    objective = network(image)[0, target] - weight * image.norm()
    (gradient,) = torch.autograd.grad(objective, image)
    return image.detach() + eta * gradient
    # </solution>


# %%
salle.check_classvis(step)

# %% [markdown]
# ## La boucle
#
# Avant chaque pas l’image est décalée au hasard, et remise en place après ; ses valeurs restent valides.

# %%
torch.manual_seed(0)
image = torch.randn_like(salle.photo(salle.names[0]).image)
for _ in range(40):
    down, right = torch.randint(-16, 17, (2,)).tolist()
    image = step(salle.network, image.roll((down, right), (2, 3)), target, 5, 1e-3)
    image = salle.clamp(image.roll((-down, -right), (2, 3)))
print(f"score : {float(salle.network(image)[0, target]):.1f}")
salle.show(salle.pixels(image), titles=(salle.class_title(target),))

# %% [markdown]
# ## À essayer
#
# Faites varier le nombre d’itérations, η et λ ; partez d’une vraie image de la classe. Que faudrait-il pour que
# l’image ressemble davantage à la classe ?
