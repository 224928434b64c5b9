"""A recipe on a whole cohort."""
