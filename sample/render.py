"""Composes one picture of the sample's kind, with exact label maps: things over a texture, two textures or a scene."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from backgrounds import SIZE, X, Y, mix, paint_scene, paint_texture, step, turn
from concepts import LABELS, PARTS, SCENES, TEXTURES, THINGS

GROUPS = {name: group for group, names in THINGS.items() for name in names}
NAMES = list(GROUPS)
FLYING = ['butterfly', 'rocket', 'helicopter', 'balloon', 'star', 'leaf']
TURNING = [
    'soccer_ball', 'basketball', 'doughnut', 'leaf', 'lady_beetle', 'tangerine', 'red_apple', 'strawberry',
    'carrot', 'eggplant', 'star', 'crab', 'watermelon',
]
AT_HOME = {  # what a scene is likely to show
    'meadow': [
        'dog', 'cat', 'fox', 'sunflower', 'tulip', 'rose', 'deciduous_tree', 'butterfly', 'lady_beetle', 'mushroom',
        'soccer_ball', 'automobile', 'bus', 'balloon', 'frog', 'red_apple', 'helicopter',
    ],
    'beach': [
        'palm_tree', 'crab', 'umbrella', 'turtle', 'watermelon', 'pineapple', 'soccer_ball', 'sailboat', 'tangerine',
        'balloon', 'dog', 'basketball',
    ],
    'desert': ['cactus', 'automobile', 'fox', 'turtle', 'helicopter', 'rocket', 'bus', 'owl', 'palm_tree'],
    'snowfield': ['penguin', 'snowman', 'fox', 'owl', 'panda', 'helicopter', 'star', 'bus', 'automobile'],
    'underwater': ['fish', 'octopus', 'crab', 'turtle', 'whale', 'frog'],
    'night_sky': ['rocket', 'star', 'owl', 'cat', 'balloon', 'helicopter', 'grapes', 'snowman', 'mushroom'],
}


@dataclass
class Picture:
    """`image` [224, 224, 3] uint8; `maps` {category: [a label map [112, 112] uint16, or one number for all of it]}."""

    image: np.ndarray
    maps: dict


@dataclass
class Thing:
    name: str
    seen: np.ndarray  # [224, 224] how much of the pixel shows it, 0..1
    parts: np.ndarray  # [224, 224] 0 or 1 + the place in PARTS


def render(rng, pictures):
    """One random picture."""
    image, scene, maps, stuff = paint_background(rng)
    image, things = place_things(rng, image, scene, pictures)
    maps['object'] = object_maps(things, stuff)
    maps['part'] = [part_map(things)]
    clear = halve(1 - np.clip(sum(thing.seen for thing in things), 0, 1)) > 0.5
    maps['texture'] = [m if isinstance(m, int) else m * clear for m in maps['texture']]
    image = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    maps['color'] = [color_map(image)]
    return Picture(image, {category: [m for m in found if np.any(m)] for category, found in maps.items()})


def paint_background(rng):
    """Picture, name of the scene or None, maps of the background's categories, {stuff: mask}."""
    kind = rng.random()
    if kind < 0.4:
        name = SCENES[rng.integers(len(SCENES))]
        picture, stuff = paint_scene(rng, name)
        return picture, name, {'scene': [LABELS['scene', f'{name}-s']], 'texture': []}, stuff
    if kind < 0.65:
        name = TEXTURES[rng.integers(len(TEXTURES))]
        return paint_texture(rng, name), None, {'scene': [], 'texture': [LABELS['texture', name]]}, {}
    first, second = rng.choice(TEXTURES, 2, replace=False)
    if rng.random() < 0.6:
        x, _ = turn(rng)
        cut = step(x - 500 + rng.uniform(-30, 30) + 8 * np.sin(Y / rng.uniform(15, 40)))
    else:
        cut = step(rng.uniform(65, 95) - np.hypot(X - rng.uniform(80, 144), Y - rng.uniform(80, 144)))
    picture = mix(paint_texture(rng, first), paint_texture(rng, second), cut)
    labels = np.where(halve(cut) > 0.5, LABELS['texture', second], LABELS['texture', first])
    return picture, None, {'scene': [], 'texture': [labels.astype(np.uint16)]}, {}


def place_things(rng, image, scene, pictures):
    """The picture with two to five things on it, and those things."""
    count = rng.choice([2, 3, 4, 5], p=[0.25, 0.35, 0.25, 0.15])
    smallest, largest = {2: (84, 124), 3: (70, 112), 4: (62, 96), 5: (54, 84)}[count]
    placed = []
    for size in np.sort(rng.uniform(smallest, largest, count))[::-1]:
        name = choose_name(rng, scene, [thing[3] for thing in placed])
        top, bottom = 0, 1
        if scene and name in FLYING:
            bottom = 0.6
        elif scene and scene != 'underwater':
            top = 0.42
        placed.append((*choose_spot(rng, size, [thing[:3] for thing in placed], top, bottom), size, name))
    things = []
    for x, y, size, name in sorted(placed, key=lambda thing: thing[1]):
        sprite, parts = pose(rng, *pictures[name][rng.integers(len(pictures[name]))], size, name, scene)
        color, alpha, part = lay(sprite, parts, x, y)
        image = mix(image, np.array([20, 22, 40], np.float32), shadow(alpha, scene, name))
        image = mix(image, color, alpha)
        for thing in things:
            thing.seen *= 1 - alpha
        things.append(Thing(name, alpha, part))
    return image, things


def choose_name(rng, scene, taken):
    if taken and rng.random() < 0.12:
        return taken[-1]
    names = AT_HOME[scene] if scene and rng.random() < 0.7 else NAMES
    return names[rng.integers(len(names))]


def choose_spot(rng, size, spots, top, bottom):
    """The centre that keeps furthest from what is there, of some random ones."""
    half = size * 0.46
    x = rng.uniform(half, SIZE - half, 40)
    y = rng.uniform(max(half, top * SIZE), min(SIZE - half, bottom * SIZE), 40)
    gaps = [np.hypot(x - sx, y - sy) - (size + other) * 0.48 for sx, sy, other in spots]
    best = np.argmax(np.min(gaps, axis=0)) if gaps else 0
    return x[best], y[best]


def pose(rng, sprite, parts, size, name, scene):
    """The emoji turned, mirrored and scaled."""
    widest = 7.5 if scene else 180 if name in TURNING else 25
    angle = rng.uniform(-widest, widest)
    if rng.random() < 0.5:
        sprite, parts = (picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in (sprite, parts))
    side = round(size)
    sprite = sprite.resize((side, side), Image.Resampling.LANCZOS)
    parts = parts.resize((side, side), Image.Resampling.NEAREST)
    return sprite.rotate(angle, Image.Resampling.BICUBIC, expand=True), parts.rotate(angle, expand=True)


def lay(sprite, parts, x, y):
    """Colour, alpha (0..1) and part numbers of a sprite on an empty picture."""
    corner = round(x - sprite.width / 2), round(y - sprite.height / 2)
    canvas, part = Image.new('RGBA', (SIZE, SIZE)), Image.new('L', (SIZE, SIZE))
    canvas.paste(sprite, corner)
    part.paste(parts, corner)
    canvas = np.asarray(canvas, np.float32)
    return canvas[..., :3], canvas[..., 3] / 255, np.asarray(part)


def shadow(alpha, scene, name):
    """How dark the shadow is: behind a thing on a texture, at its foot in a scene."""
    if scene in ('underwater', 'night_sky') or (scene and name in FLYING):
        return np.zeros_like(alpha)
    if not scene:
        blurred = Image.fromarray(np.uint8(alpha * 255)).filter(ImageFilter.GaussianBlur(5))
        return np.roll(np.asarray(blurred, np.float32) / 255, (6, 4), (0, 1)) * 0.38
    rows, columns = np.nonzero(alpha > 0.5)
    x, width, foot = columns.mean(), np.ptp(columns) / 2, rows.max()
    away = np.hypot((X - x) / (width * 0.9), (Y - foot) / (width * 0.2))
    return np.clip(1.15 - away, 0, 1) * 0.4


def halve(mask):
    """Means of 2x2 pixels: a [224, 224] mask at the label maps' [112, 112]."""
    return (mask[::2, ::2] + mask[1::2, ::2] + mask[::2, 1::2] + mask[1::2, 1::2]) / 4


def object_maps(things, stuff):
    """The map of things and stuff, and that of the things' groups over the same pixels."""
    names, groups = np.zeros((2, SIZE // 2, SIZE // 2), np.uint16)
    for name, mask in stuff.items():
        names[halve(mask) > 0.5] = LABELS['object', name]
    for thing in things:
        mask = halve(thing.seen) > 0.5
        names[mask] = LABELS['object', thing.name]
        groups[mask] = LABELS['object', GROUPS[thing.name]] if GROUPS[thing.name] else 0
    return [names, groups]


def part_map(things):
    parts = np.zeros((SIZE // 2, SIZE // 2), np.uint16)
    for thing in things:
        for number in np.unique(thing.parts)[1:]:
            parts[halve((thing.parts == number) * thing.seen) > 0.5] = LABELS['part', PARTS[number - 1]]
    return parts


def color_map(image):
    """Basic colour terms by hue, saturation and value; pixels between two terms have none."""
    small = Image.fromarray(image).resize((SIZE // 2, SIZE // 2), Image.Resampling.BOX)
    bands = small.filter(ImageFilter.BoxBlur(1)).convert('HSV').split()
    hue, saturation, value = (np.asarray(band, np.float32) / 255 for band in bands)
    hue = hue * 360
    names = np.zeros(hue.shape, np.uint16)
    chromatic = (saturation > 0.24) & (value > 0.3)
    for low, high, name in [
        (0, 12, 'red'), (347, 360, 'red'), (18, 38, 'orange'), (44, 64, 'yellow'), (72, 165, 'green'),
        (172, 240, 'blue'), (248, 295, 'purple'), (303, 340, 'pink'),
    ]:
        names[chromatic & (hue >= low) & (hue <= high)] = LABELS['color', f'{name}-c']
    warm = chromatic & ((hue < 18) | (hue > 340))
    names[warm & (saturation < 0.55) & (value > 0.75)] = LABELS['color', 'pink-c']
    dim = (saturation > 0.3) & (value > 0.22) & (value < 0.66)
    names[dim & (hue > 8) & (hue < 45)] = LABELS['color', 'brown-c']
    names[(value < 0.2) | ((value < 0.3) & (saturation < 0.3))] = LABELS['color', 'black-c']
    names[(saturation < 0.12) & (value > 0.34) & (value < 0.82)] = LABELS['color', 'grey-c']
    names[(saturation < 0.1) & (value > 0.9)] = LABELS['color', 'white-c']
    return names
