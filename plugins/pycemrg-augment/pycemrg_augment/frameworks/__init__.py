"""Pipelines in the data sets of PyTorch, TorchIO and MONAI: one module per framework, imported only with it.

``items`` augments one item of a data set, ``arrays`` converts arrays and their geometry.
"""
