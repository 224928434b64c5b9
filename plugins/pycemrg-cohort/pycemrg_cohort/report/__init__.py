"""One page about a cohort."""
