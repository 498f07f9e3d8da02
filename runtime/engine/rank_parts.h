// runtime/engine/rank_parts.h -- builds what one rank needs for its roles: device, experts,
// router's model, data plane, engine; each sized from one place. Thread safety: pure functions and
// an aggregate for the rank's engine thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/base/clock.h"
#include "runtime/base/timeline.h"
#include "runtime/engine/cluster_options.h"
#include "runtime/engine/cluster_report.h"
#include "runtime/engine/engine.h"
#include "runtime/model/transformer.h"
#include "runtime/model/weight_source.h"
#include "runtime/moe/data_plane.h"
#include "runtime/placement/view.h"

namespace switchyard::engine {

// Called now and then while weights load: experts or layers done, of all.
using LoadProgress = std::function<void(std::size_t done, std::size_t total)>;

// The first view of a static world; `hosts`: of its ranks. Errors: kUsage / kConfig naming what
// does not fit.
[[nodiscard]] Result<placement::View> make_static_view(const ClusterOptions& options,
                                                       const model::ModelConfig& config,
                                                       std::span<const std::string> hosts);

// What must be equal on all ranks of a world, in words: options, configuration and weights. Reads a
// sample of the weights.
[[nodiscard]] std::string world_fingerprint(const ClusterOptions& options,
                                            const model::WeightSource& source,
                                            const comm::Transport& transport);

// Threads for a rank: what was asked for, or its share of the cores that the host's ranks may use,
// and no more than it may use itself.
[[nodiscard]] std::size_t threads_for_rank(const ClusterOptions& options,
                                           const comm::Transport& transport);

// The options of a rank's device, its share of the host filled in.
[[nodiscard]] kernels::DeviceOptions rank_device_options(const ClusterOptions& options,
                                                         const comm::Transport& transport);
[[nodiscard]] Result<std::unique_ptr<kernels::Device>> make_rank_device(
    const ClusterOptions& options, const comm::Transport& transport);

// Null where the options ask for none.
[[nodiscard]] std::unique_ptr<Timeline> make_timeline(const ClusterOptions& options,
                                                      const Clock& clock);

// Everything of the model but its experts. context: positions that will be used.
[[nodiscard]] Result<std::unique_ptr<model::Transformer>> load_router_part(
    model::WeightSource& source, kernels::Device& device, std::size_t context);

// What an engine of these options needs besides the router part.
[[nodiscard]] RouterBufferSizes router_buffer_sizes(const EngineOptions& options,
                                                    const model::ModelConfig& config);

struct RankParts {
  std::unique_ptr<Timeline> timeline;  // null where nothing is noted
  std::unique_ptr<kernels::Device> device;
  std::shared_ptr<const placement::View> view;
  std::unique_ptr<moe::ExpertStore> store;
  std::unique_ptr<model::Transformer> transformer;  // routers only
  std::unique_ptr<moe::DataPlane> plane;
  std::unique_ptr<Engine> engine;  // routers only

  [[nodiscard]] const placement::Member& member(RankId rank) const { return *view->find(rank); }
};

// What the rank has done so far.
[[nodiscard]] RankReport make_rank_report(const RankParts& parts, const model::WeightSource& source,
                                          const comm::Transport& transport);

// Loads this rank's share. Errors: the checkpoint's and the options', naming the place.
[[nodiscard]] Result<RankParts> make_rank_parts(const ClusterOptions& options,
                                                model::WeightSource& source,
                                                comm::Transport& transport, const Clock& clock,
                                                const std::atomic<bool>& abandon,
                                                const LoadProgress& progress);

}  // namespace switchyard::engine
