#!/usr/bin/env python3
"""Writes the files of this folder: networks that PyTorch made and trained, for erg to load.

For each network NAME.safetensors is its state dict after a few steps of Adam on random targets, so that no weight and no
running statistic is what it began as, written by safetensors.torch; NAME.npz, written by NumPy, has an input `x` and
the output `y` of the network in eval mode on the CPU, both in PyTorch's layout [B,C,H,W].

    python3 make.py        # the files here: PyTorch 2.15.0, safetensors 0.8.0, NumPy 2.4.6

The networks are erg's (models/nets.h, models/nets_residual.h) as lists of PyTorch's modules, with the same numbers.
"""
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file
from torch import nn

LATENT, WIDTH = 8, 4


class Residual(nn.Module):
    """main(x) + shortcut(x)."""

    def __init__(self, main, shortcut=()):
        super().__init__()
        self.main, self.shortcut = nn.Sequential(*main), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class PixelMean(nn.Module):
    """[B,C,H,W] -> [B,C]."""

    def forward(self, x):
        return x.mean((2, 3))


def dcgan_generator():  # DcganOptions::Kind::small
    w = WIDTH
    return nn.Sequential(
        nn.Linear(LATENT, 2 * w * 7 * 7), nn.Unflatten(1, (2 * w, 7, 7)), nn.BatchNorm2d(2 * w), nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 4, 2, 1), nn.BatchNorm2d(w), nn.ReLU(),
        nn.ConvTranspose2d(w, 3, 4, 2, 1), nn.Tanh())


def norm_of_units():  # Kind::wgan_gp on 32 pixels: the first batch norm comes before the units become an image
    w = WIDTH
    return nn.Sequential(
        nn.Linear(LATENT, 4 * w * 4 * 4), nn.BatchNorm1d(4 * w * 4 * 4), nn.ReLU(), nn.Unflatten(1, (4 * w, 4, 4)),
        nn.ConvTranspose2d(4 * w, 2 * w, 5, 2, 2, 1), nn.BatchNorm2d(2 * w), nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 5, 2, 2, 1), nn.BatchNorm2d(w), nn.ReLU(),
        nn.ConvTranspose2d(w, 3, 5, 2, 2, 1), nn.Tanh())


def dcgan_critic():  # Kind::small, with batch norm
    w = WIDTH
    return nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(w, 2 * w, 4, 2, 1), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(2 * w * 7 * 7, 1))


def resnet_generator():
    w = WIDTH

    def block():
        return Residual(
            [nn.BatchNorm2d(w), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(w, w, 3, 1, 1),
             nn.BatchNorm2d(w), nn.ReLU(), nn.Conv2d(w, w, 3, 1, 1)],
            [nn.Upsample(scale_factor=2), nn.Conv2d(w, w, 1)])

    return nn.Sequential(nn.Linear(LATENT, w * 4 * 4), nn.Unflatten(1, (w, 4, 4)), block(), block(), block(),
                         nn.BatchNorm2d(w), nn.ReLU(), nn.Conv2d(w, 3, 3, 1, 1), nn.Tanh())


def resnet_critic():  # WGAN-GP's
    w = WIDTH

    def convolutions(channels):
        return [nn.Conv2d(channels, w, 3, 1, 1), nn.ReLU(), nn.Conv2d(w, w, 3, 1, 1)]

    return nn.Sequential(
        Residual(convolutions(3) + [nn.AvgPool2d(2)], [nn.AvgPool2d(2), nn.Conv2d(3, w, 1)]),
        Residual([nn.ReLU()] + convolutions(w) + [nn.AvgPool2d(2)], [nn.Conv2d(w, w, 1), nn.AvgPool2d(2)]),
        Residual([nn.ReLU()] + convolutions(w)), Residual([nn.ReLU()] + convolutions(w)),
        nn.ReLU(), PixelMean(), nn.Linear(w, 1))


NETWORKS = {  # and the shape of one input
    dcgan_generator: (LATENT,),
    norm_of_units: (LATENT,),
    dcgan_critic: (3, 28, 28),
    resnet_generator: (LATENT,),
    resnet_critic: (3, 32, 32),
}


def main():
    folder = Path(__file__).parent
    for make, shape in NETWORKS.items():
        torch.manual_seed(1)
        net = make()
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(20):
            y = net(torch.randn(16, *shape))
            loss = (y - torch.randn_like(y)).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        net.eval()
        x = torch.randn(2, *shape)
        with torch.no_grad():
            y = net(x)
        save_file(net.state_dict(), folder / f"{make.__name__}.safetensors")
        # Both kinds of archives that NumPy writes.
        savez = numpy.savez if len(shape) == 1 else numpy.savez_compressed
        savez(folder / f"{make.__name__}.npz", x=x.numpy(), y=y.numpy())


if __name__ == "__main__":
    main()
