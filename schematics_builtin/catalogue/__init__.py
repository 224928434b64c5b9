"""The plugin ``builtin``, the CEMRG catalogue: step kinds, schematics, recipes and label schemes."""
