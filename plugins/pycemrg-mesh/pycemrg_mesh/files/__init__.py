"""Writing of meshes and surfaces. Nothing here reads a file."""
