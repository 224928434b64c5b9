"""The CEMRG catalogue: step kinds, schematics and recipes, contributed as any other plugin does."""
