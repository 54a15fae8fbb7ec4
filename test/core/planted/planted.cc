// Faults on purpose, in what the core's own code is given: that a sanitizer ends this program shows that it
// watches.
//   core_planted overflow|freed|signed|leak|race
#include "base/parallel.h"
#include "kernels/kernels.h"
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace netdissect;

int main(int count, char **arguments) {
  const std::string fault = count > 1 ? arguments[1] : "";
  if (fault == "overflow") { // a map of which a cell more is scanned than there is
    const std::vector<float> map(16);
    std::printf("%f\n", static_cast<double>(kernels().scan(map.data(), map.size() + 1, 0).largest));
  } else if (fault == "freed") {
    auto map = std::make_unique<std::vector<float>>(16);
    const float *volatile cells = map->data();
    map.reset();
    std::printf("%f\n", static_cast<double>(kernels().scan(cells, 16, 0).largest));
  } else if (fault == "signed") {
    volatile int32_t pixels = std::numeric_limits<int32_t>::max();
    pixels = pixels + 1;
    std::printf("%d\n", pixels);
  } else if (fault == "leak") {
    volatile char *lost = new char[1000];
    lost[0] = 1;
    lost = nullptr;
  } else if (fault == "race") { // two parts of a loop that count into one place
    setLoopThreads(2);
    int64_t sum = 0;
    parallelFor(100000, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++)
        sum += i;
    });
    std::printf("%lld\n", static_cast<long long>(sum));
  } else
    return 2;
  return 0;
}
