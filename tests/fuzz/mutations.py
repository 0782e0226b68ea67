"""Changes that a person could make who can compute checksums: of JSON trees, of arrays, of folders."""

import copy
import json

import numpy as np

PAYLOADS = (
    "__import__('os').system('touch nnkit-was-here')",
    "adam(learning_rate=__import__('os'))",
    "cos\nsystem\n(S'touch nnkit-was-here'\ntR.",
    "../../../../tmp/nnkit-was-here",
    "nnkit.network.network:Network",
    "os:system",
)
TEXTS = (
    "",
    " ",
    "x" * 10_000,
    "\0",
    "\ud800",
    "é",
    "nnkit/adam",
    "adam",
    "nnkit-core",
    "0.weight",
    "float16",
    *PAYLOADS,
)
NUMBERS = (0, 1, -1, 2, 3, 7, 100, -5, 10**5, 10**9, 10**12, 2**31, 2**63, -(2**63), 2**64, 10**400)
FLOATS = (0.0, -0.0, 0.5, 1.5, -1.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), -float("inf"))
DTYPES = ("<f4", "<f8", ">f8", "<f2", "<i4", "|u1", "|b1", "<c16", "<U3", "<M8[s]", "<f16")


def nested(depth, leaf=1):
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def new_value(rng, tree):
    """Anything that JSON can hold, or a part of the same tree."""
    choice = rng.integers(10)
    if choice < 3:
        return pick(rng, NUMBERS)
    if choice == 3:
        return pick(rng, FLOATS)
    if choice == 4:
        return pick(rng, TEXTS)
    if choice == 5:
        return pick(rng, (None, True, False))
    if choice == 6:
        special = (
            [],
            {},
            [[]],
            {"": {}},
            nested(70),
            nested(400),
            {"name": "nnkit/dense"},
            {"unregistered": "os.system"},
        )
        return copy.deepcopy(pick(rng, special))
    if choice == 7:
        marks = ({"$array": 0}, {"$array": -1}, {"$tuple": [1]}, {"$int": "0x" + "f" * 500}, {"$named": ["<f4", {}]})
        return copy.deepcopy(pick(rng, marks))
    parents = list(containers(tree))
    parent = pick(rng, parents)
    return copy.deepcopy(parent[pick(rng, keys_of(parent))])


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def keys_of(container):
    return list(container) if isinstance(container, dict) else list(range(len(container)))


def containers(tree):
    """Every mapping and list with content."""
    if isinstance(tree, (dict, list)) and tree:
        yield tree
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from containers(item)


def mutated_tree(rng, tree):
    """A copy with one to three changes."""
    tree = copy.deepcopy(tree)
    for _ in range(int(rng.integers(1, 4))):
        parents = list(containers(tree))
        if not parents:
            return new_value(rng, [0])
        parent = pick(rng, parents)
        key = pick(rng, keys_of(parent))
        change(rng, tree, parent, key)
    return tree


def change(rng, tree, parent, key):
    kind = rng.integers(8)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[pick(rng, ("more", *TEXTS))] = new_value(rng, tree)
    elif kind == 2 and isinstance(parent, dict):
        parent[str(key) + "_"] = parent.pop(key)
    elif kind == 3 and isinstance(parent, list):
        parent.extend(copy.deepcopy(parent) * int(rng.integers(1, 4)))
    elif kind == 4 and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
        factor = pick(rng, (-1, 2, 10, 1000))
        changed = (parent[key] + 1, parent[key] - 1, parent[key] * factor, -1, 0)
        near = abs(parent[key]) < 2**1000  # beyond, no float is
        parent[key] = pick(rng, (*changed, float(parent[key])) if near else changed)
    elif kind == 5 and isinstance(parent[key], str) and parent[key]:
        place = int(rng.integers(len(parent[key])))
        parent[key] = parent[key][:place] + pick(rng, ("", "a", "\0", "/")) + parent[key][place + 1 :]
    elif kind == 6:
        other = pick(rng, keys_of(parent))
        parent[key], parent[other] = parent[other], parent[key]
    else:
        parent[key] = new_value(rng, tree)


def mutated_array(rng, array):
    """An array with other values, another shape or another dtype."""
    kind = rng.integers(8)
    with np.errstate(all="ignore"):
        if kind < 3 and array.size and array.dtype.kind in "fiu":
            array = array.copy()
            value = pick(rng, (0.0, -1.0, 1e30, -1e30, 1e300, np.nan, np.inf, -np.inf, 1e-40))
            array.flat[int(rng.integers(array.size))] = value if array.dtype.kind == "f" else int(rng.integers(100))
            return array
        if kind == 3:
            try:
                return array.astype(pick(rng, DTYPES))
            except (TypeError, ValueError):
                return np.zeros(array.shape, "|b1")
        if kind == 4:
            return np.zeros(
                pick(rng, ((), (0,), (1,), (0, 5), (3, 0, 2), (array.size + 1,), (2, *array.shape))), array.dtype
            )
        if kind == 5:
            return np.ascontiguousarray(array.T)
        if kind == 6:
            return np.ascontiguousarray(array.reshape(-1)[: array.size // 2])
        return np.ascontiguousarray(array.reshape(-1)[::-1].reshape(array.shape))


def reloaded(tree):
    """The tree as JSON gives it back; mutations that JSON cannot hold are left out."""
    try:
        return json.loads(json.dumps(tree))
    except (ValueError, RecursionError, UnicodeError):
        return tree
