#!/usr/bin/env python3
"""Langevin chains in JAX: the whole chain is one jit-compiled lax.scan.

    langevin_jax.py FOLDER... [--device D] [--precision P] [--threads N] [--repeats R] [--only WORKLOAD]
"""

import sys

import chains
import common

options = common.arguments(__doc__, "langevin")
jax = common.framework("jax", "JAX")
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

LAYOUT = ("NHWC", "HWIO", "NHWC")
WINDOWS = ((1, 1), (2, 1), (2, 1), (2, 1), (1, 0))  # stride and padding of the image network's convolutions


def energy_of(work):
    """The sum of the chains' energies."""
    if work.energy == "double well":
        return lambda x: 2 * jnp.sum((x * x - 1) ** 2)
    weights = [jnp.asarray(array) for array in work.weights]
    layers = list(zip(weights[::2], weights[1::2], strict=True))

    def dense(x):
        for w, b in layers[:-1]:
            x = jax.nn.silu(x @ w + b)
        return jnp.sum(x @ layers[-1][0] + layers[-1][1])

    def image(x):
        for i, ((w, b), (stride, pad)) in enumerate(zip(layers, WINDOWS, strict=True)):
            x = jax.nn.leaky_relu(x, 0.05) if i > 0 else x
            padding = ((pad, pad), (pad, pad))
            x = jax.lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=LAYOUT) + b
        return jnp.sum(x)

    return dense if work.energy == "mlp" else image


class Chains(chains.Runner):
    def __init__(self, work):
        starts = jnp.asarray(work.starts[: work.B])
        gradient = (lambda x: starts) if work.energy == "constant" else jax.grad(energy_of(work))

        def step(x, xi):
            g = gradient(x)
            if work.grad_clip is not None:
                g = jnp.clip(g, -work.grad_clip, work.grad_clip)
            x = x - work.drift * g + work.noise * xi
            return x if work.low is None else jnp.clip(x, work.low, work.high)

        @jax.jit
        def chain(call, x):
            keys = jax.random.split(jax.random.fold_in(jax.random.key(work.seed), call), work.steps)
            return jax.lax.scan(lambda x, key: (step(x, jax.random.normal(key, x.shape)), None), x, keys)[0]

        @jax.jit
        def driven(noise, x):
            def driven_step(x, xi):
                return step(x, jnp.zeros_like(x).at[: len(xi)].set(xi)), None

            return jax.lax.scan(driven_step, x, noise)[0]

        self.starts, self.chain, self.driven, self.calls = starts, chain, driven, 0

    def next_call(self):
        self.calls += 1
        return self.calls

    def run(self):
        self.chain(self.next_call(), self.starts).block_until_ready()

    def ends(self, starts, noise=None):
        x = jnp.asarray(starts)
        return np.asarray(self.chain(self.next_call(), x) if noise is None else self.driven(jnp.asarray(noise), x))


if options.device != "auto":
    jax.config.update("jax_platforms", options.device)
jax.config.update("jax_default_matmul_precision", {"fp32": "highest", "tf32": "tensorfloat32"}[options.precision])
try:
    device = jax.devices()[0].platform
except (RuntimeError, AssertionError):  # the second where JAX was installed without CUDA
    common.no_device("JAX")
environment = {"program": "jax", "version": jax.__version__, "device": device}
sys.exit(chains.main(options, environment, lambda work: [("jit, scan", lambda: Chains(work))]))
