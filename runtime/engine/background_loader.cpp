#include "runtime/engine/background_loader.h"

#include <sys/resource.h>

#include <utility>

#include "runtime/engine/expert_loader.h"

namespace switchyard::engine {
namespace {

// A tenth of a core where the ranks want them all; what it wants of an idle core it gets.
constexpr int kLoaderNice = 10;

// For this thread alone (Linux, setpriority(2)); who may not be nicer loads all the same.
void give_way() noexcept { (void)::setpriority(PRIO_PROCESS, 0, kLoaderNice); }

}  // namespace

BackgroundLoader::BackgroundLoader(model::WeightSource& source, MakeDevice make_device)
    : source_(source), make_device_(std::move(make_device)), thread_([this] { run(); }) {}

BackgroundLoader::~BackgroundLoader() {
  {
    const std::lock_guard lock(mutex_);
    wanted_.clear();
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundLoader::start(std::vector<ExpertPlace> wanted) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.assign(wanted.begin(), wanted.end());
    ready_.clear();
    ++round_;
  }
  changed_.notify_all();
}

std::optional<BackgroundLoader::Loaded> BackgroundLoader::take() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  std::optional<Loaded> loaded(std::move(ready_.front()));
  ready_.pop_front();
  return loaded;
}

void BackgroundLoader::stop() {
  std::unique_lock lock(mutex_);
  wanted_.clear();
  ready_.clear();
  ++round_;
  changed_.wait(lock, [this] { return !loading_; });
}

// The device is made here: on a GPU it belongs to the thread that made it.
void BackgroundLoader::run() {
  give_way();
  std::unique_ptr<kernels::Device> device;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return over_ || !wanted_.empty(); });
    if (over_) return;
    const ExpertPlace place = wanted_.front();
    const std::uint64_t round = round_;
    wanted_.pop_front();
    loading_ = true;
    lock.unlock();
    const auto load = [&]() -> Result<std::unique_ptr<kernels::PackedExpert>> {
      if (device == nullptr) {
        SY_ASSIGN(device, make_device_());
      }
      return load_expert(source_, *device, place.moe_layer, place.expert);
    };
    Loaded loaded{place, load()};
    lock.lock();
    loading_ = false;
    if (round == round_) {
      if (!loaded.packed) wanted_.clear();
      ready_.push_back(std::move(loaded));
    }
    changed_.notify_all();
  }
}

}  // namespace switchyard::engine
