"""The networks of models/nets.h and models/nets_residual.h in PyTorch: the same layers with the same numbers and names.

Images are NCHW here, seen through the strides of a memory format, and flattened in that order, in which erg's files are.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional


class Image(nn.Module):
    """[B, channels side side] to images."""

    def __init__(self, side, layout):
        super().__init__()
        self.side, self.layout = side, layout

    def forward(self, x):
        return x.view(len(x), -1, self.side, self.side).contiguous(memory_format=self.layout)


class Flat(nn.Module):
    def forward(self, x):
        return x.flatten(1)


class Crop(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x[:, :, : self.size, : self.size]


class SumPixels(nn.Module):
    def forward(self, x):
        return x.sum((2, 3))


class Residual(nn.Module):
    def __init__(self, main, shortcut=()):
        super().__init__()
        self.main, self.shortcut = nn.Sequential(*main), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class SpectralNorm(nn.Module):
    """The weight over its largest singular value, by one step of power iteration (Miyato et al. 2018)."""

    def __init__(self, out):
        super().__init__()
        self.register_buffer("u", torch.zeros(1, out))

    def forward(self, weight):
        w = weight.flatten(1)
        with torch.no_grad():
            v = functional.normalize(self.u @ w)
            u = functional.normalize(v @ w.T)
            self.u.copy_(u)
        return weight / (v @ w.T * u).sum()


class SpectralConv2d(nn.Conv2d):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.spectral_norm = SpectralNorm(self.out_channels)

    def forward(self, x):
        return self._conv_forward(x, self.spectral_norm(self.weight), self.bias)


class SpectralLinear(nn.Linear):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.spectral_norm = SpectralNorm(self.out_features)

    def forward(self, x):
        return functional.linear(x, self.spectral_norm(self.weight), self.bias)


def before_norm(convolution):
    """With a bias that is not trained: the batch norm behind takes it out again, and erg computes no gradient of it."""
    convolution.bias.requires_grad_(False)
    return convolution


# ---- The DCGAN family: what models/nets.cpp says in its table


@dataclasses.dataclass
class Form:
    """Stages are widths, kernel, stride and padding, of a generator also the padding of its output; 0 widths: the
    image's channels."""

    side: int  # of the image that a generator begins with
    widths: int
    generator: tuple
    critic: tuple
    first: str = ""  # what follows the generator's first layer
    norm: bool = True
    slope: float = 0.2


FORMS = {
    ("meg", 28): Form(
        2, 8, ((4, 5, 2, 2, 1), (2, 5, 2, 2, 0), (1, 5, 2, 2, 1), (0, 5, 2, 2, 1)),
        ((1, 5, 2, 2), (2, 5, 2, 2), (4, 5, 2, 2), (8, 5, 2, 2)), first="norm",
    ),
    ("meg", 32): Form(
        4, 8, ((4, 4, 2, 1, 0), (2, 4, 2, 1, 0), (1, 4, 2, 1, 0), (0, 3, 1, 1, 0)),
        ((1, 3, 1, 1), (1, 4, 2, 1), (2, 3, 1, 1), (2, 4, 2, 1), (4, 3, 1, 1), (4, 4, 2, 1), (8, 3, 1, 1)), slope=0.1,
    ),
    ("wgan-gp", 28): Form(
        4, 4, ((2, 5, 2, 2, 1), (1, 5, 2, 2, 1), (0, 5, 2, 2, 1)), ((1, 5, 2, 2), (2, 5, 2, 2), (4, 5, 2, 2)),
        first="relu", norm=False,
    ),
    ("small", 28): Form(7, 2, ((1, 4, 2, 1, 0), (0, 4, 2, 1, 0)), ((1, 4, 2, 1), (2, 4, 2, 1)), first="norm"),
}  # fmt: skip


def dcgan_generator(work, layout):
    form = FORMS[work.nets, work.size]
    side, channels = form.side, form.widths * work.width
    layers = [nn.Linear(work.latent, side * side * channels)]
    layers += [nn.ReLU(True)] if form.first == "relu" else []
    layers += [Image(side, layout)]
    layers += [nn.BatchNorm2d(channels), nn.ReLU(True)] if form.first == "norm" else []
    for widths, kernel, stride, pad, output_pad in form.generator:
        out = widths * work.width or work.channels
        with_norm = form.norm and widths > 0
        convolution = nn.ConvTranspose2d(channels, out, kernel, stride, pad, output_pad)
        layers.append(before_norm(convolution) if with_norm else convolution)
        side = (side - 1) * stride - 2 * pad + kernel + output_pad
        if work.size == 28 and side == 8:
            side = 7
            layers.append(Crop(side))
        layers += [nn.BatchNorm2d(out)] if with_norm else []
        layers.append(nn.ReLU(True) if widths else nn.Tanh())
        channels = out
    return nn.Sequential(*layers)


def dcgan_critic(work, outputs=1, norm=False):
    form = FORMS[work.nets, work.size]
    layers, side, channels = [], work.size, work.channels
    for widths, kernel, stride, pad in form.critic:
        out = widths * work.width
        with_norm = norm and bool(layers)
        convolution = nn.Conv2d(channels, out, kernel, stride, pad)
        layers.append(before_norm(convolution) if with_norm else convolution)
        layers += [nn.BatchNorm2d(out)] if with_norm else []
        layers.append(nn.LeakyReLU(form.slope, True))
        side, channels = (side + 2 * pad - kernel) // stride + 1, out
    return nn.Sequential(*layers, Flat(), nn.Linear(side * side * channels, outputs))


class PairNet(nn.Module):
    """MEG's statistics network: head([trunk(x), z])."""

    def __init__(self, work):
        super().__init__()
        self.trunk = dcgan_critic(work, work.latent)
        hidden = 4 * work.latent
        slope = FORMS[work.nets, work.size].slope
        self.head = nn.Sequential(nn.Linear(2 * work.latent, hidden), nn.LeakyReLU(slope, True), nn.Linear(hidden, 1))

    def score(self, features, z):
        return self.head(torch.cat([features, z], 1))


# ---- Residual networks


def resnet_generator(work, layout):
    w = work.width

    def block():
        main = [
            nn.BatchNorm2d(w), nn.ReLU(True), nn.Upsample(scale_factor=2),
            before_norm(nn.Conv2d(w, w, 3, 1, 1)), nn.BatchNorm2d(w), nn.ReLU(True), nn.Conv2d(w, w, 3, 1, 1),
        ]  # fmt: skip
        return Residual(main, [nn.Upsample(scale_factor=2), nn.Conv2d(w, w, 1)])

    return nn.Sequential(
        nn.Linear(work.latent, 16 * w), Image(4, layout), block(), block(), block(),
        nn.BatchNorm2d(w), nn.ReLU(True), nn.Conv2d(w, work.channels, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip


def sngan_critic(work):
    """Half as wide as the generator. A block's first ReLU keeps its input, which the shortcut needs."""
    w = work.width // 2

    def conv(channels, kernel):
        return SpectralConv2d(channels, w, kernel, 1, kernel // 2)

    def convs():
        return [nn.ReLU(), conv(w, 3), nn.ReLU(True), conv(w, 3)]

    return nn.Sequential(
        Residual([conv(work.channels, 3), nn.ReLU(True), conv(w, 3), nn.AvgPool2d(2)],
                 [nn.AvgPool2d(2), conv(work.channels, 1)]),
        Residual([*convs(), nn.AvgPool2d(2)], [conv(w, 1), nn.AvgPool2d(2)]),
        Residual(convs()), Residual(convs()), nn.ReLU(), SumPixels(), SpectralLinear(w, 1, bias=False),
    )  # fmt: skip
