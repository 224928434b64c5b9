"""Plain functions on SimpleITK images, by kind. Nothing here draws parameters, reads the catalogue or touches files."""
