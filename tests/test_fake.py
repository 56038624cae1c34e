"""A fake that is not like what it replaces is found when its test is read."""

import pytest
from fake import replaces

from chainsaw.host.systemd import UserManager


def test_a_method_with_other_parameters_is_refused():
    with pytest.raises(TypeError, match=r"Fake\.stop takes .*, UserManager\.stop .*timeout"):

        @replaces(UserManager)
        class Fake:
            def stop(self, names):
                """Take one thing less."""


def test_a_method_that_is_not_there_is_refused():
    with pytest.raises(TypeError, match="UserManager has no such method"):

        @replaces(UserManager)
        class Fake:
            def halt(self):
                """Be nothing that there is."""
