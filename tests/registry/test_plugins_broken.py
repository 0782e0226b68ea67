"""Really installed packages with a fault each: the others work, and a look-up names the fault."""

import sys
import warnings

import pytest

from nnkit import plugins
from nnkit.errors import PluginError, PluginLoadError, PluginWarning, UnknownNameError


@pytest.fixture
def broken(environment):
    registry = environment("broken")
    with pytest.warns(PluginWarning, match="bad-kind"):  # of the misspelt group, seen at the first look
        plugins.names("loss")
    return registry


@pytest.fixture
def quiet(broken):
    """The same, with the hook modules already tried and warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        plugins.names("loss", load=True)
    return broken


def provider(name):
    return next(one for one in plugins.providers() if one.distribution == name)


def test_the_sound_package_works_among_the_broken_ones(quiet):
    assert plugins.create("optimizer", "otter").kind == "optimizer"
    assert provider("sound-nn").state == "loaded"
    assert plugins.create("optimizer", "spare").kind == "optimizer"


def test_listing_tries_nothing_and_so_breaks_nothing(broken):
    listed = {one.distribution: one for one in plugins.providers()}
    assert listed["bad-import"].parts == {"optimizer": ("kaput", "spare")}
    assert listed["bad-import"].state == "not loaded"
    assert not [name for name in sys.modules if name.startswith("bad_")]


def test_a_part_broken_on_import_is_raised_chained_when_asked_for(quiet):
    for _ in range(2):  # the failure is kept
        with pytest.raises(
            PluginLoadError, match=r"bad-import/kaput.*bad-import \(entry point kaput.*RuntimeError"
        ) as c:
            plugins.create("optimizer", "kaput")
        assert str(c.value.__cause__) == "compiled for another machine"
        assert isinstance(c.value, ImportError)
    assert provider("bad-import").state == "failed"
    assert "compiled for another machine" in provider("bad-import").reason
    assert "kaput" not in plugins.names("optimizer")
    assert "Traceback" in plugins.why("kaput")
    assert "bad_import/mod.py" in plugins.why("kaput")


def test_every_broken_hook_module_is_warned_of_once(broken):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plugins.names("loss", load=True)
    sentences = [str(one.message) for one in caught]
    for distribution in ("bad-hook", "bad-exit", "bad-spelling", "bad-undecorated", "bad-staging"):
        assert 1 == sum(sentence.startswith(f"the plugin {distribution} ") for sentence in sentences)
        assert provider(distribution).state == "failed"
    assert {one.category for one in caught} == {PluginWarning}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugins.names("loss", load=True)


def test_a_broken_hook_module_is_mentioned_with_any_unknown_name(quiet):
    with pytest.raises(
        UnknownNameError, match=r"(?s)bad-hook.*a_module_that_is_not_there.*might have provided"
    ) as caught:
        plugins.create("activation", "wanted")
    assert isinstance(caught.value.__cause__, ImportError | SystemExit | PluginError | RuntimeError)
    with pytest.raises(PluginLoadError, match="a_module_that_is_not_there") as caught:
        plugins.create("activation", "bad-hook/wanted")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_system_exit_on_import_ends_nothing(quiet):
    with pytest.raises(PluginLoadError, match=r"bad-exit/leaver.*SystemExit: 3") as caught:
        plugins.create("activation", "leaver")
    assert isinstance(caught.value.__cause__, SystemExit)
    assert "SystemExit: 4" in provider("bad-exit").reason


def test_a_misspelt_hook_is_named_with_the_right_one(quiet):
    reason = provider("bad-spelling").reason
    assert "'nnkit_registr'" in reason
    assert "did you mean 'nnkit_register'" in reason


def test_an_undecorated_hook_is_named_with_the_fix(quiet):
    reason = provider("bad-undecorated").reason
    assert "'nnkit_register' is not decorated" in reason
    assert "@nnkit.plugins.hookimpl" in reason


def test_nothing_counts_of_a_module_whose_hook_fails_halfway(quiet):
    assert "the second half fails" in provider("bad-staging").reason
    assert "half_done" not in plugins.names("activation", load=True)
    with pytest.raises(PluginLoadError, match="the second half fails"):
        plugins.create("activation", "bad-staging/half_done")


@pytest.mark.parametrize(
    ("kind", "name", "culprit"),
    [
        ("loss", "impostor", r"Impostor is not a subclass of nnkit\.interfaces\.Loss; it is an activation, not a loss"),
        ("loss", "function", r"expected a class, a subclass of nnkit\.interfaces\.Loss; got <function"),
        ("loss", "shapeless", r"expected 'module:Class', got 'bad_kind\.mod'"),
        ("activation", "unfinished", "does not implement derivative"),
        ("activation", "plain", r"not an attrs class; decorate it with @attrs\.frozen"),
    ],
)
def test_what_is_no_part_of_its_kind_is_refused(quiet, kind, name, culprit):
    with pytest.raises(PluginError, match=rf"bad-kind \(entry point {name} = bad_kind.*{culprit}"):
        plugins.get(kind, name)


def test_a_class_that_is_not_in_the_module(quiet):
    with pytest.raises(
        PluginLoadError, match=r"bad-kind/gone.*'bad_kind\.mod' has no 'Impostr'; did you mean 'Impostor'"
    ):
        plugins.get("loss", "gone")


def test_a_misspelt_group_is_named_with_the_right_one(environment):
    environment("broken")
    with pytest.warns(PluginWarning, match=r"bad-kind.*nnkit\.optimisers.*did you mean 'nnkit\.optimizers'"):
        plugins.providers()
    assert "did you mean 'nnkit.optimizers'" in provider("bad-kind").reason


def test_why_tells_the_state_of_a_distribution(quiet):
    text = plugins.why("bad-hook")
    assert "bad-hook 1.0 is installed" in text
    assert "Traceback" in text
    assert "bad_hook/plugin.py" in text


def test_what_would_be_found_by_accident_is_refused(quiet):
    from nnkit.registry import accelerate

    assert "nnkit_accelerate, so name it in the group 'nnkit.accelerators'" in provider("bad-groups").reason
    with pytest.warns(
        PluginWarning, match=r"bad-groups.*registering.*registers parts, so name it in the group 'nnkit'"
    ):
        accelerate(plugins.create("activation", "relu"))
