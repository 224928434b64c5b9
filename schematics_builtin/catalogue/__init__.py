"""The CEMRG catalogue (plugin ``builtin``): step kinds, schematics, recipes and label schemes."""
