// Masks of units counted against labels on a CUDA device: the one source of the kernels. nvcc compiles it,
// NVRTC at run time, and the tests run it unchanged on the processor (test/core/cuda/emulator.h). It includes
// nothing, and has to be compiled without fused multiply-adds, so that masks are the processor's bit for bit.
#ifndef NETDISSECT_CUDA_KERNELS
#define NETDISSECT_CUDA_KERNELS

namespace netdissect {

/// How many warps a block has; each is for itself.
constexpr int cudaWarps = 8;
/// How many words of a mask a warp holds in shared memory at once: 112 rows of 112 pixels, and a little more.
constexpr int cudaMaskWords = 512;

/// Records of hot cells (store/hot_cells.h) to whole maps.
struct ExpandArgs {
  const unsigned *records;
  const unsigned long long *begin, *end; // [items] places in `records`
  float *maps;                           // [items][cells]
  unsigned items;
  int cells;
};

/// Maps to counts, all on one grid of pixels (tally/upsample.h).
struct CountArgs {
  const float *maps;                  // [items][cell rows][cellColumns]
  const float *level;                 // [items]
  const unsigned *image;              // [items]
  const unsigned long long *countsAt; // [items] where an item's counts begin, a count a label of its image
  const unsigned *labels;             // [images] how many an image has
  const unsigned long long *planesAt; // [images] where an image's planes begin
  const unsigned *planes;             // of an image [rows][labels][rowWords]
  const int *rowLow, *rowHigh;        // [rows] which rows of cells a row of pixels reads,
  const float *rowWeight;             // [rows] and the second by how much
  const int *columnLow, *columnHigh;  // [columns]
  const float *columnWeight;          // [columns]
  unsigned *pixels;                   // [items] of the masks
  unsigned *counts;
  unsigned items;
  int cells, cellColumns, rows, columns, rowWords;
};

} // namespace netdissect

#endif

#ifdef __CUDACC__
#define NETDISSECT_KERNEL(name)                                                                              \
  extern "C" __global__ void __launch_bounds__(netdissect::cudaWarps * 32, 4) name
#define NETDISSECT_SHARED(name) extern __shared__ unsigned name[]
#endif

#ifdef NETDISSECT_KERNEL

/// A warp an item. All cells that the record does not have are far under any level.
NETDISSECT_KERNEL(netdissectExpand)(const netdissect::ExpandArgs args) {
  const unsigned lane = threadIdx.x & 31;
  const unsigned item = blockIdx.x * netdissect::cudaWarps + (threadIdx.x >> 5);
  if (item >= args.items)
    return;
  float *map = args.maps + static_cast<unsigned long long>(item) * args.cells;
  for (int i = lane; i < args.cells; i += 32)
    map[i] = -3.402823466e38f;
  __syncwarp();
  const unsigned long long end = args.end[item];
  for (unsigned long long at = args.begin[item] + 1; at < end;) { // the first is the largest value
    const unsigned start = args.records[at] >> 10, length = args.records[at] & 1023;
    for (unsigned i = lane; i < length; i += 32)
      map[start + i] = __uint_as_float(args.records[at + 1 + i]);
    at += 1 + length;
  }
}

/// A warp an item. Part of a mask after the other (all of it where it fits): its lanes are 32 pixels of a
/// row, then labels. A pixel is in the mask where it reads a cell over the level and its own value is over
/// it.
NETDISSECT_KERNEL(netdissectCount)(const netdissect::CountArgs args) {
  NETDISSECT_SHARED(shared);
  const unsigned all = 0xffffffffu;
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const unsigned item = blockIdx.x * netdissect::cudaWarps + warp;
  if (item >= args.items)
    return; // the whole warp
  unsigned *mask = shared + warp * netdissect::cudaMaskWords;
  const float *map = args.maps + static_cast<unsigned long long>(item) * args.cells;
  const float level = args.level[item];
  const unsigned image = args.image[item], labels = args.labels[image];
  const unsigned *planes = args.planes + args.planesAt[image];
  unsigned *counts = args.counts + args.countsAt[item];
  const int words = (args.columns + 31) / 32;
  const int tileWords = words < netdissect::cudaMaskWords ? words : netdissect::cudaMaskWords;
  const int bandRows = netdissect::cudaMaskWords / tileWords;
  unsigned pixels = 0;
  for (int left = 0; left < words; left += tileWords)
    for (int top = 0; top < args.rows; top += bandRows) {
      const int width = words - left < tileWords ? words - left : tileWords;
      const int bottom = args.rows - top < bandRows ? args.rows : top + bandRows;
      for (int w = 0; w < width; w++) {
        const int x = (left + w) * 32 + static_cast<int>(lane);
        const bool inside = x < args.columns;
        const int low = inside ? args.columnLow[x] : 0, high = inside ? args.columnHigh[x] : 0;
        const float weight = inside ? args.columnWeight[x] : 0;
        int row = -1; // of cells, that the following are of
        float upper = 0, rise = 0;
        bool over = false;
        unsigned anyOver = 0;
        for (int y = top; y < bottom; y++) {
          if (args.rowLow[y] != row) { // for all lanes or none
            row = args.rowLow[y];
            const float *first = map + row * args.cellColumns;
            const float *second = map + args.rowHigh[y] * args.cellColumns;
            const float a = first[low], b = first[high], c = second[low], d = second[high];
            over = inside && (a > level || b > level || c > level || d > level);
            upper = a + weight * (b - a);
            rise = c + weight * (d - c) - upper;
            anyOver = __ballot_sync(all, over);
          }
          unsigned bits = 0;
          if (anyOver)
            bits = __ballot_sync(all, over && upper + args.rowWeight[y] * rise > level);
          if (lane == 0)
            mask[(y - top) * width + w] = bits;
          pixels += __popc(bits);
        }
      }
      __syncwarp();
      const unsigned held = static_cast<unsigned>((bottom - top) * width);
      for (unsigned first = 0; first < labels; first += 32) {
        const unsigned label = first + lane;
        unsigned count = 0;
        for (unsigned begin = 0; begin < held; begin += 32) {
          const unsigned mine = begin + lane < held ? mask[begin + lane] : 0;
          for (unsigned some = __ballot_sync(all, mine != 0); some; some &= some - 1) {
            const int from = __ffs(some) - 1;
            const unsigned bits = __shfl_sync(all, mine, from);
            const unsigned at = begin + from, y = top + at / width, word = left + at % width;
            if (label < labels)
              count += __popc(
                  bits &
                  planes[(static_cast<unsigned long long>(y) * labels + label) * args.rowWords + word]);
          }
        }
        if (label < labels)
          counts[label] = count + (left || top ? counts[label] : 0);
      }
      __syncwarp();
    }
  if (lane == 0)
    args.pixels[item] = pixels;
}

#endif
