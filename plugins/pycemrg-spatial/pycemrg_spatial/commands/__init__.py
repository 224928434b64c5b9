"""The commands; light modules that import what they need when they run."""
