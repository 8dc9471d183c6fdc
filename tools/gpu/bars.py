"""What erg sets out to reach on a GPU, and whether it did: a bar that must be taken, and one to aim at."""

import dataclasses
import operator
from collections.abc import Callable

IMAGES, LARGE = "196608", "16777216"  # floats of 64 images of 32 x 32 x 3, and 64 MiB
ADAM_SMALL, ADAM_LARGE = "3500000", "50000000"


class Results:
    """The rows of all benchmarks, to look ratios up in: the other's time over erg's. Above 1, erg is faster. Chains
    that miss their law are as good as not measured."""

    def __init__(self, steps):
        def rows_of(*names):
            return [row for name in names for row in ((steps.get(name) or {}).get("found") or {}).get("rows", [])]

        def lawful(*names):
            return [row for row in rows_of(*names) if row["law"]["passed"]]

        self.kernels, self.chains = rows_of("erg kernels"), lawful("erg langevin")
        self.kernel_peers = rows_of("torch kernels")
        self.chain_peers = {
            "torch": lawful("torch langevin fp32", "torch langevin tf32"),
            "jax": lawful("jax langevin fp32", "jax langevin tf32"),
        }

    def of_kernel(self, kernels, shape):
        return [row for row in self.kernels if row["kernel"] in kernels and shape(row["shape"])]

    def fraction(self, kernels, shape, ceiling=None):
        """The least part of its ceiling that a kernel reached at these shapes."""
        rows = self.of_kernel(kernels, shape)
        return least(row["fraction"] for row in rows if ceiling in (None, row["ceiling"]))

    def to_ruler(self, kernels, shape):
        """The worst ratio to the vendor's routine."""
        return least(row["ratio"] for row in self.of_kernel(kernels, shape))

    def to_peer(self, kernel, shape, variant, precision="fp32"):
        """The worst of PyTorch's times for a kernel over erg's."""
        wanted = (kernel, variant, precision)
        peers = [p for p in self.kernel_peers if (p["kernel"], p["variant"], p["precision"]) == wanted]
        own = self.of_kernel([kernel], shape)
        return least(peer_ratio(row, peer) for row in own for peer in peers if peer["shape"] == row["shape"])

    def of_chain(self, workload, chains=None):
        return [row for row in self.chains if row["workload"] == workload and chains in (None, row["B"])]

    def to_chain_peer(self, workload, framework, variant, chains=None, precision="fp32"):
        """The worst of a peer's times for a step over erg's."""
        peers = [p for p in self.chain_peers[framework] if (p["variant"], p["precision"]) == (variant, precision)]
        own = self.of_chain(workload, chains)
        return least(p["us_per_step"] / o["us_per_step"] for o in own for p in peers if p["work"] == o["work"])


def peer_ratio(row, peer):
    """PyTorch's time for a kernel over erg's, which is that in a graph where PyTorch's is."""
    in_graph = "graph" in peer["variant"] and row["us_in_graph"]
    return peer["us"] / (row["us_in_graph"] if in_graph else row["us"])


def least(values):
    values = [value for value in values if value is not None]
    return min(values, default=None)


def exactly(shape):
    return lambda text: text == shape


@dataclasses.dataclass
class Bar:
    item: str
    must: float | None
    ambitious: float | None
    measure: Callable[[Results], float | None]
    reached: Callable[[float, float], bool] = operator.ge
    unit: str = "x"

    def row(self, results):
        """The bar with what was measured; where it was not, neither that nor a verdict."""
        value = self.measure(results)

        def verdict(bar):
            return None if bar is None or value is None else self.reached(value, bar)

        return {
            "item": self.item, "unit": self.unit, "measured": value, "at_most": self.reached is operator.le,
            "must": self.must, "must_reached": verdict(self.must),
            "ambitious": self.ambitious, "ambitious_reached": verdict(self.ambitious),
        }  # fmt: skip


def anywhere(_):
    return True


def graph_time(kernel, shape):
    """Microseconds a launch in a graph."""
    return lambda r: least(row["us_in_graph"] for row in r.of_kernel([kernel], exactly(shape)))


def chain_milliseconds(r):
    """Of 1024 chains of 100 steps."""
    return least(row["us_per_step"] * row["steps"] / 1e3 for row in r.of_chain("mlp", 1024))


def is_dcgan(shape):
    return "4x4 / 2" in shape


def is_igebm(shape):
    return shape.startswith("128 x ")


def has_three_channels(shape):
    return "x3 to " in shape


MANY = "65536 chains; 100 steps"

BARS = [
    Bar("Langevin update, 64 MiB: of copy bandwidth", 0.85, 0.93, lambda r: r.fraction(["langevin_"], exactly(LARGE))),
    Bar("the same: PyTorch eager", 2.5, 3, lambda r: r.to_peer("langevin_", exactly(LARGE), "eager")),
    Bar("the same: torch.compile", None, 1.5, lambda r: r.to_peer("langevin_", exactly(LARGE), "compile")),
    Bar("the same: JAX", None, 1.1, lambda r: r.to_chain_peer("update", "jax", "jit, scan", 1 << 24)),
    Bar("Langevin update, 64 images: us in a graph", 2.5, None, graph_time("langevin_", IMAGES), operator.le, "us"),
    Bar("the same: PyTorch eager", 8, None, lambda r: r.to_peer("langevin_", exactly(IMAGES), "eager")),
    Bar("MLP, 1024 chains of 100 steps: ms", 0.4, 0.15, chain_milliseconds, operator.le, "ms"),
    Bar("the same: PyTorch eager", 50, 150, lambda r: r.to_chain_peer("mlp", "torch", "eager", 1024)),
    Bar("the same: compiled in a CUDA graph", 5, 10,
        lambda r: r.to_chain_peer("mlp", "torch", "compile, CUDA graph", 1024)),
    Bar("the same: JAX jit, scan", 5, 10, lambda r: r.to_chain_peer("mlp", "jax", "jit, scan", 1024)),
    Bar("MLP, 65536 chains: torch.compile, fp32", 3, 8, lambda r: r.to_peer("dense_chain_", exactly(MANY), "compile")),
    Bar("the same: torch.compile, tf32", 1.5, 4,
        lambda r: r.to_peer("dense_chain_", exactly(MANY), "compile", "tf32")),
    Bar("conv IGEBM, N = 128, y and dx: cuDNN", 0.5, 0.7, lambda r: r.to_ruler(["conv2d", "conv2d_dx"], is_igebm)),
    Bar("the same, dw: cuDNN", 0.4, 0.7, lambda r: r.to_ruler(["conv2d_dw"], is_igebm)),
    Bar("conv DCGAN, N = 64, with bias and unit: cuDNN", 0.8, 1.2, lambda r: r.to_ruler(["conv2d_bias"], is_dcgan)),
    Bar("conv of 3 channels, y and dx: of copy bandwidth", 0.6, 0.85,
        lambda r: r.fraction(["conv2d", "conv2d_dx"], has_three_channels, "copy")),
    Bar("the same: cuDNN", 1, 2, lambda r: r.to_ruler(["conv2d", "conv2d_dx"], has_three_channels)),
    Bar("batch norm, forward and backward: of copy bandwidth", 0.75, 0.9,
        lambda r: r.fraction(["batch_norm", "batch_norm_backward"], anywhere)),
    Bar("batch norm with leaky ReLU: PyTorch", 1.4, 1.7, lambda r: r.to_peer("batch_norm", anywhere, "CUDA graph")),
    Bar("the same backward: PyTorch", 1.4, 1.7,
        lambda r: r.to_peer("batch_norm_backward", anywhere, "CUDA graph")),
    Bar("Adam, 200 MB of parameters: of copy bandwidth", 0.85, 0.93,
        lambda r: r.fraction(["adam_"], exactly(ADAM_LARGE))),
    Bar("Adam, 3.5 M parameters: PyTorch fused", 3, 6, lambda r: r.to_peer("adam_", exactly(ADAM_SMALL), "fused")),
    Bar("image energy, a step: PyTorch eager", 4, 8,
        lambda r: r.to_chain_peer("image", "torch", "eager", precision="tf32")),
    Bar("the same by graph: PyTorch's CUDA graph", None, 1.2,
        lambda r: r.to_chain_peer("image by graph", "torch", "CUDA graph", precision="tf32")),
]  # fmt: skip


def judge(steps):
    """A row for each bar; `steps` is what Steps keeps."""
    results = Results(steps)
    return [bar.row(results) for bar in BARS]
