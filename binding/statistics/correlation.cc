#include "statistics/correlation.h"
#include "base/parallel.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace netdissect {

namespace {

constexpr int64_t imagesAtOnce = 1024; // of some units' values in the processor's cache
constexpr size_t lanes = 8;

/// What makes a unit's values ones of mean 0 and length 1.
struct Standard {
  double mean = 0, scale = 0;
};

std::vector<Standard> standardsOf(const float *values, int64_t units, int64_t images) {
  std::vector<Standard> standards(units);
  parallelFor(units, 16, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      const float *own = values + unit * images;
      if (std::all_of(own, own + images, [&](float value) { return value == own[0]; }))
        continue; // whatever rounding makes of their mean
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < images; i++)
        sum += own[i];
      const double mean = sum / static_cast<double>(images);
      for (int64_t i = 0; i < images; i++)
        squares += (own[i] - mean) * (own[i] - mean);
      standards[unit] = {mean, 1 / std::sqrt(squares)};
    }
  });
  return standards;
}

/// Some images' values, made standard, [units, stride]; those behind the last are 0.
std::vector<double> standardised(const float *values, const std::vector<Standard> &standards, int64_t images,
                                 int64_t first, int64_t count, int64_t stride) {
  std::vector<double> result(standards.size() * stride);
  parallelFor(static_cast<int64_t>(standards.size()), 16, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++)
      for (int64_t i = 0; i < count; i++)
        result[unit * stride + i] =
            (values[unit * images + first + i] - standards[unit].mean) * standards[unit].scale;
  });
  return result;
}

double dot(const double *one, const double *other, int64_t count) {
  std::array<double, lanes> sums{};
  for (int64_t i = 0; i < count; i += lanes)
    for (size_t lane = 0; lane < lanes; lane++)
      sums[lane] += one[i + lane] * other[i + lane];
  double sum = 0;
  for (const double lane : sums)
    sum += lane;
  return sum;
}

} // namespace

std::vector<double> correlations(const float *one, int64_t units, const float *other, int64_t otherUnits,
                                 int64_t images) {
  const std::vector<Standard> ownStandards = standardsOf(one, units, images);
  const std::vector<Standard> otherStandards = standardsOf(other, otherUnits, images);
  std::vector<double> result(units * otherUnits);
  for (int64_t first = 0; first < images; first += imagesAtOnce) {
    const int64_t count = std::min(imagesAtOnce, images - first);
    const int64_t stride = (count + lanes - 1) / lanes * lanes;
    const std::vector<double> a = standardised(one, ownStandards, images, first, count, stride);
    const std::vector<double> b = standardised(other, otherStandards, images, first, count, stride);
    parallelFor(units, 1, [&](int64_t begin, int64_t end) {
      for (int64_t v = 0; v < otherUnits; v++)
        for (int64_t u = begin; u < end; u++)
          result[u * otherUnits + v] += dot(a.data() + u * stride, b.data() + v * stride, stride);
    });
  }
  for (double &value : result)
    value = std::clamp(value, -1.0, 1.0);
  return result;
}

} // namespace netdissect
