"""An instance may have several routes: the first is where it is, the others lead there."""

from __future__ import annotations


def test_the_other_routes_have_urls_too(goldens):
    blog = goldens["several-routes"].manifest.instances["blog"]
    assert blog.url == "https://example.org/"
    assert blog.also_at == ("https://www.example.org/", "https://club.example.org/old.blog/")
    assert blog.hosts == ("example.org", "www.example.org", "club.example.org")
    assert goldens["several-routes"].manifest.instances["club"].also_at == ()


def test_they_have_the_port_of_the_front(goldens):
    for item in goldens["other-ports"].manifest.instances.values():
        moved = item.model_copy(update={"routes": (*item.routes, item.route.model_copy(update={"host": "www.test"}))})
        assert moved.also_at == (f"https://www.test:8443{item.route.path}",)
