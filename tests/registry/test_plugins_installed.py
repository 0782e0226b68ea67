"""Parts of really installed packages: found by name, never imported early, never mixed up."""

import sys
import threading

import attrs
import pytest

from nnkit import plugins
from nnkit.errors import AmbiguousNameError, MissingProviderError, PluginWarning, SpecError, UnknownNameError
from nnkit.registry import manager, name_of, part_from_config, part_to_config


def provider(name):
    return next(one for one in plugins.providers() if one.distribution == name)


def test_a_static_part_is_known_before_and_imported_when_used(environment):
    environment("good")
    assert "lynx" in plugins.names("optimizer")
    assert "acme_nn.lynx" not in sys.modules
    assert provider("acme-nn").state == "not loaded"
    made = plugins.create("optimizer", "lynx(learning_rate=0.5)")
    assert type(made).__module__ == "acme_nn.lynx"
    assert made.learning_rate == 0.5
    assert provider("acme-nn").state == "loaded"


@pytest.mark.parametrize("spelling", ["acme-nn/lynx", "Acme_NN/Lynx", "ACME.nn/ly-nx", "lynx", "LYNX"])
def test_every_spelling_of_a_name_finds_the_part(environment, spelling):
    environment("good")
    assert plugins.get("optimizers", spelling).__name__ == "Lynx"


def test_a_bare_name_of_two_packages_is_an_error_that_lists_both(environment):
    environment("good")
    with pytest.raises(AmbiguousNameError, match=r"acme-nn/puma.*zeta-nn/puma"):
        plugins.create("optimizer", "puma")
    assert plugins.get("optimizer", "acme-nn/puma").__module__ == "acme_nn.puma"
    assert plugins.get("optimizer", "zeta-nn/puma").__module__ == "zeta_nn.puma"
    assert {"acme-nn/puma", "zeta-nn/puma"} <= set(plugins.names("optimizer"))
    assert "puma" not in plugins.names("optimizer")
    assert "acme-nn/puma" in plugins.why("puma")
    assert "zeta-nn/puma" in plugins.why("puma")


def test_without_one_of_the_two_the_bare_name_is_enough(environment):
    environment("good")
    with plugins.disabled("zeta-nn"):
        assert plugins.get("optimizer", "puma").__module__ == "acme_nn.puma"
        assert "puma" in plugins.names("optimizer")


def test_a_builtin_cannot_be_shadowed(environment):
    environment("good")
    assert plugins.get("activation", "relu").__module__ == "nnkit.activations.relu"
    assert plugins.get("activation", "acme-nn/relu").__module__ == "acme_nn.parts"
    assert {"relu", "acme-nn/relu"} <= set(plugins.names("activation"))
    assert "acme-nn/relu" in plugins.why("relu")
    assert plugins.get("activation", "nnkit-core/relu") is plugins.get("activation", "nnkit/relu")


def test_the_names_of_a_hook_module_come_with_its_import(environment):
    environment("good")
    assert "dynamo" not in plugins.names("activation")
    assert provider("acme-nn").pending == ("acme_nn.plugin",)
    assert "acme_nn.plugin" not in sys.modules
    assert plugins.get("activation", "dynamo").__name__ == "AcmeReLU"
    assert plugins.get("activation", "dyn") is plugins.get("activation", "acme-nn/dynamo")
    assert "dynamo" in plugins.names("activation")
    assert provider("acme-nn").pending == ()


def test_listing_may_import_the_hook_modules_on_request(environment):
    environment("good")
    assert "dynamo" in plugins.names("activation", load=True)
    environment("good")
    listed = next(one for one in plugins.providers(load=True) if one.distribution == "acme-nn")
    assert "dynamo" in listed.parts["activation"]


def test_a_qualified_name_imports_no_other_package(environment):
    environment("good")
    plugins.get("optimizer", "zeta-nn/puma")
    assert not [name for name in sys.modules if name.startswith(("acme_nn", "turbo_nn"))]


def test_providers_say_who_is_there(environment):
    environment("good")
    acme = provider("acme-nn")
    assert acme.version == "1.2.0"
    assert acme.parts == {
        "activation": ("relu", "swoosh"),
        "optimizer": ("lynx", "puma"),
        "schedule": ("harmonic",),
    }
    assert plugins.providers()[0].distribution == "nnkit-core"
    assert "relu" in plugins.providers()[0].parts["activation"]


def test_a_distribution_disabled_in_a_block(environment):
    environment("good")
    with plugins.disabled("Acme_NN"):
        assert "lynx" not in plugins.names("optimizer")
        assert provider("acme-nn").state == "disabled"
        with pytest.raises(UnknownNameError, match=r"(?s)acme-nn provides acme-nn/lynx, but is disabled.*disabled\("):
            plugins.get("optimizer", "lynx")
        with pytest.raises(UnknownNameError, match="is disabled"):
            plugins.get("optimizer", "acme-nn/lynx")
        assert "is disabled" in plugins.why("lynx")
    assert plugins.get("optimizer", "lynx").__name__ == "Lynx"


def test_a_list_of_distributions_to_disable_is_refused():
    with (
        pytest.raises(SpecError, match=r"names \['acme-nn'\]; expected the names of distributions, each a string"),
        plugins.disabled(["acme-nn"]),
    ):
        pass


def test_disabling_holds_for_one_thread(environment):
    environment("good")
    seen = []
    with plugins.disabled("acme-nn"):
        worker = threading.Thread(target=lambda: seen.append(plugins.get("optimizer", "lynx").__name__))
        worker.start()
        worker.join()
    assert seen == ["Lynx"]


def test_the_two_variables(environment, monkeypatch):
    environment("good")
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "acme_nn")
    with pytest.raises(UnknownNameError, match="NNKIT_PLUGINS_DISABLE"):
        plugins.get("optimizer", "lynx")
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "")
    monkeypatch.setenv("NNKIT_PLUGINS", "zeta-nn, turbo-nn")
    assert provider("acme-nn").state == "disabled"
    assert plugins.get("optimizer", "puma").__module__ == "zeta_nn.puma"
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    with pytest.raises(UnknownNameError, match="NNKIT_PLUGINS is empty"):
        plugins.get("optimizer", "lynx")
    assert {one.state for one in plugins.providers()[1:]} == {"disabled"}
    monkeypatch.setenv("NNKIT_PLUGINS", "nnkit-core acme-nn")
    assert plugins.get("optimizer", "lynx").__name__ == "Lynx"


def test_an_unknown_name_in_a_variable_warns_once(environment, monkeypatch):
    environment("good")
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "acme-n")
    with pytest.warns(PluginWarning, match=r"NNKIT_PLUGINS_DISABLE names 'acme-n'.*did you mean 'acme-nn'"):
        plugins.names("optimizer")
    plugins.names("optimizer")
    with (
        pytest.warns(PluginWarning, match=r"disabled\(\.\.\.\) names 'numpy', but no installed plugin"),
        plugins.disabled("numpy"),
    ):
        pass
    with pytest.warns(PluginWarning, match="built-in parts, which cannot be disabled"), plugins.disabled("nnkit-core"):
        assert plugins.create("activation", "relu").kind == "activation"


def test_a_wrong_name_is_answered_with_the_right_one(environment):
    environment("good")
    with pytest.raises(UnknownNameError) as caught:
        plugins.create("optimizer", "linx")
    first, second, *_, last = str(caught.value).splitlines()
    assert "'linx'" in first
    assert "did you mean 'acme-nn/lynx'" in second
    assert "adam" in last
    assert "lynx, puma (acme-nn)" in last
    with pytest.raises(UnknownNameError, match=r"did you mean 'acme-nn/lynx'"):
        plugins.create("optimizer", "acme-n/lynx")
    with pytest.raises(UnknownNameError, match=r"acme-nn 1\.2\.0 is installed, but has no optimizer of that name"):
        plugins.create("optimizer", "acme-nn/tiger")
    with pytest.raises(UnknownNameError, match="'acme-nn/lynx' is an optimizer, not a loss"):
        plugins.create("loss", "lynx")


def test_the_answer_keeps_its_order(environment):
    environment("good")
    with plugins.disabled("turbo-nn"), pytest.raises(UnknownNameError) as caught:
        plugins.create("activation", "linear_warmup")
    signs = (
        "no activation is called",
        "is a schedule, not",
        "turbo-nn might",
        "the activations",
    )
    assert len(str(caught.value).splitlines()) == len(signs)
    for line, sign in zip(str(caught.value).splitlines(), signs, strict=True):
        assert sign in line


def test_name_of_is_the_way_back(environment):
    environment("good")
    from acme_nn.decay import Harmonic
    from acme_nn.lynx import Lynx
    from acme_nn.parts import AcmeReLU

    assert name_of(Lynx()) == "acme-nn/lynx"
    assert name_of(Harmonic) == "acme-nn/harmonic"
    assert name_of(AcmeReLU) in {"acme-nn/relu", "acme-nn/dynamo"}
    assert name_of(plugins.create("activation", "relu")) == "nnkit/relu"

    @attrs.frozen(kw_only=True)
    class Own(AcmeReLU):
        pass

    assert name_of(Own) is None


def test_a_config_names_its_providers_and_comes_back(environment):
    environment("good")
    part = plugins.create("optimizer", {"name": "lynx", "learning_rate": "harmonic"})
    config = part_to_config(part)
    assert config == {
        "name": "acme-nn/lynx",
        "learning_rate": {"name": "acme-nn/harmonic"},
        "providers": {"acme-nn": "1.2.0"},
    }
    assert part_from_config("optimizer", config) == part == plugins.create("optimizer", config)


def test_a_config_whose_provider_is_missing_names_what_to_install(environment):
    environment("good")
    config = part_to_config(plugins.create("optimizer", "sgd(learning_rate='harmonic')"))
    assert config["providers"].keys() == {"nnkit-core", "acme-nn"}
    config["learning_rate"]["name"] = "gone-nn/harmonic"
    config["providers"]["gone-nn"] = config["providers"].pop("acme-nn")
    with pytest.raises(MissingProviderError, match=r"optimizer\.learning_rate.*'gone-nn' is not installed.*1\.2\.0"):
        part_from_config("optimizer", config)
    repaired = part_from_config("optimizer", config, overrides={"optimizer.learning_rate": 0.25})
    assert repaired.learning_rate == 0.25
    config["learning_rate"]["name"] = "acme-nn/vanished"
    with pytest.raises(UnknownNameError, match="acme-nn 1.2.0 is installed, but has no schedule of that name"):
        part_from_config("optimizer", config)


def test_accelerators_of_installed_plugins(environment, monkeypatch):
    from nnkit.registry import accelerate

    environment("good")
    sigmoid, relu, tanh = (plugins.create("activation", name) for name in ("sigmoid", "relu", "tanh"))
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    assert accelerate(sigmoid) is sigmoid
    assert "turbo_nn" not in sys.modules
    monkeypatch.delenv("NNKIT_PLUGINS")
    assert type(accelerate(sigmoid)).__module__ == "turbo_nn.parts"
    assert accelerate(relu) is relu
    assert "turbo_nn.quiet" not in sys.modules  # not among the accelerators, so not imported for them
    assert "acme_nn.plugin" in sys.modules  # says nothing about itself, so it has to be asked
    with pytest.warns(PluginWarning, match=r"turbo.*skipped.*no compiler"):
        assert accelerate(tanh) is tanh
    assert accelerate(tanh) is tanh
    with plugins.disabled("turbo-nn"):
        assert accelerate(sigmoid) is sigmoid


def test_accelerators_are_not_imported_for_a_name(environment):
    environment("good")
    plugins.get("optimizer", "lynx")
    assert "turbo_nn.quiet" in sys.modules
    assert "turbo_nn.counterparts" not in sys.modules


def test_an_accelerator_that_returns_something_else_is_skipped(environment, monkeypatch):
    from nnkit.registry import accelerate

    monkeypatch.setenv("NNKIT_PLUGINS", "turbo-nn")
    environment("good")
    softsign = plugins.create("activation", "softsign")
    with pytest.warns(PluginWarning, match="'not a part', which is not a part of kind 'activation'"):
        assert accelerate(softsign) is softsign


def test_an_accelerator_that_exits_does_not_end_a_training(environment):
    from nnkit.registry import accelerate

    environment("more")
    relu = plugins.create("activation", "relu")
    with pytest.warns(PluginWarning, match="the plugin exit-nn is skipped.*SystemExit: no license"):
        assert accelerate(relu) is relu
    assert {one.distribution: one.state for one in plugins.providers()}["exit-nn"] == "failed"
    with pytest.raises(UnknownNameError) as caught:
        plugins.get("activation", "nosuch")
    assert "exit-nn" not in str(caught.value)  # it could not have provided it


def test_a_package_installed_meanwhile_is_found(environment, sites, monkeypatch):
    environment()
    with pytest.raises(UnknownNameError):
        plugins.get("optimizer", "lynx")
    monkeypatch.syspath_prepend(str(sites["good"]))
    assert plugins.get("optimizer", "lynx").__name__ == "Lynx"


def test_many_threads_make_one_registry_and_one_class(environment, monkeypatch):
    environment("good")
    monkeypatch.setattr(manager, "_current", None)
    start, found = threading.Barrier(8), []

    def work():
        start.wait()
        found.append((id(manager.current()), plugins.get("activation", "dynamo"), plugins.get("optimizer", "lynx")))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_class_of_another_kind_is_refused(environment):
    environment("good")
    with pytest.raises(SpecError, match="Lynx is an optimizer, not an activation"):
        plugins.create("activation", plugins.get("optimizer", "lynx"))
