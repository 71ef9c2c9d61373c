"""Gradients of class scores with respect to pixels, once (saliency) or many times (ascent); what maps point at."""
