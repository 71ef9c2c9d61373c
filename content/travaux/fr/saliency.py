# %% [markdown]
# # Cartes de saillance
#
# Pour chaque pixel d’une image, de combien change le score de sa vraie classe quand ce pixel change un peu ?
# (Simonyan, Vedaldi et Zisserman, 2013.)
#
# `make notebook` ouvre ce carnet ; il retrouve le réseau et les images d’où qu’on l’ouvre.

# %%
import torch
from generator.classroom import Classroom

salle = Classroom()
print(salle.names)
photo = salle.photo(salle.names[0])
salle.show(salle.pixels(photo.image), titles=(photo.title,))

# %% [markdown]
# ## À écrire
#
# Soit $s_y(x)$ le score de la vraie classe $y$, *avant* softmax. La carte vaut, en chaque pixel, le maximum sur les
# canaux de $|\partial s_y / \partial x|$.


# %%
def saliency(network, image, label):
    """Carte de saillance, tenseur (H, W), d’une image (1, canaux, H, W)."""
    # À ÉCRIRE : le score de la classe, son gradient, le maximum des valeurs absolues.
    # <solution>
    image = image.detach().clone().requires_grad_()
    score = network(image)[0, label]
    (gradient,) = torch.autograd.grad(score, image)
    return gradient[0].abs().amax(0)
    # </solution>


# %% [markdown]
# Cette cellule compare votre fonction à la définition, par différences finies.

# %%
salle.check_saliency(saliency)

# %% [markdown]
# ## À regarder
#
# Que regarde le réseau ? Est-ce l’objet ? Tout l’objet ?

# %%
for name in salle.names[:4]:
    photo = salle.photo(name)
    values = saliency(salle.network, photo.image, photo.label)
    salle.show(salle.pixels(photo.image), (values / values.max()).numpy(), titles=(photo.title, "saillance"))
