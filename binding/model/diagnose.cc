#include "model/diagnose.h"
#include <caffe2/serialize/inline_container.h>
#include <fstream>

namespace netdissect {

std::string diagnose(const std::string &path, const std::string &message) {
  std::string head(4, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), 4);
  if (head.compare(0, 4, "PK\3\4") != 0)
    return "it is no TorchScript file (a zip archive); export the model with torch.jit.trace or "
           "torch.jit.script "
           "and .save()";
  try {
    caffe2::serialize::PyTorchStreamReader reader(path);
    if (reader.hasRecord("constants.pkl")) {
      if (message.find("required keyword attribute 'value' is undefined") != std::string::npos)
        return "it holds constants that no file keeps, as torch.jit.optimize_for_inference makes them; "
               "export "
               "it without that";
      const std::string unknown = "Unknown builtin op: ";
      if (message.rfind(unknown, 0) != 0)
        return message;
      return "its code calls the operator " + message.substr(unknown.size()) +
             ", which LibTorch does not have (it comes with a library such as torchvision); export the part "
             "of the "
             "model before it";
    }
    if (reader.hasRecord("data.pkl"))
      return "it holds a state dict or another pickled object (torch.save), not a TorchScript model; export "
             "the "
             "model with torch.jit.trace or torch.jit.script and .save()";
    return "it is an archive, but none of TorchScript; export the model with torch.jit.trace or "
           "torch.jit.script "
           "and .save()";
  } catch (const std::exception &) {
    return "it is damaged or cut off; copy or export it again";
  }
}

} // namespace netdissect
