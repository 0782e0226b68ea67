"""Small trained networks, and the bytes of their files."""

import io

import numpy as np
from files.resealing import members_of, sealed

import nnkit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, :1] * X[:, 1:2]


def trained(layers=(3, 5, 1), *, epochs=2, X=X, callbacks=(), **settings):
    net = nnkit.Network(list(layers), **{"seed": 0, "hidden_activation": "tanh"} | settings)
    net.fit(X, Y, epochs=epochs, batch_size=16, callbacks=callbacks)
    return net


def saved(net, **options):
    file = io.BytesIO()
    net.save(file, **options)
    return file.getvalue()


def loaded(content, **options):
    return nnkit.Network.load(io.BytesIO(content), **options)


def resealed(content, change):
    """The bytes of a file in which ``change(manifest, arrays)`` has changed something."""
    manifest, arrays = members_of(content)
    names = [entry[0] for entry in manifest["arrays"]]
    by_name = dict(zip(names, arrays, strict=True))
    change(manifest["tree"], by_name)
    return sealed(manifest, list(by_name.values()))
