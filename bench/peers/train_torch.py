#!/usr/bin/env python3
"""The training steps of `erg bench train` in PyTorch: eager, in the faster of two memory formats, and torch.compile.

    train_torch.py FOLDER... [--device D] [--precision P] [--threads N] [--repeats R] [--only WORKLOAD]

Before it is timed, each variant takes the first steps from the same weights with the same noise as erg did.
"""

import functools
import json
import re
import sys
import time

import common

options = common.arguments(__doc__, "train")
torch = common.framework("torch", "PyTorch")
import nets_torch as nets  # noqa: E402
import numpy as np  # noqa: E402

functional = torch.nn.functional
device = "cuda" if torch.cuda.is_available() and options.device != "cpu" else "cpu"
if options.device == "cuda" and device == "cpu":
    common.no_device("PyTorch")

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


# ---- Files


def read_safetensors(file):
    """Its arrays by name. Format: https://github.com/huggingface/safetensors; erg writes single precision."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(np.frombuffer(data[start:], "<f4")[slice(*(at // 4 for at in entry["data_offsets"]))]
                               .reshape(entry["shape"]).copy())
        for name, entry in header.items()
    }  # fmt: skip


def works(options):
    """The pieces of work, with tensors in place of file names."""
    for folder, work in common.entries(options):
        work.batch = torch.from_numpy(np.load(folder / work.batch)).to(device).permute(0, 3, 1, 2)
        work.count, work.channels, work.size = work.batch.shape[:3]
        for name in ("latent_noise", "mixing_noise"):
            file = getattr(work, name)
            setattr(work, name, () if file is None else torch.from_numpy(np.load(folder / file)).to(device))
        work.before, work.after = read_safetensors(folder / work.before), read_safetensors(folder / work.after)
        yield work


# ---- Systems: models/*.h, one step of the critic for one of the generator


class Player:
    """A network and its optimiser."""

    def __init__(self, net, work, layout):
        self.net = net.to(device, memory_format=layout)
        self.params = [p for p in net.parameters() if p.requires_grad]
        self.adam = torch.optim.Adam(self.params, work.rate, (work.beta1, work.beta2), fused=True)

    def train(self, train):
        for p in self.params:
            p.requires_grad_(train)


class System:
    """What the systems share: noise, networks, and how they learn. `compiled` is torch.compile, or None."""

    undetermined = re.compile("$.")  # names of parameters whose gradient is zero

    def __init__(self, work, layout, compiled):
        self.work, self.layout, self.x = work, layout, work.batch.contiguous(memory_format=layout)
        self.given = None  # noise in place of new
        self.compiling = compiled is not None
        self.players = {name: Player(net, work, layout) for name, net in self.networks()}
        for name, player in self.players.items():
            setattr(self, name, player.net)
        if compiled:
            for name in ("samples", "critic_losses", "generator_losses"):
                setattr(self, name, compiled(getattr(self, name)))

    def prior(self):
        shape = self.work.count, self.work.latent
        return next(self.given["latent"]) if self.given else torch.randn(shape, device=device)

    def samples(self, z):
        return self.generator(z)

    def fakes(self):
        """Samples that nobody differentiates."""
        with torch.no_grad():
            return self.samples(self.prior())

    def descend(self, names, losses, *inputs):
        """One step of these players down the first of the losses that the function returns."""
        learners = [self.players[name] for name in names]
        for player in self.players.values():
            player.train(player in learners)  # compiled code would compute the others' gradients too
        found = losses(*inputs)
        found[0].backward(inputs=[p for player in learners for p in player.params])
        for player in learners:
            player.adam.step()
            player.adam.zero_grad()
        return found

    def with_squared_gradient(self, f, x):
        """f(x) and |grad f(x)|^2 of each sample, to be differentiated again."""
        if self.compiling:

            def total(x):
                values = f(x)
                return values.sum(), values

            gradient, values = torch.func.grad(total, has_aux=True)(x)
        else:
            x = x.detach().requires_grad_()
            values = f(x)
            gradient = torch.autograd.grad(values.sum(), x, create_graph=True)[0]
        return values, gradient.square().flatten(1).sum(1)


class Gan(System):
    names = ("loss_d", "loss_g")

    def networks(self):
        yield "generator", nets.dcgan_generator(self.work, self.layout)
        yield "critic", nets.dcgan_critic(self.work, norm=True)

    def critic_losses(self, x, fake):
        return (functional.softplus(-self.critic(x)).mean() + functional.softplus(self.critic(fake)).mean(),)

    def generator_losses(self, z):
        return (functional.softplus(-self.critic(self.generator(z))).mean(),)

    def step(self):
        found = self.descend(["critic"], self.critic_losses, self.x, self.fakes())
        return *found, *self.descend(["generator"], self.generator_losses, self.prior())


class Sngan(Gan):
    # What a block of the generator adds to every pixel, the next norm takes out: these gradients are rounding alone,
    # and Adam makes steps of full length of them.
    undetermined = re.compile(r"generator\.\d\.(main\.6|shortcut\.1)\.bias")

    def networks(self):
        yield "generator", nets.resnet_generator(self.work, self.layout)
        yield "critic", nets.sngan_critic(self.work)

    def critic_losses(self, x, fake):
        return (functional.relu(1 - self.critic(x)).mean() + functional.relu(1 + self.critic(fake)).mean(),)

    def generator_losses(self, z):
        return (-self.critic(self.generator(z)).mean(),)


class WganGp(System):
    """The critic's step alone."""

    names = ("distance", "penalty")

    def networks(self):
        yield "generator", nets.dcgan_generator(self.work, self.layout)
        yield "critic", nets.dcgan_critic(self.work)

    def critic_losses(self, x, fake, alpha):
        distance = self.critic(x).mean() - self.critic(fake).mean()
        _, squares = self.with_squared_gradient(self.critic, alpha * x + (1 - alpha) * fake)
        penalty = ((squares + 1e-12).sqrt() - 1).square().mean()
        return self.work.penalty * penalty - distance, distance, penalty

    def generator_losses(self, z):
        return (-self.critic(self.generator(z)).mean(),)

    def step(self):
        fake = self.fakes()
        alpha = next(self.given["mixing"]) if self.given else torch.rand(self.work.count, device=device)
        return self.descend(["critic"], self.critic_losses, self.x, fake, alpha.view(-1, 1, 1, 1))[1:]


class Meg(System):
    names = ("E(G)", "T", "gap", "penalty")

    def networks(self):
        yield "generator", nets.dcgan_generator(self.work, self.layout)
        yield "energy", nets.dcgan_critic(self.work)
        yield "statistics", nets.PairNet(self.work)

    def generator_losses(self, z):
        fake = self.generator(z)
        energy = self.energy(fake).mean()
        seen = self.statistics.trunk(fake)
        pairs = functional.softplus(-self.statistics.score(seen, z)).mean()
        strangers = functional.softplus(self.statistics.score(seen, z.roll(-1, 0))).mean()
        information = (pairs + strangers) / 2
        return energy + information, energy, information

    def critic_losses(self, x, fake):
        energy, squares = self.with_squared_gradient(self.energy, x)
        gap, penalty = energy.mean() - self.energy(fake).mean(), squares.mean()
        return gap + self.work.penalty * penalty, gap, penalty

    def step(self):
        of_generator = self.descend(["generator", "statistics"], self.generator_losses, self.prior())
        return *of_generator[1:], *self.descend(["energy"], self.critic_losses, self.x, self.fakes())[1:]


SYSTEMS = {"gan": Gan, "sngan": Sngan, "wgan-gp": WganGp, "meg": Meg}


# ---- The first steps
#
# Sums in another order change what a rectifier sees by some 1e-6 of its size, and one in a million of them rounds to
# the other side of its bend. tools/bench/precision.h says what that makes of a gradient: behind seven layers it errs by
# e = 2.6e-3 of its size. Adam's first step has the same length wherever the gradient is not zero, so that an element
# whose gradient is smaller than its error goes the other way. Of elements with normal gradients these are e / pi, each
# off by twice its way: a critic's weights miss by 2 sqrt(e / pi) = 6 % of their way. A generator's gradient comes
# through that critic and errs by as much: its weights miss by 0.3 of their way, and where a tensor is small, a few
# elements more make 0.5 of it (measured, of dcgan cifar10). A wrong gradient misses by sqrt(2), and half of that is
# allowed. It grows from step to step: weights are compared after the first, losses, which see less of it, in both.

LOSSES_ALLOWED, WEIGHTS_ALLOWED = 0.01, 0.7


def state_of(system):
    """Weights and statistics by the names that erg gives them."""
    return {
        f"{name}.{key}": tensor
        for name, player in system.players.items()
        for key, tensor in player.net.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def start_as_erg(system):
    """With the weights that erg began with, and the noise that it drew."""
    work, state = system.work, state_of(system)
    if state.keys() != work.before.keys():
        raise ValueError(f"other parameters than erg's: {sorted(state.keys() ^ work.before.keys())}")
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(work.before[name])
    system.given = {"latent": iter(work.latent_noise), "mixing": iter(work.mixing_noise)}


def check(system):
    """Takes erg's first steps: says how far its losses are from erg's, and its weights after the first step."""
    work = system.work
    in_precision("fp32")
    start_as_erg(system)
    losses, weights = [], None
    for _ in work.losses:
        losses.append([loss.item() for loss in system.step()])
        if weights is None:
            weights = distance_of_weights(system)
    system.given = None
    in_precision(options.precision)
    expected = np.array([[value for name, value in step if name in system.names] for step in work.losses])
    found = {"losses": float(np.max(np.abs(losses / expected - 1))), "weights": weights}
    return {"passed": found["losses"] < LOSSES_ALLOWED and found["weights"] < WEIGHTS_ALLOWED, **found}


def distance_of_weights(system):
    """From where erg arrived, relative to its way: the largest of all weights and statistics."""
    before, after = system.work.before, system.work.after
    return max(
        distance(tensor.cpu(), before[name], after[name])
        for name, tensor in state_of(system).items()
        if not system.undetermined.fullmatch(name)
    )


def distance(tensor, before, after):
    missed, way = torch.dist(tensor, after).item(), torch.dist(before, after).item()
    return missed / way if way > 0 else missed


def in_precision(precision):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


# ---- What is timed


class Training:
    """A system, checked and ready to train on."""

    def __init__(self, work, layout, compiled=None):
        self.layout, self.system = layout, SYSTEMS[work.system](work, LAYOUTS[layout], compiled)
        self.check = check(self.system)

    def run(self):
        self.system.step()
        if device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, steps=3):
        """The least of a step: what the others are measured with is the machine's other work."""
        found = []
        for _ in range(steps):
            start = time.perf_counter()
            self.run()
            found.append(time.perf_counter() - start)
        return min(found)


def variants(work):
    def eager():
        return min((Training(work, layout) for layout in LAYOUTS), key=Training.seconds)

    yield "eager", eager
    yield "compile", lambda: Training(work, "channels last", functools.partial(torch.compile, dynamic=False))


def row_of(work, name, runner, seconds):
    return {
        "workload": work.workload, "work": work.work, "variant": name, "layout": runner.layout,
        "precision": options.precision, "B": work.count, "width": work.width, "threads": options.threads,
        "us_per_step": 1e6 * seconds, "check": runner.check,
    }  # fmt: skip


torch.set_num_threads(options.threads)
torch.manual_seed(1)
torch._dynamo.config.recompile_limit = 64  # the same functions for every piece of work
torch.backends.cudnn.benchmark = True
environment = {"program": "torch", "version": torch.__version__, "device": device}
sys.exit(common.main(options, environment, works(options), variants, row_of, "check"))
