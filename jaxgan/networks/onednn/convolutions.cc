// The three linear maps of a convolution, computed by oneDNN for XLA's CPU backend.
//
// With a kernel w [*k, C / groups, F], strides s and zeros (before, after) around x,
//
//   forward          x [B, *n, C], w -> y [B, *o, F]
//   input_gradient   y, w -> x
//   kernel_gradient  x, y -> w
//
// all row-major. Every call uses the thread that makes it and no other: sums are taken
// in one order on any machine with the same instructions, and the devices of a CPU,
// each with a thread of its own, do not wait for one another.

#include <omp.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using dnnl::memory;

enum class Map : int64_t { kForward, kInputGradient, kKernelGradient };

class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_;
};

// Memory of one thread that all its convolutions use in turn.
class Workspace {
 public:
  ~Workspace() { std::free(data_); }
  void* AtLeast(size_t bytes) {
    constexpr size_t kLine = 64;
    if (bytes > size_) {
      std::free(data_);
      size_ = 0;
      data_ = std::aligned_alloc(kLine, (bytes + kLine - 1) / kLine * kLine);
      if (data_ == nullptr) throw std::bad_alloc();
      size_ = bytes;
    }
    return data_;
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type TypeOf(ffi::DataType type) {
  return type == ffi::DataType::BF16 ? memory::data_type::bf16
                                     : memory::data_type::f32;
}

// [B, *n, C] as oneDNN counts dimensions, (B, C, *n).
memory::desc Places(ffi::Span<const int64_t> shape, memory::data_type type) {
  const size_t last = shape.size() - 1;
  memory::dims dims{shape[0], shape[last]}, strides{0, 1};
  for (size_t i = 1; i < last; ++i) dims.push_back(shape[i]);
  strides.resize(dims.size());
  int64_t step = shape[last];
  for (size_t i = last - 1; i >= 1; --i) {
    strides[i + 1] = step;
    step *= shape[i];
  }
  strides[0] = step;
  return memory::desc(dims, type, strides);
}

// [*k, C / groups, F] likewise: (groups, F / groups, C / groups, *k), without the first
// where there is one group.
memory::desc Kernel(ffi::Span<const int64_t> shape, int64_t groups,
                    memory::data_type type, bool any_layout) {
  const size_t places = shape.size() - 2;
  const int64_t inputs = shape[places], features = shape[places + 1];
  memory::dims dims{features / groups, inputs}, strides{1, features};
  int64_t step = inputs * features;
  std::vector<int64_t> steps(places);
  for (size_t i = places; i-- > 0;) {
    steps[i] = step;
    step *= shape[i];
  }
  for (size_t i = 0; i < places; ++i) {
    dims.push_back(shape[i]);
    strides.push_back(steps[i]);
  }
  if (groups > 1) {
    dims.insert(dims.begin(), groups);
    strides.insert(strides.begin(), features / groups);
  }
  if (any_layout) return memory::desc(dims, type, memory::format_tag::any);
  return memory::desc(dims, type, strides);
}

// A convolution that is ready to run, in the layout of the kernel that oneDNN prefers.
struct Prepared {
  dnnl::primitive run;
  dnnl::reorder reorder;
  memory::desc x, y, kernel, preferred, scratchpad;
};

Prepared Prepare(Map map, const memory::desc& x, const memory::desc& y,
                 const memory::desc& kernel, const memory::desc& any,
                 const memory::dims& strides, const memory::dims& before,
                 const memory::dims& after) {
  const auto kind = dnnl::algorithm::convolution_direct;
  const dnnl::engine& engine = Engine();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::convolution_forward::primitive_desc forward(
      engine, dnnl::prop_kind::forward_training, kind, x, any, y, strides, before,
      after, attributes);
  Prepared made{.x = x, .y = y, .kernel = kernel};
  switch (map) {
    case Map::kForward:
      made.run = dnnl::convolution_forward(forward);
      made.preferred = forward.weights_desc();
      made.scratchpad = forward.scratchpad_desc();
      break;
    case Map::kInputGradient: {
      const dnnl::convolution_backward_data::primitive_desc own(
          engine, kind, x, any, y, strides, before, after, forward, attributes);
      made.run = dnnl::convolution_backward_data(own);
      made.preferred = own.weights_desc();
      made.scratchpad = own.scratchpad_desc();
      break;
    }
    case Map::kKernelGradient: {
      const dnnl::convolution_backward_weights::primitive_desc own(
          engine, kind, x, any, y, strides, before, after, forward, attributes);
      made.run = dnnl::convolution_backward_weights(own);
      made.preferred = own.diff_weights_desc();
      made.scratchpad = own.scratchpad_desc();
      break;
    }
  }
  if (made.preferred != kernel) {
    const bool out = map == Map::kKernelGradient;
    const dnnl::reorder::primitive_desc own(
        engine, out ? made.preferred : kernel, engine, out ? kernel : made.preferred);
    made.reorder = dnnl::reorder(own);
  }
  return made;
}

void Run(const Prepared& of, Map map, void* x, void* y, void* kernel) {
  thread_local dnnl::stream stream(Engine());
  thread_local Workspace scratch, own_layout;
  const bool moved = of.preferred != of.kernel;
  void* own = moved ? own_layout.AtLeast(of.preferred.get_size()) : kernel;
  memory places(of.x, Engine(), x), outputs(of.y, Engine(), y);
  memory given(of.kernel, Engine(), kernel), used(of.preferred, Engine(), own);
  memory space(of.scratchpad, Engine(), scratch.AtLeast(of.scratchpad.get_size()));
  switch (map) {
    case Map::kForward:
      if (moved) of.reorder.execute(stream, given, used);
      of.run.execute(stream, {{DNNL_ARG_SRC, places},
                              {DNNL_ARG_WEIGHTS, used},
                              {DNNL_ARG_DST, outputs},
                              {DNNL_ARG_SCRATCHPAD, space}});
      break;
    case Map::kInputGradient:
      if (moved) of.reorder.execute(stream, given, used);
      of.run.execute(stream, {{DNNL_ARG_DIFF_SRC, places},
                              {DNNL_ARG_WEIGHTS, used},
                              {DNNL_ARG_DIFF_DST, outputs},
                              {DNNL_ARG_SCRATCHPAD, space}});
      break;
    case Map::kKernelGradient:
      of.run.execute(stream, {{DNNL_ARG_SRC, places},
                              {DNNL_ARG_DIFF_WEIGHTS, used},
                              {DNNL_ARG_DIFF_DST, outputs},
                              {DNNL_ARG_SCRATCHPAD, space}});
      if (moved) of.reorder.execute(stream, used, given);
      break;
  }
  stream.wait();
}

memory::dims Dims(ffi::Span<const int64_t> of) { return {of.begin(), of.end()}; }

ffi::Error Convolve(Map map, ffi::AnyBuffer first, ffi::AnyBuffer second,
                    ffi::Result<ffi::AnyBuffer> out, ffi::Span<const int64_t> strides,
                    ffi::Span<const int64_t> before, ffi::Span<const int64_t> after,
                    int64_t groups) {
  // Which of the three arrays x, y and the kernel are is a matter of the map.
  ffi::AnyBuffer x = first, y = second, kernel = second;
  if (map == Map::kForward) y = *out;
  if (map == Map::kInputGradient) x = *out, y = first;
  if (map == Map::kKernelGradient) kernel = *out;

  std::vector<int64_t> key{static_cast<int64_t>(map), groups,
                           static_cast<int64_t>(first.element_type())};
  for (auto part : {x.dimensions(), kernel.dimensions(), strides, before, after})
    key.insert(key.end(), part.begin(), part.end());
  try {
    const OneThread alone;
    thread_local std::map<std::vector<int64_t>, Prepared> known;
    auto found = known.find(key);
    if (found == known.end()) {
      const memory::data_type type = TypeOf(first.element_type());
      found = known
                  .emplace(std::move(key),
                           Prepare(map, Places(x.dimensions(), type),
                                   Places(y.dimensions(), type),
                                   Kernel(kernel.dimensions(), groups, type, false),
                                   Kernel(kernel.dimensions(), groups, type, true),
                                   Dims(strides), Dims(before), Dims(after)))
                  .first;
    }
    Run(found->second, map, x.untyped_data(), y.untyped_data(), kernel.untyped_data());
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kInternal,
                      std::string("oneDNN: ") + error.what());
  }
  return ffi::Error::Success();
}

template <Map map>
ffi::Error ConvolveAs(ffi::AnyBuffer first, ffi::AnyBuffer second,
                      ffi::Result<ffi::AnyBuffer> out,
                      ffi::Span<const int64_t> strides,
                      ffi::Span<const int64_t> before,
                      ffi::Span<const int64_t> after, int64_t groups) {
  return Convolve(map, first, second, out, strides, before, after, groups);
}

auto Binding() {
  return ffi::Ffi::Bind()
      .Arg<ffi::AnyBuffer>()
      .Arg<ffi::AnyBuffer>()
      .Ret<ffi::AnyBuffer>()
      .Attr<ffi::Span<const int64_t>>("strides")
      .Attr<ffi::Span<const int64_t>>("before")
      .Attr<ffi::Span<const int64_t>>("after")
      .Attr<int64_t>("groups");
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(forward, ConvolveAs<Map::kForward>, Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(input_gradient, ConvolveAs<Map::kInputGradient>,
                              Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(kernel_gradient, ConvolveAs<Map::kKernelGradient>,
                              Binding());
