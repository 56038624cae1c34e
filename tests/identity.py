"""Who a recipe of the tests is: what every recipe.yaml begins with."""

IDENTITY = """\
format: 1
name: demo
title: Demo
summary: What a recipe needs at least
version: "1"
revision: 1
license: MIT
home: https://example.org/
documentation: https://example.org/docs
source: https://example.org/source
maintainers: [{name: Kim, contact: kim@example.org}]
"""
