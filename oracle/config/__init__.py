"""The YAML files as pydantic models, read only by the command line."""
