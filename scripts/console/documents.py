"""How documents that commands write for browsers are made of templates: styles inside, no script, nothing fetched."""

from collections.abc import Callable, Mapping

from jinja2 import ChoiceLoader, PackageLoader, Template

from handler.page.environment import page_environment
from handler.page.hidden import runs
from handler.page.reading import short

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
"""A second wall: what escaping let through would neither run nor fetch anything."""


def document_template(
    package: str, name: str, *, filters: Mapping[str, Callable[..., object]], given: Mapping[str, object]
) -> Template:
    """One of a package's templates; beside them lies `seen.html`, which shows hidden characters by name.

    Args:
        package: in whose folder `templates` it lies.
        name: of the file.
        filters: its own, besides `runs` and `short`.
        given: what is the same for every document, besides `policy`.
    """
    environment = page_environment(ChoiceLoader([PackageLoader(package), PackageLoader("scripts.console")]))
    environment.filters |= {"runs": runs, "short": short, **filters}
    environment.globals |= {"policy": POLICY, **given}
    return environment.get_template(name)
