"""A page for each part, made from the registry: formula, picture, hyperparameters, source and example."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

import nnkit
from nnkit import plot, plugins
from nnkit.errors import NNKitError
from nnkit.interfaces import Part
from nnkit.interfaces.fields import EXPECTED
from nnkit.plot.part import drawable
from nnkit.registry.builtins import ALIASES
from nnkit.registry.kinds import KINDS, Kind, hyperparameters

from .text import arguments, contents, first_sentence, remove_others, sections, table, title, trail, write_if_new

ROOT = Path(nnkit.__file__).parents[1]

USES = {
    "activation": "nnkit.Network([4, 16, 2], hidden_activation={spec})",
    "loss": "nnkit.Network([4, 16, 2], loss={spec})",
    "optimizer": "nnkit.Network([4, 16, 2], optimizer={spec})",
    "initializer": 'nnkit.Network([4, nnkit.Dense(16, "tanh", weight_initializer={spec}), 2])',
    "layer": "nnkit.Network([4, {spec}, 2])",
    "schedule": 'nnkit.Network([4, 16, 2], optimizer={{"name": "sgd", "learning_rate": {spec}}})',
    "regularizer": "nnkit.Network([4, 16, 2], regularizer={spec})",
    "metric": "network.fit(X, y, metrics=[{spec}])",
    "callback": "network.fit(X, y, callbacks=[{spec}])",
    "recipe": "nnkit.fit_recipe({spec}, X, y)",
}
"""How a part of each kind is named in a program."""


@attrs.frozen
class PartPage:
    """What the page of one part is made from."""

    kind: Kind
    name: str
    cls: type[Part]
    provider: str

    @property
    def file(self) -> str:
        """Its path below the folder of all parts, without the ending."""
        return f"{self.kind.plural}/{self.name.replace('/', '--')}"

    @property
    def part(self) -> Part | None:
        """The part with its default values, if all of its hyperparameters have one."""
        try:
            return plugins.create(self.kind.name, self.name)
        except NNKitError:
            return None

    def summary(self) -> str:
        """The formula, or what the part does, in one sentence."""
        return first_sentence(sections(self.cls)[""])

    def text(self) -> str:
        """The page."""
        doc = sections(self.cls)
        signature = f"({', '.join(self._parameters())})"
        pieces = [
            trail("/parts/index", "Every part", f"/parts/{self.kind.plural}/index", self.kind.plural.capitalize()),
            title(self.name),
            f".. py:class:: {self.cls.__module__}.{self.cls.__qualname__}{signature}\n",
            *(f"   {line}".rstrip() for line in (doc[""] + "\n\n" + doc["Text"]).strip().splitlines()),
            "",
        ]
        if self.part is not None and drawable(self.part):
            pieces += [f".. image:: {Path(self.file).name}.svg", f"   :alt: {self.kind.name} {self.name}", ""]
        pieces += [title("Hyperparameters", "-"), self._hyperparameters()]
        if "Raises" in doc:
            pieces += [title("Errors", "-"), table(("Error", "When"), _items(doc["Raises"]))]
        if "State" in doc:
            pieces += [title("State", "-"), doc["State"], ""]
        pieces += [title("Source", "-"), doc["Source"], ""] if "Source" in doc else []
        if "Example" in doc:
            pieces += [title("Example", "-"), ".. code-block:: pycon\n", _indented(doc["Example"]), ""]
        pieces += [title("In a program", "-"), self._use(), self._facts()]
        return "\n".join(pieces)

    def _parameters(self) -> Iterator[str]:
        fields = hyperparameters(self.cls)
        positional = [name for name, field in fields.items() if not field.kw_only]
        yield from (f"{name}{_default(fields[name], '=')}" for name in positional)
        if len(positional) < len(fields):
            yield "*"
        yield from (f"{name}{_default(field, '=')}" for name, field in fields.items() if field.kw_only)

    def _hyperparameters(self) -> str:
        fields = hyperparameters(self.cls)
        meanings: dict[str, str] = {}
        for base in reversed(self.cls.__mro__):  # those that an interface documents, then the part's own
            doc = sections(base)
            meanings |= arguments(doc.get("Attributes", "")) | arguments(doc.get("Args", ""))
        if not fields:
            return "None.\n"
        rows = [
            (
                f"``{name}``",
                f"``{_default(field, '')}``" if field.default is not attrs.NOTHING else "required",
                field.metadata.get(EXPECTED, "see the meaning"),
                meanings.get(name, meanings.get(field.name, "")),
            )
            for name, field in fields.items()
        ]
        return table(("Name", "Default", "Values", "Meaning"), rows)

    def _use(self) -> str:
        line = USES.get(self.kind.name, f"nnkit.plugins.create({self.kind.name!r}, {{spec}})")
        return f".. code-block:: python\n\n   {line.format(spec=_quoted(self.name))}\n"

    def _facts(self) -> str:
        interface = next(
            base.__name__
            for base in self.cls.__mro__
            if base.__module__.startswith("nnkit.interfaces.") and base.__name__ in _interfaces()
        )
        aliases = ALIASES.get(self.kind.name, {}).get(self.name, ())
        values = sorted({example.source for example in self.cls.examples})
        rows = [
            ("Provided by", self.provider),
            ("Other names", ", ".join(f"``{alias}``" for alias in aliases) or "none"),
            ("Methods", f"those of :py:class:`nnkit.interfaces.{interface}`"),
            ("Reference implementation", "yes" if self.cls.reference is not None else "no"),
            ("Reference values", "; ".join(_escaped(value) for value in values) or "none"),
        ]
        return title("Facts", "-") + "\n" + table(("Property", "Value"), rows)

    def picture(self) -> bytes | None:
        """The picture as SVG, the same bytes for the same part."""
        import matplotlib as mpl

        part = self.part
        if part is None or not drawable(part):
            return None
        file = io.BytesIO()
        with mpl.rc_context({"svg.hashsalt": self.file}):
            plot.part(part).savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return file.getvalue()


def _interfaces() -> set[str]:
    from nnkit import interfaces

    return set(interfaces.__all__)


def _default(field: attrs.Attribute[object], before: str) -> str:
    if field.default is attrs.NOTHING:
        return ""
    value = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
    return f"{before}{value!r}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("|", "\\|").replace("`", "\\`")


def _items(section: str) -> list[tuple[str, str]]:
    return [(f"``{name}``", text) for name, text in arguments(section).items()]


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def part_pages() -> Iterator[PartPage]:
    """The page of every part of nnkit and of its installed plugins, kind by kind."""
    versions = {provider.distribution: provider.version for provider in plugins.providers(load=True)}
    owners = {
        (kind, name.rpartition("/")[2]): provider.distribution
        for provider in plugins.providers()
        for kind, names in provider.parts.items()
        for name in names
    }
    for kind in KINDS.values():
        for name in plugins.names(kind.name, load=True):
            cls = plugins.get(kind.name, name)
            if not cls.__module__.startswith("nnkit"):
                continue  # registered by a program that runs in this process
            bare = name.rpartition("/")[2]
            owner = name.partition("/")[0] if "/" in name else owners.get((kind.name, bare), "nnkit-core")
            yield PartPage(kind, name, cls, f"{owner} {versions.get(owner, '')}".strip())


def versions() -> list[tuple[str, str, str]]:
    """Distribution, version and description of nnkit and of each of its plugins, as their projects state them."""
    rows = []
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]:
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        rows.append((project["name"], project.get("version", nnkit.__version__), project["description"]))
    return rows


def write(folder: Path) -> None:
    """Write the pages of all parts, with their pictures, and an index of each kind."""
    pages = list(part_pages())
    written: set[Path] = set()

    def put(name: str, text: str | bytes) -> None:
        write_if_new(folder / name, text)
        written.add(folder / name)

    for page in pages:
        put(f"{page.file}.rst", page.text())
        picture = page.picture()
        if picture is not None:
            put(f"{page.file}.svg", picture)
    for kind in KINDS.values():
        mine = [page for page in pages if page.kind is kind]
        rows = [(f":doc:`{page.name} </parts/{page.file}>`", page.summary(), page.provider) for page in mine]
        heads = ("Name", "What it is", "Provided by")
        put(f"{kind.plural}/index.rst", "\n".join([title(kind.plural.capitalize()), table(heads, rows)]))
    index = [
        title("Every part"),
        f"{len(pages)} parts, each on a page of its own that is made from the part itself when this site is built.\n",
        contents([f"{kind.plural}/index" for kind in KINDS.values()], hidden=False),
        title("Versions", "-"),
        table(("Distribution", "Version", "What it adds"), versions()),
    ]
    put("index.rst", "\n".join(index))
    remove_others(folder, written)
