# %% [markdown]
# # Images adverses
#
# Changer une image, à peine, jusqu’à ce que le réseau y voie une autre classe (Szegedy *et al.*, 2013).
#
# `make notebook` ouvre ce carnet ; il retrouve le réseau et les images d’où qu’on l’ouvre.

# %%
import torch
from generator.classroom import Classroom

salle = Classroom()
target = salle.target("fooling")
photo = next(photo for photo in map(salle.photo, salle.names) if photo.label != target)
print(photo.title, "→", salle.class_title(target))

# %% [markdown]
# ## À écrire : un pas
#
# $x \leftarrow x + \eta\, g / \lVert g \rVert_2$ avec $g = \partial s_{\text{cible}} / \partial x$, le score étant pris
# avant softmax.


# %%
def step(network, image, target, eta):
    """L’image (1, canaux, H, W) après un pas de longueur eta vers la classe visée."""
    # À ÉCRIRE : le gradient du score visé, divisé par sa norme, fois eta.
    # <solution>
    image = image.detach().clone().requires_grad_()
    score = network(image)[0, target]
    (gradient,) = torch.autograd.grad(score, image)
    return image.detach() + eta * gradient / gradient.norm()
    # </solution>


# %%
salle.check_fooling(step)

# %% [markdown]
# ## À écrire : la boucle
#
# Recommencez jusqu’à ce que la classe visée ait le plus grand score, au plus 100 fois.


# %%
def fool(network, image, target, eta=0.5, iterations=100):
    """L’image modifiée et le nombre de pas qu’il a fallu."""
    # À ÉCRIRE : arrêtez-vous dès que le réseau voit la classe visée.
    # <solution>
    for done in range(iterations):
        if network(image)[0].argmax() == target:
            return image, done
        image = salle.clamp(step(network, image, target, eta))
    return image, iterations
    # </solution>


# %%
fooled, steps = fool(salle.network, photo.image, target)
seen = int(salle.network(fooled)[0].argmax())
assert seen == target, f"Pas encore : le réseau voit « {salle.class_title(seen)} »."
print(f"Trompé en {steps} pas : le réseau voit « {salle.class_title(seen)} ».")
change = salle.pixels(fooled) - salle.pixels(photo.image)
salle.show(
    salle.pixels(photo.image),
    salle.pixels(fooled),
    (0.5 + 10 * change).clip(0, 1),
    titles=(photo.title, salle.class_title(seen), "différence × 10"),
)

# %% [markdown]
# ## À chercher
#
# Y a-t-il une image, ou une classe, pour laquelle cela ne marche pas ? L’image modifiée trompe-t-elle encore le réseau
# une fois enregistrée en JPEG ?
