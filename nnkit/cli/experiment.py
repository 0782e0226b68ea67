"""Experiment files: a TOML file that names every part of a training by string."""

from __future__ import annotations

import codecs
import inspect
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from nnkit.cli.sections import ExperimentError, check_keys, read_section
from nnkit.cli.splitting import Split
from nnkit.cli.text_layout import Reading
from nnkit.data.column_request import AUTO, ColumnsLike, checked_request
from nnkit.errors import SpecError
from nnkit.interfaces.fields import choice, real

__all__ = ["DataSection", "Experiment", "OutputSection", "read_experiment", "setting"]

# What the data section settles, what a file cannot hold, and what is about sources that a table is not.
NOT_IN_FILES = {"self", "X", "y", "validation_data", "validation_split", "sample_weight", "resume", "columns"} | {
    "window",
    "steps_per_epoch",
}


def _text(*, default: str | None = None, required: bool = False) -> Any:
    """A field of text that is not blank."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and not required:
            return
        if not isinstance(value, str) or not value.strip():
            raise ExperimentError(f"{attribute.name} must be text; got {value!r}")

    return attrs.field(default=attrs.NOTHING if required else default, validator=check)


def _texts(what: str = "column name", *, several: bool = False) -> Any:
    """A field of one text or a list of texts, or (where ``several``) of a list alone."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None or (isinstance(value, str) and not several):
            return
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            one = "" if several else f"a {what} or "
            raise ExperimentError(f"{attribute.name} must be {one}a list of {what}s; got {value!r}")

    return attrs.field(default=None, validator=check)


def _flag() -> Any:
    """A field that is true, false or left out."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and not isinstance(value, bool):
            raise ExperimentError(f"{attribute.name} must be true or false; got {value!r}")

    return attrs.field(default=None, validator=check)


def _split(given: Any) -> Split:
    return given if isinstance(given, Split) else read_section(Split, given, "split")


@attrs.frozen(kw_only=True)
class DataSection:
    """``[data]``: where samples come from, and how they are divided.

    Args:
        file: A ``.npz``, a ``.csv`` or a ``.parquet``, relative to the experiment file; ``-`` is standard input.
        x: The array of features in an ``.npz``.
        y: The array of targets in an ``.npz``.
        target: The target column (or columns) of a table; the last one when left out.
        features: The feature columns of a table; all others when left out.
        columns: ``"auto"``, or the rules of some columns of a table by name: what becomes of them as inputs. ``None``
            is ``"auto"`` for tables; the numbers of an ``.npz`` are used as they are.
        categories: Columns of features whose values are categories, also where they are numbers.
        delimiter: What separates the cells of a ``.csv``; detected when left out.
        encoding: How tables of text are encoded that are not UTF-8.
        decimal: ``"."`` or ``","``; detected when left out.
        header: Whether the first line of a ``.csv`` names its columns; detected when left out.
        missing: Texts that stand for a missing value, besides empty cells; some common ones when left out.
        missing_target: ``"refuse"``, or ``"drop"`` for leaving out rows without a target.
        index_column: A column that only numbers the rows; columns without a name are not used either.
        divide_by: Features are divided by this number; the model does it, also in ``predict``.
        standardize: Features get mean 0 and standard deviation 1 over the training rows; the model does it. When left
            out: where ``hidden`` begins with a width and nothing divides the features.
        validation_file: Rows to watch during training, instead of a share of ``file``.
        test_file: Rows for the values at the end, instead of a share of ``file``.
        split: ``[data.split]``: test, validation, seed, stratify.
    """

    file: str = _text(required=True)
    x: str = _text(default="X")
    y: str = _text(default="y")
    target: str | list[str] | None = _texts()
    features: list[str] | None = _texts(several=True)
    columns: ColumnsLike | None = attrs.field(default=None)
    categories: list[str] | None = _texts(several=True)
    delimiter: str | None = attrs.field(default=None)
    encoding: str | None = attrs.field(default=None)
    decimal: str | None = attrs.field(default=None)
    header: bool | None = _flag()
    missing: str | list[str] | None = _texts("text")
    missing_target: str = choice("refuse", ("refuse", "drop"))
    index_column: str | None = _text()
    divide_by: float | None = real(None, gt=0.0, optional=True)
    standardize: bool | None = _flag()
    validation_file: str | None = _text()
    test_file: str | None = _text()
    split: Split = attrs.field(factory=Split, converter=_split)

    def __attrs_post_init__(self) -> None:
        for part in ("test", "validation"):
            if getattr(self, f"{part}_file") is not None and getattr(self.split, part):
                raise ExperimentError(f"{part}_file and split.{part} are both given; the {part} rows come from one")

        if self.standardize and self.divide_by is not None:
            raise ExperimentError("standardize and divide_by are both given; standardize alone scales all features")

    @delimiter.validator
    def _check_delimiter(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and (not isinstance(value, str) or len(value) != 1):
            raise ExperimentError(f"delimiter must be one character; got {value!r}")

    @encoding.validator
    def _check_encoding(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        try:
            codecs.lookup("utf-8" if value is None else value)
        except (LookupError, TypeError) as error:
            raise ExperimentError(f"encoding must be one of Python's, such as 'cp1252'; got {value!r}") from error

    @decimal.validator
    def _check_decimal(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in {None, ".", ","}:
            raise ExperimentError(f"decimal must be '.' or ','; got {value!r}")
        if value is not None and value == self.delimiter:
            raise ExperimentError(f"decimal and delimiter are both {value!r}; they must differ")

    @columns.validator
    def _check_columns(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        try:
            declared = checked_request(AUTO if value is None else value)
        except SpecError as error:
            raise ExperimentError(str(error)) from error
        both = sorted(set(declared) & set(self.categories or ()))
        if both:
            raise ExperimentError(f"columns and categories both have {both[0]!r}; state it once")

    @property
    def plan(self) -> ColumnsLike:
        """The rules of columns, those of ``categories`` included."""
        declared = dict(self.columns) if isinstance(self.columns, Mapping) else {}
        declared |= dict.fromkeys(self.categories or (), "onehot")
        return declared or AUTO

    @property
    def reading(self) -> Reading:
        """How tables of text are written, where that is stated."""
        missing = [self.missing] if isinstance(self.missing, str) else self.missing
        return Reading(
            delimiter=self.delimiter,
            decimal=self.decimal,
            header=self.header,
            missing=None if missing is None else tuple(missing),
            index_column=self.index_column,
            encoding=self.encoding,
        )


@attrs.frozen(kw_only=True)
class OutputSection:
    """``[output]``: the files that are written, relative to the current folder (or ``--output``).

    Args:
        model: The trained network; named after the experiment file when left out.
        learning_curve: A picture of loss and metrics over the epochs.
        confusion_matrix: A picture of which class was taken for which.
    """

    model: str | None = _text()
    learning_curve: str | None = _text()
    confusion_matrix: str | None = _text()


@attrs.frozen(kw_only=True)
class Experiment:
    """A whole experiment file.

    Args:
        path: The file.
        text: Its text.
        settings: The values that replaced those of the text, by their keys.
        data: Where the samples come from.
        network: Arguments of ``nnkit.Network``, by name.
        training: Arguments of ``Network.fit``, by name.
        output: What is written.
    """

    path: Path
    text: str
    settings: Mapping[str, Any]
    data: DataSection
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    output: OutputSection

    def beside(self, name: str) -> Path:
        """A path that stands in the file: relative to the file's own folder."""
        return self.path.parent / name


SECTIONS = {"data": DataSection, "data.split": Split, "output": OutputSection}


def setting(text: str) -> tuple[str, Any]:
    """The key and the value of ``"network.seed=3"``: a TOML value, or else text.

    Raises:
        ExperimentError: When it is not ``KEY=VALUE`` with a section in front of the key.

    Example:
        >>> setting("network.seed=3"), setting("network.optimizer=adam(learning_rate=0.1)")
        (('network.seed', 3), ('network.optimizer', 'adam(learning_rate=0.1)'))
    """
    key, separator, value = (word.strip() for word in text.partition("="))
    if not separator or not all(word.strip() for word in key.split(".")) or "." not in key:
        raise ExperimentError(f"--set {text!r}: expected SECTION.KEY=VALUE, for example network.seed=3")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def read_experiment(path: Path, text: str | None = None, settings: Mapping[str, Any] | None = None) -> Experiment:
    """Read an experiment file.

    Args:
        path: The file.
        text: Its text; by default that of the file.
        settings: Values to use instead of those in the file, by their keys (``"network.seed"``).

    Raises:
        ExperimentError: When it is not TOML, or has a key or value that is not understood.
    """
    from nnkit.network.network import Network

    try:
        text = path.read_text(encoding="utf-8-sig") if text is None else text
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} is not a TOML file: {error}{_line(text, error)}{_instead(path)}") from error
    for key, value in (settings or {}).items():
        _replace(content, key, value)
    check_keys(content, ("data", "network", "training", "output"), str(path))
    for name in ("data", "network"):
        if name not in content:
            raise ExperimentError(f"{path} has no section [{name}]")
    sections = {name: content.get(name, {}) for name in ("network", "training")}
    keys = {name: {field.name for field in attrs.fields(cls)} for name, cls in SECTIONS.items()}
    for name, function in (("network", Network.__init__), ("training", Network.fit)):
        keys[name] = set(inspect.signature(function).parameters) - NOT_IN_FILES
    keys["network"] |= {"recipe"}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise ExperimentError(f"{path}: {name} is {section!r}; expected a section [{name}]")
        check_keys(section, keys[name], f"{path}: [{name}]", keys)
    if not {"layers", "hidden", "recipe"} & set(sections["network"]):
        raise ExperimentError(
            f"{path}: [network] lacks the key 'hidden' (or 'layers', or 'recipe'), for example hidden = [64, 32]"
        )
    training = dict(sections["training"])
    if training.get("batch_size") == "all":  # TOML has no word for None
        training["batch_size"] = None
    return Experiment(
        path=path,
        text=text,
        settings=dict(settings or {}),
        data=read_section(DataSection, content["data"], f"{path}: [data]", keys),
        network=sections["network"],
        training=training,
        output=read_section(OutputSection, content.get("output", {}), f"{path}: [output]", keys),
    )


def _line(text: str | None, error: ValueError) -> str:
    """The line that is no TOML, and how values are written."""
    if text is None:
        return "; save it as UTF-8"
    place = re.search(r"at line (\d+)", str(error))
    lines = text.splitlines()
    if place is None or int(place[1]) > len(lines):
        return ""
    shown = f": {lines[int(place[1]) - 1].strip()!r}"
    if "Cannot" in str(error):
        return shown
    if "\\" in str(error):
        return f"{shown}. Write paths with /"
    return f"{shown}. Text stands in quotes, lists in brackets; true and false are in lower case"


def _instead(path: Path) -> str:
    """What to do with a file of another kind."""
    if path.suffix.lower() in {".toml", ""}:
        return ""
    return (
        f". An experiment file names the data: [data] file = {str(path.name)!r}, and has a section [network]; a trained"
        " model goes on by nnkit train --resume MODEL"
    )


def _replace(content: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    table: Any = content
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ExperimentError(f"--set {key}: {section} is {table!r}, which has no keys")
    table[name] = value
