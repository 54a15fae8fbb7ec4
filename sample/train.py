"""Trains the sample's network on fresh pictures and writes sample/model.pt and sample/random.pt (TorchScript).

Needs Python 3.11 or later with torch, numpy and pillow, and npm for the artwork's two packages (see concepts.py).

    python sample/train.py

The network learns which labels a picture shows, and, through two heads that are not exported, where. All three
judge by few units each, which makes units specialise. `random.pt` holds the weights before training. The same seed
gives the same pictures and the same initial weights; trained weights can differ with torch's version and threads.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from concepts import LABELS, load_artwork
from render import render

SEED = 7
NUMBERS = sorted(set(LABELS.values()))
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def block(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Network(nn.Module):
    """Images [N, 3, 224, 224] -> a logit per label [N, len(NUMBERS)]; conv4 is 96x28x28, conv5 96x14x14."""

    def __init__(self):
        super().__init__()
        self.conv1, self.pool1 = block(3, 16, 5, 2), nn.MaxPool2d(2)
        self.conv2, self.pool2 = block(16, 32), nn.MaxPool2d(2)
        self.conv3 = block(32, 64)
        self.conv4, self.pool4 = block(64, 96), nn.MaxPool2d(2)
        self.conv5, self.pool5 = block(96, 96), nn.AdaptiveMaxPool2d(1)
        self.classify = nn.Linear(96, len(NUMBERS))

    def features(self, x):
        x = self.conv3(self.pool2(self.conv2(self.pool1(self.conv1(x)))))
        conv4 = self.conv4(x)
        return conv4, self.conv5(self.pool4(conv4))

    def forward(self, x):
        return self.classify(self.pool5(self.features(x)[1]).flatten(1))


def save(traced, file):
    """Saves TorchScript without its debug records, which name files of the machine that wrote them."""
    whole = file.with_suffix('.part')
    traced.save(str(whole))
    reader = torch._C.PyTorchFileReader(str(whole))
    writer = torch._C.PyTorchFileWriter(str(file))
    for record in reader.get_all_records():
        if record.endswith('.debug_pkl') or record in ('version', 'byteorder', '.data/serialization_id'):
            continue
        data = reader.get_record(record)
        writer.write_record(record, data, len(data))
    writer.write_end_of_file()
    whole.unlink()


def start_worker():
    global pictures
    pictures, _ = load_artwork()


def example(number):
    """Image [3, 224, 224] uint8 and how much of each 28x28 cell carries each label, [labels, 28, 28] in 0..16."""
    picture = render(np.random.default_rng((SEED, number)), pictures)
    maps = [np.full((112, 112), m) if isinstance(m, int) else m for found in picture.maps.values() for m in found]
    cells = np.zeros((len(NUMBERS), 28, 28), np.uint8)
    for label in sorted(set(np.unique(maps)) - {0}):
        mask = np.any([m == label for m in maps], axis=0)
        cells[NUMBERS.index(label)] = mask.reshape(28, 4, 28, 4).sum((1, 3))
    return picture.image.transpose(2, 0, 1), cells


def make_examples(count, processes):
    load_artwork()  # fetches it, before the workers ask for it
    with multiprocessing.Pool(processes, start_worker) as pool:
        images, cells = zip(*pool.imap(example, range(count), chunksize=50))
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(cells))


def normalise(images):
    return (images.float() / 255 - MEAN) / DEVIATION


def train(network, images, cells, epochs, batch=64):
    heads = nn.ModuleList([nn.Conv2d(96, len(NUMBERS), 1), nn.Conv2d(96, len(NUMBERS), 1)])
    for head in (*heads, network.classify):
        nn.init.constant_(head.bias, -4)
    steps = len(images) // batch * epochs
    optimizer = torch.optim.AdamW([*network.parameters(), *heads.parameters()], weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.15)
    network.train()
    for epoch in range(epochs):
        total = 0
        for chosen in torch.randperm(len(images))[: len(images) // batch * batch].split(batch):
            x, fine = normalise(images[chosen]), cells[chosen].float() / 16
            if torch.rand(1) < 0.5:
                x, fine = x.flip(3), fine.flip(3)
            coarse = F.avg_pool2d(fine, 2)
            conv4, conv5 = network.features(x)
            loss = 10 * F.binary_cross_entropy_with_logits(heads[0](conv4), fine)
            loss += 20 * F.binary_cross_entropy_with_logits(heads[1](conv5), coarse)
            shown = (fine.amax((2, 3)) > 0.5).float()
            loss += F.binary_cross_entropy_with_logits(network.classify(conv5.amax((2, 3))), shown)
            sparse = sum(head.weight.abs().sum(0).mean() for head in heads) * 0.002
            sparse = sparse + 0.02 * (conv4.mean() + conv5.mean())
            optimizer.zero_grad()
            (loss + sparse).backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * batch / len(images)
        print(f'epoch {epoch + 1} of {epochs}: loss {total:.3f}', flush=True)


def export(network, name):
    traced = torch.jit.trace(network.eval(), torch.zeros(1, 3, 224, 224))
    save(traced, Path(__file__).parent / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--pictures', type=int, default=6000)
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--threads', type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    network = Network()
    export(network, 'random.pt')
    print(f'{sum(p.numel() for p in network.parameters())} parameters')
    images, cells = make_examples(options.pictures, options.threads)
    train(network, images, cells, options.epochs)
    export(network, 'model.pt')


if __name__ == '__main__':
    main()
