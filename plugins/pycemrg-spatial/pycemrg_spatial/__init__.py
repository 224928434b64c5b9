"""Queries between meshes and images. Import from the submodules; this module stays light for the command line."""
