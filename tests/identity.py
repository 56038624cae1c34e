"""Who a recipe of the tests is: what every recipe.yaml begins with."""


def identity(name: str, summary: str = "What a recipe needs at least") -> str:
    """Return the first lines of a recipe of this name."""
    return f"""\
format: 1
name: {name}
title: {name.capitalize()}
summary: {summary}
version: "1"
revision: 1
license: MIT
home: https://example.org/
documentation: https://example.org/docs
source: https://example.org/source
maintainers: [{{name: Kim, contact: kim@example.org}}]
"""


IDENTITY = identity("demo")
