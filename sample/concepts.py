"""The sample's vocabulary and its artwork.

One table says which emoji show which concept; names and synonyms come from `emojibase-data`, pictures from
`@lobehub/fluent-emoji-3d`. Both are fetched once with `npm pack` into a folder of the system's temporary directory.
"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGES = {'@lobehub/fluent-emoji-3d': '1.1.0', 'emojibase-data': '17.0.0'}

# Group -> concept -> hexcodes of the emoji that show it. The group is a label of its own, over the same pixels.
THINGS = {
    'animal': {
        'cat': ['1F408', '1F431'], 'dog': ['1F415', '1F436'], 'fox': ['1F98A'], 'panda': ['1F43C'],
        'penguin': ['1F427'], 'owl': ['1F989'], 'frog': ['1F438'], 'turtle': ['1F422'],
        'fish': ['1F41F', '1F420'], 'octopus': ['1F419'], 'crab': ['1F980'], 'whale': ['1F40B', '1F433'],
        'butterfly': ['1F98B'], 'lady_beetle': ['1F41E'],
    },
    'plant': {
        'sunflower': ['1F33B'], 'tulip': ['1F337'], 'rose': ['1F339'], 'deciduous_tree': ['1F333'],
        'palm_tree': ['1F334'], 'cactus': ['1F335'], 'mushroom': ['1F344'], 'leaf': ['1F342', '1F343'],
    },
    'food': {
        'red_apple': ['1F34E'], 'strawberry': ['1F353'], 'watermelon': ['1F349'], 'pineapple': ['1F34D'],
        'tangerine': ['1F34A'], 'carrot': ['1F955'], 'eggplant': ['1F346'], 'grapes': ['1F347'],
        'doughnut': ['1F369'],
    },
    'vehicle': {
        'automobile': ['1F697', '1F699'], 'bus': ['1F68C'], 'sailboat': ['26F5'], 'rocket': ['1F680'],
        'helicopter': ['1F681'],
    },
    None: {
        'soccer_ball': ['26BD'], 'basketball': ['1F3C0'], 'balloon': ['1F388'], 'umbrella': ['2614'],
        'star': ['2B50'], 'snowman': ['26C4'],
    },
}
STUFF = ['sky', 'cloud', 'grass', 'sea', 'sand', 'snow', 'mountain']
PARTS = ['leaf', 'petal', 'trunk', 'wheel', 'cap']
COLORS = ['black', 'blue', 'brown', 'grey', 'green', 'orange', 'pink', 'purple', 'red', 'white', 'yellow']
SCENES = ['meadow', 'beach', 'desert', 'snowfield', 'underwater', 'night_sky']
TEXTURES = [
    'striped', 'polka-dotted', 'chequered', 'zigzagged', 'grid', 'woven', 'honeycombed', 'scaly', 'marbled',
    'cracked', 'sprinkled', 'spiralled',
]
LEAFY = [
    'sunflower', 'tulip', 'rose', 'red_apple', 'strawberry', 'pineapple', 'tangerine', 'carrot', 'eggplant', 'grapes',
]
CATEGORIES = ['color', 'object', 'part', 'scene', 'texture']


def number_labels():
    """{(category, name): number}. Each category starts at a round number, so that there are gaps; `leaf` is one
    label in two categories, and textures lie over 255, so that label maps need their second byte."""
    things = [name for group in THINGS.values() for name in group]
    groups = [group for group in THINGS if group]
    objects = [name for name in things + groups + STUFF if name not in PARTS]
    numbers = {}
    for category, first, names in [
        ('color', 1, [f'{name}-c' for name in COLORS]),
        ('object', 21, objects),
        ('part', 101, PARTS),
        ('scene', 201, [f'{name}-s' for name in SCENES]),
        ('texture', 301, TEXTURES),
    ]:
        numbers.update({(category, name): first + i for i, name in enumerate(names)})
    numbers['object', 'leaf'] = numbers['part', 'leaf']
    return numbers


LABELS = number_labels()


def fetch_packages():
    """Folders of the unpacked packages, by name."""
    cache = Path(tempfile.gettempdir()) / 'netdissect-sample'
    folders = {}
    for name, version in PACKAGES.items():
        folder = cache / f'{name.split("/")[-1]}-{version}'
        if not folder.exists():
            cache.mkdir(exist_ok=True)
            command = ['npm', 'pack', '--silent', f'{name}@{version}']
            packed = subprocess.run(command, cwd=cache, check=True, stdout=subprocess.PIPE, text=True)
            with tarfile.open(cache / packed.stdout.split()[-1]) as tar:
                tar.extractall(folder, filter='data')
        folders[name] = folder / 'package'
    return folders


def load_artwork():
    """{concept: [(RGBA picture 256x256, its part numbers as an 8-bit picture)]} and {concept: synonyms}."""
    folders = fetch_packages()
    entries = json.loads((folders['emojibase-data'] / 'en/data.json').read_text())
    entries = {entry['hexcode']: entry for entry in entries}
    pictures, synonyms = {}, {}
    for group in THINGS.values():
        for name, codes in group.items():
            entry = entries[codes[0]]
            words = {entry['label'], *entry['tags']}
            if name.replace('_', ' ') not in words:
                raise ValueError(f'emojibase calls {codes[0]} {entry["label"]}, not {name}')
            synonyms[name] = sorted(words - {name.replace('_', ' ')})
            pictures[name] = []
            for code in codes:
                path = folders['@lobehub/fluent-emoji-3d'] / 'assets' / f'{code.lower()}.webp'
                picture = Image.open(path).convert('RGBA')
                pictures[name].append((picture, find_parts(name, picture)))
    return pictures, synonyms


def find_parts(name, picture):
    """Parts of a thing by simple rules on its colours: 0 or 1 + the place in PARTS, per pixel."""
    bands = picture.convert('RGB').convert('HSV').split()
    hue, saturation, value = (np.asarray(band, float) / 255 for band in bands)
    opaque = np.asarray(picture)[..., 3] > 127
    y = np.linspace(0, 1, picture.height)[:, None]
    green = (hue > 0.17) & (hue < 0.5) & (saturation > 0.25) & opaque
    parts = np.zeros(opaque.shape, np.uint8)
    if name in ('sunflower', 'tulip', 'rose'):
        parts[opaque & ~green & (value > 0.6)] = 1 + PARTS.index('petal')
    if name in LEAFY:
        parts[green] = 1 + PARTS.index('leaf')
    if name in ('deciduous_tree', 'palm_tree'):
        parts[opaque & ((hue < 0.12) | (hue > 0.9)) & (y > 0.4)] = 1 + PARTS.index('trunk')
    if name in ('automobile', 'bus'):
        parts[opaque & (value < 0.45) & (y > 0.68)] = 1 + PARTS.index('wheel')
    if name == 'mushroom':
        parts[opaque & (y < 0.56)] = 1 + PARTS.index('cap')
    return Image.fromarray(parts)
