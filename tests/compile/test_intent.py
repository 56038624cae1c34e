"""What a site is compiled from, and that each of it is seen in what comes out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from chainsaw.compile.intent import admin_directories, compile_intent
from chainsaw.model.artifact import INTENT_OF_SITE


@pytest.fixture
def once(inputs_of):
    """The inputs of a site of which one instance makes its pages of files of the admin's."""
    return inputs_of("once")


def files_of(compiled):
    return {name: {item.path: item.digest for item in one.artifacts} for name, one in compiled.instances.items()}


def test_pages_are_built_again_when_their_input_files_change(once):
    (place,) = admin_directories(once.host.paths, "www", once.bundles["www"]).values()
    before = files_of(compile_intent(once))
    for found in ({"index.md": "1"}, {"index.md": "2"}, {}):
        after = files_of(compile_intent(replace(once, admin_files={place: found})))
        assert {name for name in before if before[name] != after[name]} == {"www"}
        changed = {path for path, digest in after["www"].items() if before["www"][path] != digest}
        assert changed == {"quadlets/app@www.build.container"}
        before = after


def test_without_files_of_the_admin_those_of_the_recipe_are_used(once):
    bundle = once.bundles["www"]
    (volume, place), *_ = admin_directories(once.host.paths, "www", bundle).items()
    brought = bundle.below(bundle.recipe.volumes[volume].seed)
    assert brought
    known = {path: sha256(text).hexdigest() for path, text in brought.items()}
    assert files_of(compile_intent(once)) == files_of(compile_intent(replace(once, admin_files={place: known})))


def test_a_recorded_block_is_kept_and_other_instances_get_free_ones(inputs_of):
    inputs = inputs_of("one-host")
    first = compile_intent(inputs)
    recorded = {"blog": first.blocks["blog"].start, "gone": first.blocks["front"].start}
    again = compile_intent(replace(inputs, recorded=recorded))
    assert again.blocks["blog"] == first.blocks["blog"]
    starts = {block.start for block in again.blocks.values()}
    assert len(starts) == len(again.blocks)
    assert recorded["gone"] not in starts, "the data of what was removed is there still"


def test_a_site_contains_the_given_instances(inputs_of):
    compiled = compile_intent(inputs_of("one-host"))
    manifest, tree = compiled.site({"blog": compiled.instances["blog"]})
    assert list(manifest.instances) == ["blog"]
    assert manifest.front is not None
    assert not [path for path in tree if "club" in path]
    whole, _ = compiled.site(compiled.instances)
    assert whole.instances["blog"] == manifest.instances["blog"]


def test_a_site_contains_the_text_of_site_yaml(inputs_of):
    compiled = compile_intent(inputs_of("mail"))
    _, tree = compiled.site(compiled.instances)
    assert tree[INTENT_OF_SITE].content.decode() == compiled.inputs.intent.site_text
