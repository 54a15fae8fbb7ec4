#include "model/log.h"
#include <c10/util/Exception.h>
#include <cctype>
#include <torch/csrc/jit/runtime/print_handler.h>
#include <torch/version.h>

namespace netdissect {

namespace {

thread_local std::shared_ptr<Log> current;

class Keeper : public c10::WarningHandler {
public:
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning &warning) override { keep(warning.msg()); }
#else
  void process(const c10::SourceLocation &, const std::string &message, bool) override { keep(message); }
#endif

private:
  static void keep(const std::string &message) {
    if (current)
      current->add("LibTorch warns: " + message);
  }
};

#if TORCH_VERSION_MAJOR >= 2
namespace warnings = c10::WarningUtils;
#else
namespace warnings = c10::Warning;
#endif

} // namespace

void Log::add(std::string message) {
  constexpr size_t most = 100, longest = 1000;
  for (char &c : message)
    if (std::iscntrl(static_cast<unsigned char>(c)))
      c = ' ';
  if (message.size() > longest)
    message = message.substr(0, longest) + "...";
  while (!message.empty() && message.back() == ' ')
    message.pop_back();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (known_.count(message))
    return;
  if (known_.size() >= most) {
    dropped_++;
    return;
  }
  known_.insert(message);
  fresh_.push_back(std::move(message));
}

std::vector<std::string> Log::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> messages = std::move(fresh_);
  fresh_.clear();
  if (dropped_ > 0)
    messages.push_back("and " + std::to_string(dropped_) + " more messages of LibTorch and the model");
  dropped_ = 0;
  return messages;
}

void keepLog(std::shared_ptr<Log> log) {
  static Keeper keeper;
  current = std::move(log);
  warnings::set_warning_handler(&keeper); // this thread's
  static const bool once = [] {
    // The process's: what is printed on other threads is of no model that can be told.
    torch::jit::setPrintHandler([](const std::string &text) {
      if (current)
        current->add("the model prints: " + text);
    });
    return true;
  }();
  (void)once;
}

} // namespace netdissect
