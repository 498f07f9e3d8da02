// runtime/engine/background_loader.h -- loads experts on a thread of its own, with a device of its
// own to pack them, so that no exchange waits for a checkpoint. Not which experts (view_work.h).
// Thread safety: shared objects: unsafe (the rank's engine thread); the source is the loader's from
// start() on until stop() returns.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/ids.h"
#include "runtime/model/weight_source.h"

namespace switchyard::engine {

struct ExpertPlace {
  std::size_t moe_layer = 0;
  ExpertId expert;
  bool operator==(const ExpertPlace&) const = default;
};

class BackgroundLoader {
 public:
  // Called on the loader's thread, once, before the first expert. What the device packs must be fit
  // for the rank's own device, and outlives this one.
  using MakeDevice = std::function<Result<std::unique_ptr<kernels::Device>>()>;
  // The source outlives the loader.
  BackgroundLoader(model::WeightSource& source, MakeDevice make_device);
  ~BackgroundLoader();
  BackgroundLoader(const BackgroundLoader&) = delete;
  BackgroundLoader& operator=(const BackgroundLoader&) = delete;

  // Wants these experts, in this order; what was wanted before and is not taken yet is forgotten.
  // Blocks: no.
  void start(std::vector<ExpertPlace> wanted);
  struct Loaded {
    ExpertPlace place;
    Result<std::unique_ptr<kernels::PackedExpert>> packed;
  };
  // The next that is ready, if any. After an error nothing more comes. Blocks: no.
  [[nodiscard]] std::optional<Loaded> take();
  // Forgets what was wanted. Blocks: until the expert that is being loaded is done.
  void stop();

 private:
  void run();

  model::WeightSource& source_;
  MakeDevice make_device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ExpertPlace> wanted_;
  std::deque<Loaded> ready_;
  std::uint64_t round_ = 0;  // of start() and stop(): what was loaded for an older one is dropped
  bool loading_ = false;
  bool over_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace switchyard::engine
