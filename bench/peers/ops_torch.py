#!/usr/bin/env python3
"""The kernels of `erg bench ops` in PyTorch: the same work at the same shapes, eager, compiled and as CUDA graphs.

    ops_torch.py REPORT [--device D] [--threads N] [--repeats R]

REPORT is what `erg bench ops --format json` printed. Prints JSON, a row for each of its rows and each variant; a
variant that records a CUDA graph is to be compared with erg's time in a graph. Batch norm is PyTorch's own kernel and
another for the leaky ReLU, convolutions are NHWC and the fastest that cuDNN has, or oneDNN's on the CPU.
"""

import json
import pathlib
import re
import statistics

import common

parser = common.argument_parser(__doc__)
parser.add_argument("report", type=pathlib.Path)
options = common.parse(parser)
torch = common.framework("torch", "PyTorch")
functional = torch.nn.functional
aten = torch.ops.aten
device = "cuda" if torch.cuda.is_available() and options.device != "cpu" else "cpu"
if options.device == "cuda" and device == "cpu":
    common.no_device("PyTorch")

LAUNCHES = 20  # in a run, as in erg's graphs
SLOPE = 0.2  # of leaky ReLUs, where the kernel has one


def normals(*shape):
    return torch.randn(shape, device=device)


def numbers(shape):
    """The numbers in a row's shape: "64 x 32x32x3 to 64; 4x4 / 2" has [64, 32, 32, 3, 64, 4, 4, 2]."""
    return [int(word) for word in re.findall(r"\d+", shape)]


class Launches:
    """A function launched many times, one after the other; and the same recorded as a CUDA graph."""

    def __init__(self, precision, function, count=LAUNCHES):
        self.precision, self.function, self.count = precision, function, count

    def launch(self):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
        for _ in range(self.count):
            self.function()

    def run(self):
        self.launch()
        if device == "cuda":
            torch.cuda.synchronize()


class Graph(Launches):
    def __init__(self, precision, function, count=LAUNCHES):
        super().__init__(precision, function, count)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.function()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.launch()

    def run(self):
        self.graph.replay()
        torch.cuda.synchronize()


# ---- The kernels: functions of a row's shape that yield variants, each a name and a function that launches it


def langevin(shape):
    (n,) = numbers(shape)
    x, g = normals(n), normals(n)

    def update(x, g):
        return (x - 0.01 * g.clamp(-0.5, 0.5) + 0.1 * torch.randn_like(x)).clamp(-1, 1)

    compiled = torch.compile(update, dynamic=False)
    yield "eager", lambda: update(x, g)
    yield "compile", lambda: compiled(x, g)


def adam(shape):
    (n,) = numbers(shape)
    tensors = 25  # as erg's gradients
    parameters = [torch.nn.Parameter(normals(n * (i + 1) // tensors - n * i // tensors)) for i in range(tensors)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    adam = torch.optim.Adam
    yield "eager", adam(parameters, lr=1e-4, capturable=device == "cuda").step
    yield "fused", adam(parameters, lr=1e-4, fused=True, capturable=device == "cuda").step


def norm_arrays(shape):
    """x and its gradient as images with channels last, and the parameters."""
    n, h, w, c = numbers(shape)
    images = [normals(n, c, h, w).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    return *images, normals(c), normals(c)


def batch_norm(shape):
    x, _, gamma, beta = norm_arrays(shape)

    def forward():
        return functional.leaky_relu(functional.batch_norm(x, None, None, gamma, beta, training=True), SLOPE)

    yield "eager", forward


def batch_norm_backward(shape):
    x, g, gamma, beta = norm_arrays(shape)
    normalised, mean, rstd = aten.native_batch_norm(x, gamma, beta, None, None, True, 0.1, 1e-5)
    arguments = (x, gamma, None, None, mean, rstd, True, 1e-5, [True, True, True])

    def backward():
        return aten.native_batch_norm_backward(aten.leaky_relu_backward(g, normalised, SLOPE, False), *arguments)

    yield "eager", backward


def sum_axis(shape):
    x = normals(*numbers(shape))
    yield "eager", lambda: x.sum(1)


def elementwise(function, arity):
    def variants(shape):
        inputs = [normals(*numbers(shape)) for _ in range(arity)]
        result = torch.empty_like(inputs[0])
        yield "eager", lambda: function(*inputs, out=result)

    return variants


def gemm(shape):
    n = numbers(shape)[0]
    a, b, c = normals(n, n), normals(n, n), normals(n, n)
    yield "eager", lambda: torch.mm(a, b, out=c)


def conv_arrays(shape):
    """x, w and y's gradient with channels last, the stride and the padding that halves or keeps the image."""
    n, h, w, ci, co, kh, kw, *rest = numbers(shape)
    stride, pad = rest[0] if rest else 1, (kh - 1) // 2
    extents = [(side + 2 * pad - k) // stride + 1 for side, k in ((h, kh), (w, kw))]
    arrays = [normals(n, ci, h, w), normals(co, ci, kh, kw), normals(n, co, *extents)]
    return *(array.contiguous(memory_format=torch.channels_last) for array in arrays), stride, pad


def conv2d(shape):
    x, w, _, stride, pad = conv_arrays(shape)
    yield "eager", lambda: functional.conv2d(x, w, None, stride, pad)


def conv2d_bias(shape):
    x, w, _, stride, pad = conv_arrays(shape)
    bias = normals(len(w))
    yield "eager", lambda: functional.leaky_relu(functional.conv2d(x, w, bias, stride, pad), SLOPE)


def conv_gradient(*wanted):
    def variants(shape):
        x, w, g, stride, pad = conv_arrays(shape)
        window = ([stride, stride], [pad, pad], [1, 1], False, [0, 0], 1)
        yield "eager", lambda: aten.convolution_backward(g, x, w, None, *window, list(wanted))

    return variants


def dense_chain(shape):
    chains, steps = numbers(shape)
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 1)).to(device)
    net.requires_grad_(False)
    starts = normals(chains, 2)

    def gradient(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(net(x).sum(), x)[0]

    def step_of(gradient):
        return lambda x: (x - 0.01 * gradient(x).clamp(-1, 1) + 0.1 * torch.randn_like(x)).clamp(-4, 4)

    def chain(step):
        def run():
            x = starts
            for _ in range(steps):
                x = step(x)

        return run

    yield "eager", chain(step_of(gradient))
    yield "compile", chain(torch.compile(step_of(torch.func.grad(lambda x: net(x).sum())), dynamic=False))


KERNELS = {
    "langevin_": langevin, "adam_": adam, "batch_norm": batch_norm, "batch_norm_backward": batch_norm_backward,
    "dense_chain_": dense_chain, "conv2d_bias": conv2d_bias, "sum_axis": sum_axis,
    "add": elementwise(torch.add, 2), "tanh": elementwise(torch.tanh, 1), "gemm": gemm, "conv2d": conv2d,
    "conv2d_dx": conv_gradient(True, False, False), "conv2d_dw": conv_gradient(False, True, False),
}  # fmt: skip
CHAINS_PRECISIONS = ("fp32", "tf32")  # erg's chains are fp32; PyTorch's may be either


def labelled(rows):
    """Every variant of every row: first the kernels that erg has no ruler for, and of each what is largest."""
    for kernel, variants in KERNELS.items():
        count = 1 if kernel == "dense_chain_" else LAUNCHES
        for row in reversed(rows):
            if row["kernel"] != kernel:
                continue
            for precision in CHAINS_PRECISIONS if kernel == "dense_chain_" and device == "cuda" else [row["precision"]]:
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
                for name, function in variants(row["shape"]):
                    label = (kernel, row["shape"], precision)
                    yield (*label, name), lambda p=precision, f=function, c=count: Launches(p, f, c)
                    if device == "cuda":
                        graph = "CUDA graph" if name == "eager" else f"{name}, CUDA graph"
                        yield (*label, graph), lambda p=precision, f=function, c=count: Graph(p, f, c)


def measure_by_row(rows):
    """Row after row, as erg does: all of their arrays would not fit together."""
    found, left_out = [], {}
    with common.until(options.seconds):
        for variant in labelled(rows):
            jobs = []
            common.prepare([variant], jobs, left_out)
            common.measure(jobs, options.repeats)
            for (kernel, shape, precision, name), runner, timed in jobs:
                us = 1e6 * statistics.median(timed.seconds) / runner.count
                found.append({"kernel": kernel, "shape": shape, "precision": precision, "variant": name, "us": us})
    if common.elapsed() > options.seconds:
        left_out["all that follows"] = common.NO_TIME
    return found, left_out


torch.set_num_threads(options.threads)
torch._dynamo.config.recompile_limit = 64
torch.backends.cudnn.benchmark = True
rows = json.loads(options.report.read_text())["rows"]
found, left_out = measure_by_row(rows)
common.report(options, {"program": "torch", "version": torch.__version__, "device": device}, found, left_out)
