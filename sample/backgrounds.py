"""Procedural backgrounds, 224x224: textures in two or three tones of a palette, and painted scenes with their masks."""

import numpy as np
from PIL import Image

SIZE = 224
Y, X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)

PALETTES = [
    ['#fdf0d5', '#f7c59f', '#e07a5f'], ['#f1faee', '#a8dadc', '#457b9d'], ['#fefae0', '#dda15e', '#bc6c25'],
    ['#f8edeb', '#fec5bb', '#e5989b'], ['#e9f5db', '#b5c99a', '#718355'], ['#caf0f8', '#90e0ef', '#0096c7'],
    ['#ede7f6', '#b39ddb', '#7e57c2'], ['#fff3b0', '#ffd166', '#ef9b20'], ['#edf2f4', '#8d99ae', '#3d405b'],
    ['#d8f3dc', '#74c69d', '#2d6a4f'], ['#ffe5ec', '#ff8fab', '#c9184a'], ['#fbf8cc', '#98f5e1', '#34a0a4'],
    ['#f5ebe0', '#d5bdaf', '#7f5539'], ['#e0e1dd', '#778da9', '#1b263b'], ['#fde4cf', '#cfbaf0', '#5e60ce'],
]


def rgb(color):
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def mix(a, b, t):
    """Colour a where t is 0, b where it is 1."""
    return a + (b - a) * t[..., None]


def step(distance):
    """A soft edge one pixel wide: 0 below, 1 above."""
    return np.clip(distance + 0.5, 0, 1)


def triangle(t, period):
    """Distance to the nearest multiple of the period."""
    return np.abs((t / period + 0.5) % 1 - 0.5) * period


def enlarge(values):
    """A float32 array smoothly stretched over the picture."""
    return np.asarray(Image.fromarray(values).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def noise(rng, cells):
    """Smooth noise of about unit deviation, with so many cells across."""
    return 1.6 * enlarge(rng.standard_normal((cells + 3, cells + 3)).astype(np.float32))


def turn(rng, angles=(0, 180)):
    """Coordinates turned by a random angle about the middle."""
    angle = np.radians(rng.uniform(*angles))
    x, y = X - SIZE / 2, Y - SIZE / 2
    return x * np.cos(angle) + y * np.sin(angle) + 500, y * np.cos(angle) - x * np.sin(angle) + 500


def cell_distances(rng, period):
    """Distances to the nearest and second nearest of jittered points, one a cell."""
    count = int(SIZE / period) + 2
    corners = np.mgrid[0:count, 0:count].reshape(2, -1).T - 0.5
    points = ((corners + rng.uniform(-0.4, 0.4, corners.shape)) * period).astype(np.float32)
    distance = np.hypot(Y[::2, ::2, None] - points[:, 0], X[::2, ::2, None] - points[:, 1])  # at half size: faster
    nearest = np.partition(distance, 1, axis=2)
    return [enlarge(nearest[..., i]) for i in (0, 1)]


def striped(rng, a, b, c):
    x, _ = turn(rng)
    period = rng.uniform(14, 26)
    return mix(a, b, step(triangle(x, period) - period / 4))


def polka_dotted(rng, a, b, c):
    x, y = turn(rng, (20, 70))
    period = rng.uniform(20, 32)
    return mix(b, a, step(period * rng.uniform(0.24, 0.3) - np.hypot(triangle(x, period), triangle(y, period))))


def chequered(rng, a, b, c):
    x, y = turn(rng, (-10, 55))
    period = rng.uniform(26, 44)
    waves = np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / period)
    return mix(a, b, step(period / 3 * waves[0] * waves[1]))


def zigzagged(rng, a, b, c):
    x, y = turn(rng, (-20, 20))
    period = rng.uniform(18, 28)
    return mix(a, b, step((triangle(y + 1.2 * triangle(x, 1.5 * period), period) - period / 4) * 0.7))


def grid(rng, a, b, c):
    x, y = turn(rng, (-10, 50))
    period, width = rng.uniform(16, 28), rng.uniform(1.2, 2.2)
    return mix(a, b, np.maximum(step(width - triangle(x, period)), step(width - triangle(y, period))))


def woven(rng, a, b, c):
    x, y = turn(rng, (-8, 53))
    period = rng.uniform(18, 26)
    column, row = np.floor(x / period), np.floor(y / period)
    over = (column + row) % 2 == 0
    across, along = (np.where(over, p, q) for p, q in ((triangle(y, period), x), (triangle(x, period), y)))
    light = np.sqrt(np.clip(triangle(along, period) / period * 2, 0, 1)) * 0.7 + 0.3
    strands = 0.85 + 0.15 * np.cos(across * 2 * np.pi / (period / 4))
    return mix(c * 0.75, np.where(over[..., None], b, a), light * strands)


def honeycombed(rng, a, b, c):
    x, y = turn(rng, (-30, 30))
    side = rng.uniform(18, 28)
    nearest = []
    for shift in (0, 0.5):
        dx = (x / side + shift) % 1 - 0.5
        dy = (y / side / np.sqrt(3) + shift) % 1 - 0.5
        nearest.append((np.abs(dx) * side, np.abs(dy) * side * np.sqrt(3)))
    edge = [np.maximum(dx, dx / 2 + dy * np.sqrt(3) / 2) for dx, dy in nearest]
    inside = side / 2 - np.minimum(*edge)
    return mix(c, mix(b, a, np.clip(inside / side * 1.6, 0, 1)), step(inside - 1.6))


def scaly(rng, a, b, c):
    x, y = turn(rng, (-15, 15))
    width = rng.uniform(22, 32)
    row = np.floor(y / (width / 2))
    out = np.zeros((SIZE, SIZE, 3), np.float32)
    for back in (1, 0, -1):  # the lower rows lie under the upper ones
        center = (row + back) * width / 2
        dx = (x + (row + back) % 2 * width / 2) % width - width / 2
        radius = np.hypot(dx, y - center + width / 4)
        scale = mix(mix(a, b, np.clip(radius / width * 2, 0, 1)), c, step(radius - width * 0.52))
        out = mix(out, scale, step(width * 0.6 - radius))
    return out


def marbled(rng, a, b, c):
    x, _ = turn(rng)
    warp = noise(rng, 3) * 26 + noise(rng, 7) * 10 + noise(rng, 15) * 4
    veins = np.abs(np.sin((x + warp) * np.pi / rng.uniform(34, 60)))
    return mix(mix(c, b, np.clip(veins * 6, 0, 1)), a, np.clip(veins * 2.2 - 0.2, 0, 1))


def cracked(rng, a, b, c):
    first, second = cell_distances(rng, rng.uniform(26, 40))
    tone = mix(a, b, np.clip(0.35 + noise(rng, 8) * 0.25, 0, 1))
    return mix(c * 0.6, tone, np.clip((second - first) / 2.5 - 0.3, 0, 1))


def sprinkled(rng, a, b, c):
    out = np.broadcast_to(a, (SIZE, SIZE, 3)).copy()
    tones = [b, c, *map(rgb, rng.choice(['#ef476f', '#ffd166', '#06d6a0', '#118ab2', '#9b5de5'], 3, False))]
    for cell in range(196):
        x, y = (np.array([cell % 14, cell // 14]) + rng.uniform(0.15, 0.85, 2)) * 16
        angle, half = rng.uniform(0, np.pi), rng.uniform(3, 5)
        top, left = max(int(y) - 9, 0), max(int(x) - 9, 0)
        box = np.s_[top : int(y) + 10, left : int(x) + 10]
        dx, dy = X[box] - x, Y[box] - y
        along = dx * np.cos(angle) + dy * np.sin(angle)
        away = np.hypot(along - np.clip(along, -half, half), dy * np.cos(angle) - dx * np.sin(angle))
        out[box] = mix(out[box], tones[rng.integers(len(tones))], step(1.8 - away))
    return out


def spiralled(rng, a, b, c):
    period = rng.uniform(80, 112)
    dx = (X + rng.uniform(0, period)) % period - period / 2
    dy = (Y + rng.uniform(0, period)) % period - period / 2
    pitch = rng.uniform(13, 17)
    turns = np.hypot(dx, dy) + np.arctan2(dy, dx) * pitch / (2 * np.pi) * rng.choice([-1, 1])
    return mix(a, b, step(triangle(turns, pitch) - pitch / 4))


def paint_texture(rng, name):
    """A whole-image texture [224, 224, 3] float32 in 0..255."""
    tones = [rgb(color) for color in PALETTES[rng.integers(len(PALETTES))]]
    if rng.random() < 0.3:
        tones[0], tones[1] = tones[1], tones[0]
    picture = globals()[name.replace('-', '_')](rng, *tones)
    light = 1 + 0.05 * noise(rng, 2) + 0.012 * noise(rng, 60)
    return picture * np.clip(light, 0.8, 1.12)[..., None]


def ridge(rng, height, rough, cells=4):
    """1 below a random line around the height (0..1 of the picture), 0 above."""
    line = np.interp(np.arange(SIZE), np.linspace(-20, SIZE + 20, cells * 8), smooth_line(rng, cells * 8, cells))
    return step(Y - (height + rough * line) * SIZE)


def smooth_line(rng, count, cells):
    phases = rng.uniform(0, 2 * np.pi, 3)
    t = np.linspace(0, 2 * np.pi, count)
    return sum(np.sin(t * cells / 4 * (i + 1) + phases[i]) / (i + 1) for i in range(3)) / 1.5


def peaks(rng, height, rough):
    """A jagged ridge, and how far below its line a pixel lies."""
    knots = np.sort(rng.uniform(-0.1, 1.1, 9)) * SIZE
    levels = height + rough * np.where(np.arange(9) % 2, -1, 0.7) * rng.uniform(0.5, 1, 9)
    depth = Y - np.interp(np.arange(SIZE), knots, levels * SIZE)
    return step(depth), depth


class Scene:
    """A picture painted back to front, and the mask of each kind of stuff in it."""

    def __init__(self, top, bottom, stuff):
        self.picture = mix(rgb(top), rgb(bottom), (Y / SIZE) ** 0.8)
        self.masks = {stuff: np.ones((SIZE, SIZE), np.float32)} if stuff else {}

    def paint(self, color, alpha, stuff=None):
        self.picture = mix(self.picture, color if isinstance(color, np.ndarray) else rgb(color), alpha)
        if stuff:
            for name in self.masks:
                self.masks[name] = self.masks[name] * (1 - alpha)
            self.masks[stuff] = np.maximum(self.masks.get(stuff, 0), alpha)

    def clouds(self, rng, count, lowest):
        for _ in range(count):
            x, y, size = rng.uniform(0, SIZE), rng.uniform(0.1, lowest) * SIZE, rng.uniform(12, 20)
            shape = np.zeros((SIZE, SIZE))
            for dx in (-1.4, -0.7, 0, 0.7, 1.4):
                puff_y = y - (1 - dx * dx / 5) * size * rng.uniform(0.1, 0.5)
                puff = step(size * rng.uniform(0.5, 0.9) - np.hypot(X - (x + dx * size), Y - puff_y))
                shape = np.maximum(shape, puff)
            shape *= step((y + size * 0.45 - Y) / 3)
            color = mix(rgb('#ffffff'), rgb('#dbe7f3'), np.clip((Y - y) / size + 0.5, 0, 1))
            self.paint(color, shape * 0.95, 'cloud')

    def glow(self, rng, color, radius, height):
        distance = np.hypot(X - rng.uniform(0.15, 0.85) * SIZE, Y - height * SIZE)
        self.paint(color, 0.5 * np.exp(-((distance / radius / 3) ** 2)))
        self.paint(color, step(radius - distance))

    def specks(self, rng, color, count, largest, alpha):
        for _ in range(count):
            x, y, r = rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(0.5, largest)
            self.paint_disc(x, y, r, rgb(color), alpha * rng.uniform(0.5, 1))

    def paint_disc(self, x, y, r, color, alpha):
        box = np.s_[max(int(y - r) - 1, 0) : int(y + r) + 3, max(int(x - r) - 1, 0) : int(x + r) + 3]
        self.picture[box] = mix(self.picture[box], color, step(r - np.hypot(X[box] - x, Y[box] - y)) * alpha)


def meadow(rng):
    scene = Scene(*rng.choice([['#5db7f0', '#e3f5ff'], ['#74c0fc', '#fff3d6'], ['#4aa8e0', '#d7f0fa']]), 'sky')
    scene.glow(rng, '#fff6c9', rng.uniform(10, 16), rng.uniform(0.1, 0.25))
    scene.clouds(rng, rng.integers(1, 4), 0.35)
    height = rng.uniform(0.42, 0.55)
    for i, color in enumerate(['#a7d49b', '#82c26e', '#5fa84f', '#4a9440']):
        shade = mix(rgb(color), rgb(color) * 0.85, np.clip((Y / SIZE - height) * 1.5, 0, 1))
        scene.paint(shade + 4 * noise(rng, 50)[..., None], ridge(rng, height + i * 0.13, 0.035), 'grass')
    return scene


def beach(rng):
    scene = Scene(*rng.choice([['#58b4ee', '#d9f1fb'], ['#ff9e7a', '#ffe3b3'], ['#7cc6f2', '#fdeed9']]), 'sky')
    scene.clouds(rng, rng.integers(0, 4), 0.25)
    horizon, shore = rng.uniform(0.3, 0.42), rng.uniform(0.58, 0.72)
    waves = 0.5 + 0.5 * np.sin((Y + 1.5 * noise(rng, 8)) / (1.2 + np.clip(Y / SIZE - horizon, 0, 1) * 9))
    sea = mix(rgb('#1582b5'), rgb('#53c8d4'), np.clip((Y / SIZE - horizon) / (shore - horizon), 0, 1))
    scene.paint(mix(sea, rgb('#bff0f0'), 0.22 * waves), step(Y - horizon * SIZE), 'sea')
    beach = ridge(rng, shore, 0.03)
    scene.paint('#f4fbfb', np.roll(beach, -4, axis=0) * 0.8)
    scene.paint(mix(rgb('#f6dfae'), rgb('#e6bf83'), Y / SIZE) + 5 * noise(rng, 90)[..., None], beach, 'sand')
    return scene


def desert(rng):
    scene = Scene(*rng.choice([['#f7b267', '#ffe8c2'], ['#f4845f', '#ffd6a5'], ['#8fc7e8', '#fdf0d5']]), 'sky')
    scene.glow(rng, '#fff1c1', rng.uniform(12, 20), rng.uniform(0.14, 0.3))
    height = rng.uniform(0.42, 0.55)
    for i, color in enumerate(['#e9b872', '#dd9f57', '#cf8846']):
        ripples = 3 * np.sin((Y + X * 0.25 * (-1) ** i + 3 * noise(rng, 5)) / 2.2)
        scene.paint(rgb(color) + ripples[..., None], ridge(rng, height + i * 0.16, 0.06, 3), 'sand')
    return scene


def snowfield(rng):
    scene = Scene(*rng.choice([['#8ec5e8', '#eef6fb'], ['#a9b8dc', '#f7e9f0'], ['#6fa8d6', '#dcecf7']]), 'sky')
    alpha, depth = peaks(rng, rng.uniform(0.36, 0.46), rng.uniform(0.12, 0.2))
    rock = mix(rgb('#6d86a8'), rgb('#93a9c6'), np.clip(0.5 + 0.3 * noise(rng, 12), 0, 1))
    scene.paint(mix(rgb('#f7fbff'), rock, step(depth - 16 - 4 * noise(rng, 14))), alpha, 'mountain')
    height = rng.uniform(0.56, 0.66)
    for i, color in enumerate(['#e4eef8', '#f1f6fb', '#fbfdff']):
        scene.paint(rgb(color) + 1.5 * noise(rng, 40)[..., None], ridge(rng, height + i * 0.14, 0.03), 'snow')
    scene.specks(rng, '#ffffff', 70, 1.8, 0.9)
    return scene


def underwater(rng):
    scene = Scene(*rng.choice([['#5fd3e6', '#0b5c9e'], ['#7be0d6', '#0a6a8f'], ['#6cc5f2', '#123f8c']]), 'sea')
    rays = np.clip(np.sin((X + Y * rng.uniform(-0.6, 0.6) + 4 * noise(rng, 3)) / rng.uniform(9, 15)), 0, 1)
    scene.paint('#e8ffff', 0.22 * rays * np.clip(1 - Y / SIZE * 1.3, 0, 1))
    floor = mix(rgb('#e3cf9a'), rgb('#8aa88f'), 0.45 + 0 * Y)
    scene.paint(floor + 6 * noise(rng, 60)[..., None], ridge(rng, rng.uniform(0.8, 0.88), 0.03), 'sand')
    for _ in range(rng.integers(8, 18)):
        x, y, r = rng.uniform(0, SIZE), rng.uniform(0, SIZE * 0.8), rng.uniform(1.5, 5)
        scene.paint_disc(x, y, r, rgb('#d8f7ff'), 0.55)
        scene.paint_disc(x, y, r - 1.1, rgb('#7fd4ea'), 0.45)
    return scene


def night_sky(rng):
    scene = Scene(*rng.choice([['#0d1b3e', '#53448f'], ['#0b1026', '#2b5876'], ['#141e46', '#a05a8c']]), 'sky')
    scene.specks(rng, '#fffbe6', 110, 1.5, 0.95)
    scene.glow(rng, '#fdf3c8', rng.uniform(10, 16), rng.uniform(0.12, 0.3))
    for i, color in enumerate(['#2d3561', '#1d2547']):
        alpha, _ = peaks(rng, rng.uniform(0.7, 0.76) + i * 0.12, 0.08)
        scene.paint(rgb(color) + 2 * noise(rng, 30)[..., None], alpha, 'mountain')
    return scene


def paint_scene(rng, name):
    """A whole-image scene: picture [224, 224, 3] float32 in 0..255 and {stuff: mask [224, 224] in 0..1}."""
    scene = globals()[name](rng)
    return scene.picture, scene.masks
