"""The main job on the heart that ships with the package: plugin ``demo``."""
