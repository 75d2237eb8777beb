"""Many models made of one kind of model, speaking with one voice."""

__version__ = "0.1.0"
