#!/usr/bin/env python3
"""Langevin chains in PyTorch: eager, torch.compile and, on a GPU, CUDA graphs of the eager and of the compiled chain.

    langevin_torch.py FOLDER... [--device D] [--precision P] [--threads N] [--repeats R] [--only WORKLOAD]
"""

import sys

import chains
import common

options = common.arguments(__doc__, "langevin")
torch = common.framework("torch", "PyTorch")
device = "cuda" if torch.cuda.is_available() and options.device != "cpu" else "cpu"
if options.device == "cuda" and device == "cpu":
    common.no_device("PyTorch")


def as_tensor(array):
    """An array of erg's: images are NHWC there, and NCHW seen through channels_last strides here."""
    tensor = torch.from_numpy(array).to(device)
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor


def as_array(tensor):
    return (tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor).cpu().numpy()


def given(noise, x):
    """The noise of a step where it is given for the first chains."""
    xi = torch.zeros_like(x)
    xi[: len(noise)] = as_tensor(noise)
    return xi


def network(work):
    nn = torch.nn
    if work.energy == "mlp":
        net = nn.Sequential(nn.Linear(2, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 1))
    else:
        net = nn.Sequential(
            nn.Conv2d(3, 32, 3, 1, 1), nn.LeakyReLU(0.05), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.05),
            nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.05), nn.Conv2d(128, 256, 4, 2, 1), nn.LeakyReLU(0.05),
            nn.Conv2d(256, 1, 4, 1, 0),
        )  # fmt: skip
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), work.weights, strict=True):
            tensor = torch.from_numpy(array)
            order = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[tensor.dim()]
            parameter.copy_(tensor.permute(order))
    net = net.to(device).requires_grad_(False)
    return net.to(memory_format=torch.channels_last) if work.energy == "image" else net


def energy_of(work):
    """The sum of the chains' energies."""
    if work.energy == "double well":
        return lambda x: 2 * (x.square() - 1).square().sum()
    net = network(work)
    return lambda x: net(x).sum()


class Chains(chains.Runner):
    """The chain as one writes it: a loop over `step(x, xi)`, where xi is drawn unless it is given."""

    def __init__(self, work, step):
        self.work, self.step = work, step
        self.starts = as_tensor(work.starts[: work.B])

    def chain(self, x, noise=None):
        for k in range(self.work.steps if noise is None else len(noise)):
            x = self.step(x, None if noise is None else given(noise[k], x))
        return x

    def run(self):
        self.chain(self.starts)
        if device == "cuda":
            torch.cuda.synchronize()

    def ends(self, starts, noise=None):
        return as_array(self.chain(as_tensor(starts), noise))


class Graph(Chains):
    """The whole chain captured once; what is replayed draws new noise each time."""

    def __init__(self, work, step):
        super().__init__(work, step)
        self.input = self.starts.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.chain(self.input)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = self.chain(self.input)

    def run(self):
        self.graph.replay()
        torch.cuda.synchronize()

    def ends(self, starts, noise=None):
        if noise is not None:
            return super().ends(starts, noise)
        self.input.copy_(as_tensor(starts))
        self.graph.replay()
        return as_array(self.output)


class UpdateInPlace(Chains):
    """The update without temporaries: four passes over buffers that stay."""

    def __init__(self, work):
        super().__init__(work, None)
        self.z = torch.empty_like(self.starts)

    def chain(self, x, noise=None):
        work, gradient, x = self.work, self.starts, x.clone()
        for k in range(work.steps if noise is None else len(noise)):
            z = self.z.normal_() if noise is None else given(noise[k], x)
            x.add_(gradient, alpha=-work.drift).add_(z, alpha=work.noise).clamp_(work.low, work.high)
        return x


def step_of(work, gradient):
    def step(x, xi):
        g = gradient(x)
        if work.grad_clip is not None:
            g = g.clamp(-work.grad_clip, work.grad_clip)
        x = x - work.drift * g + work.noise * (torch.randn_like(x) if xi is None else xi)
        return x if work.low is None else x.clamp(work.low, work.high)

    return step


def variants(work):
    if work.energy == "constant":
        starts = as_tensor(work.starts)
        eager = compiled = step_of(work, lambda x: starts)
        yield "in place", lambda: UpdateInPlace(work)
    else:
        energy = energy_of(work)

        def gradient(x):
            x = x.detach().requires_grad_()
            return torch.autograd.grad(energy(x), x)[0]

        eager, compiled = step_of(work, gradient), step_of(work, torch.func.grad(energy))
    compiled = torch.compile(compiled, dynamic=False)
    yield "eager", lambda: Chains(work, eager)
    yield "compile", lambda: Chains(work, compiled)
    if device == "cuda":
        yield "CUDA graph", lambda: Graph(work, eager)
        yield "compile, CUDA graph", lambda: Graph(work, compiled)


torch.set_num_threads(options.threads)
torch.manual_seed(1)
torch._dynamo.config.recompile_limit = 64  # one compiled step a piece of work, and one where its noise is given
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
torch.backends.cudnn.benchmark = True
sys.exit(chains.main(options, {"program": "torch", "version": torch.__version__, "device": device}, variants))
