// Resizing as Pillow's `Image.resize((width, height), Image.BILINEAR)` does it, to the byte: a triangle
// filter as wide as the scale, 22-bit fixed-point weights, rows first, each pass rounded to bytes. Models are
// trained on images that were resized so; libvips' linear kernel differs, by half a pixel where it enlarges.
#pragma once
#include <cstdint>

namespace netdissect {

/// A part of an image, in its pixels and fractions of them. Unlike Pillow's `box` its edges are no float32,
/// so that a window is to the byte what cutting it out of the resized image gives.
struct Window {
  double top, left, height, width;
};

/// A window of RGB bytes [sourceHeight, sourceWidth, 3] as bytes [height, width, 3].
void resample(const uint8_t *pixels, int sourceHeight, int sourceWidth, const Window &window, int height,
              int width, uint8_t *out);

} // namespace netdissect
