"""The commands of the project, each `python -m scripts.<name> --help`."""
