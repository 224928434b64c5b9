"""Queries between meshes and images. Import from the modules: this one stays light for the command line."""
