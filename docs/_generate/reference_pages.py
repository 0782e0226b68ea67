"""The API reference: a page for each public module, and for each of its classes and functions."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

import nnkit

from .text import contents, first_sentence, remove_others, sections, table, title, trail, write_if_new

ROOT = Path(nnkit.__file__).parents[1]


@attrs.frozen
class Public:
    """One public name: its module, and what it is."""

    module: str
    name: str
    value: Any

    @property
    def full_name(self) -> str:
        """``module.name``."""
        return f"{self.module}.{self.name}"

    @property
    def is_error(self) -> bool:
        """Whether it is an exception or a warning."""
        return isinstance(self.value, type) and issubclass(self.value, BaseException)

    @property
    def has_page(self) -> bool:
        """Classes and functions have pages of their own; errors and values stand on the page of their module."""
        return not self.is_error and (isinstance(self.value, type) or inspect.isroutine(self.value))

    def text(self) -> str:
        """The directive that documents it."""
        if not self.has_page and not self.is_error:
            return f".. py:data:: {self.full_name}\n\n   {self.doc()}\n"
        directive = (
            "autoexception" if self.is_error else "autoclass" if isinstance(self.value, type) else "autofunction"
        )
        lines = [f".. {directive}:: {self.full_name}"]
        if directive == "autoclass":
            lines += [f"   :members: {', '.join(members(self.value))}"] if members(self.value) else []
            bases = [base for base in self.value.__bases__ if base.__module__.startswith("nnkit")]
            if all(base.__name__ in getattr(importlib.import_module(self.module), "__all__", ()) for base in bases):
                lines += ["   :show-inheritance:"]  # bases without a page of their own tell a reader nothing
        return "\n".join(lines) + "\n"

    def doc(self) -> str:
        """Its first sentence; of a value, the string below its definition."""
        if self.has_page or self.is_error:
            return first_sentence(sections(self.value)[""])
        return value_doc(self.module, self.name)


def modules() -> Iterator[ModuleType]:
    """The public modules of nnkit, then the packages of plugins that have public names."""
    yield nnkit
    submodules = {name for name in nnkit.__all__ if inspect.ismodule(getattr(nnkit, name))} | {"arrays", "inference"}
    for name in sorted(submodules):
        yield importlib.import_module(f"nnkit.{name}")
    for path in sorted(ROOT.glob("plugins/*/nnkit_*/__init__.py")):
        if importlib.util.find_spec(path.parent.name) is not None:
            module = importlib.import_module(path.parent.name)
            if getattr(module, "__all__", ()):
                yield module


def public_names(module: ModuleType) -> list[Public]:
    """What a module offers, without its submodules."""
    found = [Public(module.__name__, name, getattr(module, name)) for name in module.__all__]
    return [public for public in found if not inspect.ismodule(public.value)]


def members(cls: type) -> list[str]:
    """The public methods and properties of a class, those of nnkit's bases included."""
    ours = [base for base in cls.__mro__ if base.__module__.partition(".")[0].startswith("nnkit")]
    found = dict.fromkeys(
        name
        for base in ours
        for name, value in vars(base).items()
        if not name.startswith("_") and _is_ours(value) and inspect.getdoc(getattr(cls, name))
    )
    return sorted(found)


def _is_ours(value: object) -> bool:
    """Whether nnkit or a plugin wrote this method or property; scikit-learn adds some to its estimators."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return inspect.isroutine(function) and str(getattr(function, "__module__", "")).startswith("nnkit")


def value_doc(module: str, name: str) -> str:
    """The string below the definition of a value, in the module that defines it."""
    path = inspect.getsourcefile(importlib.import_module(module))
    tree = ast.parse(Path(str(path)).read_text(encoding="utf-8"))
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ImportFrom) and any(name == (alias.asname or alias.name) for alias in node.names):
            return value_doc(str(node.module), name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            return " ".join(str(following.value.value).split()) if is_text else f"``{ast.unparse(node)}``"
    return ""


def write(folder: Path) -> None:
    """Write the pages of all modules."""
    written: set[Path] = set()

    def put(name: str, text: str) -> None:
        write_if_new(folder / f"{name}.rst", text)
        written.add(folder / f"{name}.rst")

    shown = list(modules())
    for module in shown:
        names = public_names(module)
        own = [public for public in names if public.has_page]
        here = [public for public in names if not public.has_page]
        rows = [(f":doc:`{public.name} <{public.full_name}>`", public.doc()) for public in own]
        pieces = [title(module.__name__), inspect.getdoc(module) or "", ""]
        pieces += [table(("Name", "What it is"), rows)] if own else []
        pieces += [public.text() for public in here]
        put(module.__name__, "\n".join(pieces))
        way = trail("/api/index", "Every public name", f"/api/{module.__name__}", module.__name__)
        for public in own:
            put(public.full_name, f"{way}\n{title(public.name)}\n{public.text()}")
    rows = [(f":doc:`{m.__name__}`", first_sentence(sections(m)[""])) for m in shown]
    put(
        "index",
        "\n".join(
            [
                title("Every public name"),
                table(("Module", "What it holds"), rows),
                contents([m.__name__ for m in shown]),
            ]
        ),
    )
    remove_others(folder, written)
