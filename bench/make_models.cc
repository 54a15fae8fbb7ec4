// Writes the benchmark's models: AlexNet, ResNet-18, ResNet-152 and VGG-16 up to their last convolution, with random weights
// that keep activations in range. Usage: make_models FOLDER
#include <cmath>
#include <functional>
#include <iostream>
#include <torch/script.h>

namespace {

using torch::jit::Module;

Module convolution(int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride, int64_t padding, bool bias) {
  Module module("Conv2d");
  const double deviation = std::sqrt(2.0 / static_cast<double>(inputs * kernel * kernel));
  module.register_parameter("weight", torch::randn({outputs, inputs, kernel, kernel}) * deviation, false);
  module.register_parameter("bias", bias ? torch::randn({outputs}) * 0.1 : torch::Tensor(), false);
  const std::string s = std::to_string(stride), p = std::to_string(padding);
  const std::string arguments = bias ? "self.weight, self.bias" : "self.weight, None";
  if (!bias)
    module = [&] { // without the empty parameter
      Module plain("Conv2d");
      plain.register_parameter("weight", module.attr("weight").toTensor(), false);
      return plain;
    }();
  module.define("def forward(self, x):\n  return torch.conv2d(x, " + arguments + ", [" + s + ", " + s + "], [" + p +
                ", " + p + "])\n");
  return module;
}

Module normalisation(int64_t units) {
  Module module("BatchNorm2d");
  module.register_parameter("weight", torch::ones({units}), false);
  module.register_parameter("bias", torch::randn({units}) * 0.1, false);
  module.register_buffer("running_mean", torch::zeros({units}));
  module.register_buffer("running_var", torch::ones({units}) * 2);
  module.define("def forward(self, x):\n"
                "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, False, 0.1, "
                "1e-05, True)\n");
  return module;
}

void save(Module &module, const std::string &file) {
  module.eval();
  module.save(file);
  std::cout << file << std::endl;
}

const std::string pool2 = "torch.max_pool2d(x, [2, 2], [2, 2])", pool3 = "torch.max_pool2d(x, [3, 3], [2, 2])";

void alexnet(const std::string &file) {
  Module module("AlexNet");
  module.register_module("conv1", convolution(3, 64, 11, 4, 2, true));
  module.register_module("conv2", convolution(64, 192, 5, 1, 2, true));
  module.register_module("conv3", convolution(192, 384, 3, 1, 1, true));
  module.register_module("conv4", convolution(384, 256, 3, 1, 1, true));
  module.register_module("conv5", convolution(256, 256, 3, 1, 1, true));
  module.define("def forward(self, x):\n"
                "  x = torch.relu_(self.conv1.forward(x))\n  x = " + pool3 + "\n"
                "  x = torch.relu_(self.conv2.forward(x))\n  x = " + pool3 + "\n"
                "  x = torch.relu_(self.conv3.forward(x))\n"
                "  x = torch.relu_(self.conv4.forward(x))\n"
                "  x = torch.relu_(self.conv5.forward(x))\n  return " + pool3 + "\n");
  save(module, file);
}

Module basicBlock(int64_t inputs, int64_t outputs, int64_t stride) {
  Module module("BasicBlock");
  module.register_module("conv1", convolution(inputs, outputs, 3, stride, 1, false));
  module.register_module("bn1", normalisation(outputs));
  module.register_module("conv2", convolution(outputs, outputs, 3, 1, 1, false));
  module.register_module("bn2", normalisation(outputs));
  const bool same = stride == 1 && inputs == outputs;
  if (!same) {
    module.register_module("downsample", convolution(inputs, outputs, 1, stride, 0, false));
    module.register_module("downsample_bn", normalisation(outputs));
  }
  module.define("def forward(self, x):\n"
                "  y = torch.relu_(self.bn1.forward(self.conv1.forward(x)))\n"
                "  y = self.bn2.forward(self.conv2.forward(y))\n"
                "  y = y.add_(" + std::string(same ? "x" : "self.downsample_bn.forward(self.downsample.forward(x))") + ")\n"
                "  return torch.relu_(y)\n");
  return module;
}

/// Four stages, and what stands before and after them. `stageOf` makes a stage's layer of the units that come in
/// and leaves there those that go out.
void resnet(const std::string &file, const std::function<Module(int stage, int64_t &units)> &stageOf) {
  Module module("ResNet");
  module.register_module("conv1", convolution(3, 64, 7, 2, 3, false));
  module.register_module("bn1", normalisation(64));
  int64_t units = 64;
  std::string forward = "def forward(self, x):\n  x = torch.relu_(self.bn1.forward(self.conv1.forward(x)))\n"
                        "  x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])\n";
  for (int stage = 1; stage <= 4; stage++) {
    const std::string name = "layer" + std::to_string(stage);
    module.register_module(name, stageOf(stage, units));
    forward += "  x = self." + name + ".forward(x)\n";
  }
  module.define(forward + "  return torch.mean(x, [2, 3])\n");
  save(module, file);
}

void resnet18(const std::string &file) {
  resnet(file, [](int stage, int64_t &units) {
    const int64_t outputs = 32 << stage;
    Module layer("Sequential");
    layer.register_module("first", basicBlock(units, outputs, stage == 1 ? 1 : 2));
    layer.register_module("second", basicBlock(outputs, outputs, 1));
    layer.define("def forward(self, x):\n  return self.second.forward(self.first.forward(x))\n");
    units = outputs;
    return layer;
  });
}

Module bottleneck(int64_t inputs, int64_t inner, int64_t stride) {
  const int64_t outputs = 4 * inner;
  Module module("Bottleneck");
  module.register_module("conv1", convolution(inputs, inner, 1, 1, 0, false));
  module.register_module("bn1", normalisation(inner));
  module.register_module("conv2", convolution(inner, inner, 3, stride, 1, false));
  module.register_module("bn2", normalisation(inner));
  module.register_module("conv3", convolution(inner, outputs, 1, 1, 0, false));
  module.register_module("bn3", normalisation(outputs));
  const bool same = stride == 1 && inputs == outputs;
  if (!same)
    module.register_module("downsample", convolution(inputs, outputs, 1, stride, 0, false));
  module.define("def forward(self, x):\n"
                "  y = torch.relu_(self.bn1.forward(self.conv1.forward(x)))\n"
                "  y = torch.relu_(self.bn2.forward(self.conv2.forward(y)))\n"
                "  y = self.bn3.forward(self.conv3.forward(y))\n"
                "  y = y.mul_(0.2).add_(" + std::string(same ? "x" : "self.downsample.forward(x)") + ")\n"
                "  return torch.relu_(y)\n");
  return module;
}

/// As deep as ResNet-152: 3, 8, 36 and 3 blocks.
void resnet152(const std::string &file) {
  resnet(file, [](int stage, int64_t &units) {
    constexpr int blocks[] = {3, 8, 36, 3};
    const int64_t inner = 32 << stage;
    Module layer("Sequential");
    std::string inside = "def forward(self, x):\n";
    for (int block = 0; block < blocks[stage - 1]; block++) {
      const std::string name = "block" + std::to_string(block);
      layer.register_module(name, bottleneck(units, inner, block || stage == 1 ? 1 : 2));
      inside += "  x = self." + name + ".forward(x)\n";
      units = 4 * inner;
    }
    layer.define(inside + "  return x\n");
    return layer;
  });
}

void vgg16(const std::string &file) {
  Module module("VGG");
  const std::vector<std::vector<int64_t>> stages{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
  int64_t units = 3;
  std::string forward = "def forward(self, x):\n";
  for (size_t stage = 0; stage < stages.size(); stage++) {
    for (size_t i = 0; i < stages[stage].size(); i++) {
      const std::string name = "conv" + std::to_string(stage + 1) + "_" + std::to_string(i + 1);
      module.register_module(name, convolution(units, stages[stage][i], 3, 1, 1, true));
      units = stages[stage][i];
      forward += "  x = torch.relu_(self." + name + ".forward(x))\n";
    }
    forward += "  x = " + pool2 + "\n";
  }
  module.define(forward + "  return x\n");
  save(module, file);
}

} // namespace

int main(int count, char **arguments) {
  if (count != 2) {
    std::cerr << "usage: make_models FOLDER\n";
    return 1;
  }
  const std::string folder = arguments[1];
  torch::manual_seed(0);
  alexnet(folder + "/alexnet.pt");
  resnet18(folder + "/resnet18.pt");
  vgg16(folder + "/vgg16.pt");
  resnet152(folder + "/resnet152.pt");
  return 0;
}
