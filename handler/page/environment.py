"""How every page of the project is made of its template."""

from jinja2 import BaseLoader, Environment, StrictUndefined


def page_environment(loader: BaseLoader) -> Environment:
    """Escapes whatever a template is given, and refuses what it was not; lines of tags leave no blank ones."""
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
