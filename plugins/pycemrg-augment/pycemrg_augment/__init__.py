"""Training data for pycemrg: augmentations of images and label maps, slice models and simulated failures."""

__version__ = "0.1.0"
