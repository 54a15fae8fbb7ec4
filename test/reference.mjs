/**
 * The definition of network dissection, as slow and as plain as can be: every fast path of the engine is compared
 * with this. It shares no code with src/ or binding/, arithmetic included. JavaScript's numbers are float64;
 * float32 steps are rounded by Math.fround, one operation at a time.
 */

/** One float32 step each; `a + f * (b - a)` without fusing. */
function interpolate(a, b, f) {
  const difference = Math.fround(b - a);
  const part = Math.fround(f * difference);
  return Math.fround(a + part);
}

/**
 * Where a row or column of the target lies among the source's: the cells on both sides and the way between them.
 * @param {number} t target row or column
 * @param {number} target how many the target has
 * @param {number} source how many the source has
 * @param {{scale: number, offset: number, image: number} | null} geometry of the layer's cells in image pixels;
 *   null where target and source cover the same ground
 */
function locate(t, target, source, geometry) {
  let s = target / source;
  let o = s / 2 - 1 / 2;
  if (geometry !== null) {
    const ratio = (target - 1) / (geometry.image - 1);
    s = geometry.scale * ratio;
    o = geometry.offset * ratio;
  }
  let c = (t - o) / s;
  if (c < 0) c = 0;
  if (c > source - 1) c = source - 1;
  const i = Math.floor(c);
  const j = Math.min(i + 1, source - 1);
  return { i, j, f: Math.fround(c - i) };
}

/** The geometry of one axis (0: y, 1: x) for `locate`. */
function axisOf(scaleOffset, imageSize, axis) {
  if (scaleOffset === undefined || scaleOffset === null) return null;
  return { scale: scaleOffset.scale[axis], offset: scaleOffset.offset[axis], image: imageSize[axis] };
}

/** Each target pixel's interpolated value and its four cells, row-major. */
function sample(activation, [h, w], [targetHeight, targetWidth], scaleOffset, imageSize) {
  const pixels = [];
  for (let ty = 0; ty < targetHeight; ty++) {
    const y = locate(ty, targetHeight, h, axisOf(scaleOffset, imageSize, 0));
    for (let tx = 0; tx < targetWidth; tx++) {
      const x = locate(tx, targetWidth, w, axisOf(scaleOffset, imageSize, 1));
      const upperLeft = activation[y.i * w + x.i];
      const upperRight = activation[y.i * w + x.j];
      const lowerLeft = activation[y.j * w + x.i];
      const lowerRight = activation[y.j * w + x.j];
      const upper = interpolate(upperLeft, upperRight, x.f);
      const lower = interpolate(lowerLeft, lowerRight, x.f);
      pixels.push({
        value: interpolate(upper, lower, y.f),
        cells: [upperLeft, upperRight, lowerLeft, lowerRight],
      });
    }
  }
  return pixels;
}

/**
 * An activation map sampled bilinearly on another grid.
 * @param {Float32Array} activation `[h, w]`
 * @param {[number, number]} size of the activation
 * @param {[number, number]} target rows and columns wanted
 * @param {Float64Array} [input.levels] `[units]`, instead of the exact ones
 * @param {{scale: [number, number], offset: [number, number]}} [scaleOffset] `[y, x]`, in image pixels
 * @param {[number, number]} [imageSize] of the model's input; needed with scaleOffset
 * @returns {Float32Array} `[target rows, target columns]`
 */
export function referenceUpsample(activation, size, target, scaleOffset, imageSize) {
  return Float32Array.from(sample(activation, size, target, scaleOffset, imageSize), pixel => pixel.value);
}

/**
 * A unit's mask on one image: the pixels that lie over the level, one of whose cells does too.
 * Parameters as for `referenceUpsample`.
 * @returns {Uint8Array} `[target rows, target columns]`, 1 where the mask is
 */
export function referenceMask(activation, size, level, target, scaleOffset, imageSize) {
  return Uint8Array.from(sample(activation, size, target, scaleOffset, imageSize), ({ value, cells }) =>
    value > level && cells.some(cell => cell > level) ? 1 : 0,
  );
}

/** The quantile of values by linear interpolation between order statistics, in float64. */
export function referenceQuantile(values, quantile) {
  const sorted = Float64Array.from(values).sort();
  const h = (1 - quantile) * (sorted.length - 1);
  const i = Math.floor(h);
  const g = h - i;
  if (i + 1 >= sorted.length) return sorted[i];
  return sorted[i] + g * (sorted[i + 1] - sorted[i]);
}

/**
 * A whole dissection of one layer.
 * @param {object} input
 * @param {Float32Array[]} input.activations of each image `[units, h, w]`
 * @param {[number, number, number]} input.shape units, h, w
 * @param {(number | Uint16Array)[][]} input.segmentations of each image its label maps `[sh, sw]`; a number is a
 *   label that covers the whole image
 * @param {[number, number][]} input.segSize of each image the size of its label maps
 * @param {Int32Array} input.labelCategory by label number the number of its category; -1 is no label
 * @param {number | unknown[]} input.categories the categories, or how many
 * @param {number} input.quantile the part of a unit's values that are over its level
 * @param {number} input.topImages how many images a unit keeps; there are no more than images
 * @param {{scale: [number, number], offset: [number, number]}} [input.scaleOffset] `[y, x]`
 * @param {[number, number]} [input.imageSize] of the model's input; needed with scaleOffset
 * @returns {{levels: Float64Array, topImages: Int32Array, topActivations: Float32Array,
 *   labelPixels: Float64Array, categoryPixels: Float64Array, intersections: Float64Array}}
 *   `[units]`, `[units, top]` twice, `[labels]`, `[categories, units]`, `[labels, units]`
 * @throws {Error} for an activation that is not finite
 */
export function referenceDissect(input) {
  const { activations, shape, segmentations, segSize, labelCategory, quantile, scaleOffset, imageSize } =
    input;
  const [units, h, w] = shape;
  const images = activations.length;
  const labels = labelCategory.length;
  const categories = typeof input.categories === 'number' ? input.categories : input.categories.length;

  activations.forEach((values, image) => {
    values.forEach((value, k) => {
      if (!Number.isFinite(value)) {
        throw new Error(`unit ${Math.floor(k / (h * w))} of image ${image} is ${value}`);
      }
    });
  });

  const mapOf = (image, unit) => activations[image].subarray(unit * h * w, (unit + 1) * h * w);

  const levels = input.levels ?? new Float64Array(units);
  for (let u = 0; u < units && !input.levels; u++) {
    const values = [];
    for (let image = 0; image < images; image++) values.push(...mapOf(image, u));
    levels[u] = referenceQuantile(values, quantile);
  }

  const top = Math.min(input.topImages, images);
  const topImages = new Int32Array(units * top);
  const topActivations = new Float32Array(units * top);
  for (let u = 0; u < units; u++) {
    const strongest = activations.map((_, image) => ({ image, value: Math.max(...mapOf(image, u)) }));
    strongest.sort((a, b) => b.value - a.value || a.image - b.image);
    for (let rank = 0; rank < top; rank++) {
      topImages[u * top + rank] = strongest[rank].image;
      topActivations[u * top + rank] = strongest[rank].value;
    }
  }

  const labelPixels = new Float64Array(labels);
  const categoryPixels = new Float64Array(categories * units);
  const intersections = new Float64Array(labels * units);
  for (let image = 0; image < images; image++) {
    const [sh, sw] = segSize[image];
    const maps = segmentations[image];

    const labelsAt = [];
    for (let pixel = 0; pixel < sh * sw; pixel++) {
      const here = new Set();
      for (const map of maps) {
        const label = typeof map === 'number' ? map : map[pixel];
        const known = label > 0 && label < labels && labelCategory[label] >= 0;
        if (known) here.add(label);
      }
      labelsAt.push(here);
    }

    const presentCategories = new Set();
    for (const here of labelsAt) {
      for (const label of here) {
        labelPixels[label] += 1;
        presentCategories.add(labelCategory[label]);
      }
    }

    for (let u = 0; u < units; u++) {
      const mask = referenceMask(mapOf(image, u), [h, w], levels[u], [sh, sw], scaleOffset, imageSize);
      for (let pixel = 0; pixel < sh * sw; pixel++) {
        if (!mask[pixel]) continue;
        for (const category of presentCategories) categoryPixels[category * units + u] += 1;
        for (const label of labelsAt[pixel]) intersections[label * units + u] += 1;
      }
    }
  }

  return { levels, topImages, topActivations, labelPixels, categoryPixels, intersections };
}
