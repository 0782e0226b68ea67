"""Mutants: the built-ins' own sources with one operator, constant, sign, axis or argument changed."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import attrs

SKIPPED = {"examples", "reference", "variants", "__attrs_post_init__", "offers"}


@attrs.frozen(kw_only=True)
class Mutant:
    """One change of one built-in."""

    key: str
    kind: str
    name: str
    cls: type


def _sites(tree: ast.Module, class_name: str) -> list[tuple[str, ast.AST, Any]]:
    """Every place of the class's methods that can be changed, with the change."""
    found: list[tuple[str, ast.AST, Any]] = []
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    for method in cls.body:
        if not isinstance(method, ast.FunctionDef) or method.name in SKIPPED:
            continue
        for node in ast.walk(method):
            where = f"{method.name}:{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"
            for label, change in _changes(node):
                found.append((f"{where} {label}", node, change))
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    swaps: dict[type, type] = {
        ast.Add: ast.Sub,
        ast.Sub: ast.Add,
        ast.Mult: ast.Div,
        ast.Div: ast.Mult,
        ast.Pow: ast.Mult,
    }
    turned: dict[type, type] = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.LtE: ast.GtE, ast.Eq: ast.NotEq}
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in swaps:
        new = swaps[type(node.op)]
        yield f"{type(node.op).__name__}->{new.__name__}", lambda n: setattr(n, "op", new())
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in turned:
        new = turned[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__}->{new.__name__}", lambda n: setattr(n, "ops", [new()])
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        value = node.value
        new_value = 1 - value if value in {0, 1} and isinstance(value, int) else value * 1.5 + (value == 0)
        if isinstance(value, int) and not isinstance(new_value, int):
            new_value = value + 1
        yield f"{value}->{new_value}", lambda n: setattr(n, "value", new_value)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value}->{not node.value}", lambda n: setattr(n, "value", not n.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "-x->x", lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.Call):
        exchanged = {"maximum": "minimum", "minimum": "maximum", "add": "subtract", "subtract": "add", "multiply": "divide",
                 "divide": "multiply", "zeros_like": "ones_like", "ones_like": "zeros_like", "exp": "expm1", "sum": "mean",
                 "mean": "sum", "log1p": "log", "expm1": "exp", "sinh": "cosh"}  # fmt: skip
        if isinstance(node.func, ast.Attribute) and node.func.attr in exchanged:
            new_name = exchanged[node.func.attr]
            yield f"{node.func.attr}->{new_name}", lambda n: setattr(n.func, "attr", new_name)
        for position, keyword in enumerate(node.keywords):
            if keyword.arg in {"axis", "keepdims", "where", "dtype", "copy"}:

                def drop(n: Any, position: int = position) -> None:
                    n.keywords = [k for i, k in enumerate(n.keywords) if i != position]

                yield f"drop {keyword.arg}", drop
        if (
            len(node.args) == 2
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"subtract", "divide", "power", "dot"}
        ):
            yield "exchange arguments", lambda n: n.args.reverse()
    if isinstance(node, ast.Return) and isinstance(node.value, (ast.BinOp, ast.Name)):
        yield "negate the result", lambda n: setattr(n, "value", ast.UnaryOp(op=ast.USub(), operand=n.value))


def mutants_of(cls: type, most: int | None) -> Iterator[Mutant]:
    """Mutants of one built-in, spread evenly over its places."""
    module = sys.modules[cls.__module__]
    source = inspect.getsource(module)
    count = len(_sites(ast.parse(source), cls.__name__))
    chosen = (
        range(count) if most is None or count <= most else [round(i * (count - 1) / (most - 1)) for i in range(most)]
    )
    for number in chosen:
        tree = ast.parse(source)
        label, node, change = _sites(tree, cls.__name__)[number]
        change(node)
        ast.fix_missing_locations(tree)
        name = f"kit_power_mutant_{cls.__module__.replace('.', '_')}_{cls.__name__}_{number}"
        made = types.ModuleType(name)
        made.__dict__["__file__"] = module.__file__
        sys.modules[name] = made
        key = f"{cls.kind} {cls.__name__}.{label}"
        try:
            exec(compile(tree, f"<{name}>", "exec"), made.__dict__)  # our own sources, one operator changed
        except Exception:  # it cannot even be imported: no mutant
            continue
        yield Mutant(key=key, kind=cls.kind, name=cls.__name__, cls=getattr(made, cls.__name__))


def builtins() -> Iterator[type]:
    """Every built-in class, each once."""
    from nnkit import plugins

    for provider in plugins.providers()[:1]:
        seen: set[type] = set()
        for kind, names in provider.parts.items():
            for name in names:
                cls = plugins.get(kind, f"nnkit/{name}")
                if cls not in seen:
                    seen.add(cls)
                    yield cls


def find(path: str) -> type:
    """The class at ``module:Class``."""
    module, _, name = path.partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found
