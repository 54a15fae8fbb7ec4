"""Builds the embedded data set, sample/broden/broden1_224, in the Broden layout.

Needs Python 3.11 or later with numpy and pillow, and npm for the artwork's two packages (see concepts.py).

    python sample/make_data.py

Every picture depends on SEED and its number alone, so that a second run writes the same files.
"""

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from backgrounds import SIZE
from concepts import CATEGORIES, LABELS, load_artwork
from render import render

SEED, COUNT = 2019, 200
FOLDER = Path(__file__).parent / 'broden' / f'broden1_{SIZE}'
SIDE = SIZE // 2


def main():
    pictures, synonyms = load_artwork()
    shutil.rmtree(FOLDER, ignore_errors=True)
    rows, fractions = [], []
    for number in range(COUNT):
        picture = render(np.random.default_rng((SEED, number)), pictures)
        if number % 5 in (1, 3):  # some images have no colours, as some of Broden's
            picture.maps['color'] = []
        rows.append(write_picture(number, picture))
        fractions.append(label_fractions(picture.maps))
    write_table('index', rows)
    write_labels(fractions, synonyms)


def write_picture(number, picture):
    """The JPEG and its label maps; returns the row of index.csv."""
    base = f'{"scene" if picture.maps["scene"] else "texture"}/{number:05}'
    (FOLDER / 'images' / base).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.image).save(FOLDER / 'images' / f'{base}.jpg', quality=84, optimize=True)
    row = {'image': f'{base}.jpg', 'split': 'val' if number % 10 == 9 else 'train'}
    row |= {'ih': SIZE, 'iw': SIZE, 'sh': SIDE, 'sw': SIDE}
    for category in CATEGORIES:
        items = []
        for i, labels in enumerate(picture.maps[category]):
            if isinstance(labels, int):
                items.append(str(labels))
                continue
            items.append(f'{base}_{category}{i + 1 if i else ""}.png')
            channels = np.stack([labels % 256, labels // 256, labels * 0], axis=-1).astype(np.uint8)
            Image.fromarray(channels).save(FOLDER / 'images' / items[-1], optimize=True)
        row[category] = ';'.join(items)
    return row


def label_fractions(maps):
    """{(category, number): part of the image that carries the label}"""
    found = {}
    for category, items in maps.items():
        layers = np.stack([np.full((SIDE, SIDE), item) for item in items]) if items else np.zeros((0, SIDE, SIDE))
        for number in np.unique(layers[layers > 0]):
            found[category, int(number)] = (layers == number).any(0).mean()
    return found


def write_labels(fractions, synonyms):
    """label.csv, category.csv and a c_CATEGORY.csv each, the most frequent label first."""
    labels = {}
    categories = []
    for category in CATEGORIES:
        rows = []
        for name, number in ((name, number) for (c, name), number in LABELS.items() if c == category):
            values = [found[category, number] for found in fractions if (category, number) in found]
            if values:
                rows.append({'number': number, 'name': name, 'frequency': len(values), 'coverage': sum(values)})
        rows.sort(key=lambda row: (-row['frequency'], row['number']))
        rows = [{'code': code} | row for code, row in enumerate(rows, 1)]
        numbers = [row['number'] for row in rows]
        categories.append({
            'name': category, 'first': min(numbers), 'last': max(numbers), 'count': len(rows),
            'frequency': sum(row['frequency'] for row in rows),
        })
        for row in rows:
            label = labels.setdefault(row['number'], {
                'number': row['number'], 'name': row['name'], 'category': [], 'frequency': 0, 'coverage': 0,
                'syns': ';'.join(synonyms.get(row['name'], [])),
            })
            label['category'].append(f'{category}({row["frequency"]})')
            label['frequency'] += row['frequency']
            label['coverage'] += row['coverage']
            row['coverage'] = f'{row["coverage"]:.6f}'
        write_table(f'c_{category}', rows)
    for label in labels.values():
        label |= {'category': ';'.join(label['category']), 'coverage': f'{label["coverage"]:.6f}'}
    write_table('category', categories)
    write_table('label', [labels[number] for number in sorted(labels)])


def write_table(name, rows):
    with open(FOLDER / f'{name}.csv', 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, rows[0], lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


if __name__ == '__main__':
    main()
