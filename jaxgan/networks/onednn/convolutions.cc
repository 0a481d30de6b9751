// The three linear maps of a convolution, computed by oneDNN for XLA's CPU backend.
//
// With a kernel w [*k, C / groups, F], strides s and zeros (before, after) around x,
//
//   forward          x [B, *n, C], w -> y [B, *o, F]
//   input_gradient   y, w -> x
//   kernel_gradient  x, y -> w
//
// all row-major, by oneDNN's convolutions or, where there are few places, by its matrix
// products, see products.h. oneDNN itself uses one thread, so that sums are taken in one
// order on any machine with the same instructions. The first two maps, of which each
// sample has its own, are computed for parts of a batch by those threads of XLA's pool
// that no other call here needs; the last one, a sum over samples, only as products, for
// each place of the kernel. Nothing is shared in bfloat16, where the order of a sum
// depends on the size of the batch.

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"
#include "products.h"
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
  // Never destroyed, as threads of XLA's may outlive whatever is destroyed at exit.
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

memory::data_type TypeOf(ffi::DataType type) {
  return type == ffi::DataType::BF16 ? memory::data_type::bf16
                                     : memory::data_type::f32;
}

std::vector<int64_t> Dims(ffi::Span<const int64_t> of) {
  return {of.begin(), of.end()};
}

// [B, *n, C] as oneDNN counts dimensions, (B, C, *n).
memory::desc Places(const std::vector<int64_t>& shape, memory::data_type type) {
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

struct Arrays {
  char* x;
  char* y;
};

dnnl::stream& Stream() {
  thread_local dnnl::stream stream(Engine());
  return stream;
}

void Execute(const Prepared& of, Map map, const Arrays& arrays, void* own_layout) {
  thread_local Workspace scratch;
  const OneThread alone;
  const bool by_x = map == Map::kInputGradient, by_kernel = map == Map::kKernelGradient;
  of.run.execute(
      Stream(),
      {{by_x ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, memory(of.x, Engine(), arrays.x)},
       {map == Map::kForward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST,
        memory(of.y, Engine(), arrays.y)},
       {by_kernel ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS,
        memory(of.preferred, Engine(), own_layout)},
       {DNNL_ARG_SCRATCHPAD, memory(of.scratchpad, Engine(),
                                    scratch.AtLeast(of.scratchpad.get_size()))}});
  Stream().wait();
}

// Calls that are being computed, each by at least one thread.
std::atomic<int64_t> running{0};

// Runs `part(i)` for all i below `parts`, on this thread and so many of the pool that
// there are `threads` in all. It does not wait for a task that has not begun, as the pool
// may have none that could.
void InParts(ffi::ThreadPool& pool, int64_t parts, int64_t threads,
             const std::function<void(int64_t)>& part) {
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
    std::mutex mutex;
    std::condition_variable all_done;
    std::exception_ptr error;
    const std::function<void(int64_t)>* part;
    int64_t parts;

    void Work() {
      for (int64_t i = next++; i < parts; i = next++) {
        try {
          (*part)(i);
        } catch (...) {
          const std::lock_guard<std::mutex> lock(mutex);
          error = std::current_exception();
        }
        if (++done == parts) {
          const std::lock_guard<std::mutex> lock(mutex);
          all_done.notify_all();
        }
      }
    }
  };
  auto shared = std::make_shared<Shared>();
  shared->part = &part;
  shared->parts = parts;
  for (int64_t i = 1; i < std::min(parts, threads); ++i)
    pool.Schedule([shared] { shared->Work(); });
  shared->Work();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done == parts; });
  if (shared->error) std::rethrow_exception(shared->error);
}

// The most equal parts of a batch that there are threads for.
int64_t Parts(int64_t batch, int64_t threads) {
  int64_t parts = std::max<int64_t>(1, std::min(threads, batch));
  while (batch % parts != 0) --parts;
  return parts;
}

const Prepared& Known(Map map, memory::data_type type, std::vector<int64_t> x,
                      std::vector<int64_t> y, ffi::Span<const int64_t> kernel,
                      ffi::Span<const int64_t> strides, ffi::Span<const int64_t> before,
                      ffi::Span<const int64_t> after, int64_t groups) {
  thread_local std::map<std::vector<int64_t>, Prepared> known;
  std::vector<int64_t> key{static_cast<int64_t>(map), groups,
                           static_cast<int64_t>(type)};
  key.insert(key.end(), x.begin(), x.end());
  for (auto part : {kernel, strides, before, after})
    key.insert(key.end(), part.begin(), part.end());
  auto found = known.find(key);
  if (found == known.end()) {
    const OneThread alone;
    found = known
                .emplace(std::move(key),
                         Prepare(map, Places(x, type), Places(y, type),
                                 Kernel(kernel, groups, type, false),
                                 Kernel(kernel, groups, type, true), Dims(strides),
                                 Dims(before), Dims(after)))
                .first;
  }
  return found->second;
}

struct Arguments {
  ffi::AnyBuffer x, y, kernel;
  ffi::Span<const int64_t> strides, before, after;
  int64_t groups;
  ffi::DataType type;
};

void ByConvolution(Map map, ffi::ThreadPool& pool, int64_t threads,
                   const Arguments& of) {
  const bool whole = map == Map::kKernelGradient || of.type == ffi::DataType::BF16;
  const int64_t batch = of.x.dimensions()[0], parts = whole ? 1 : Parts(batch, threads);
  std::vector<int64_t> part_x = Dims(of.x.dimensions());
  std::vector<int64_t> part_y = Dims(of.y.dimensions());
  part_x[0] = part_y[0] = batch / parts;
  const Prepared& ready = Known(map, TypeOf(of.type), part_x, part_y,
                                of.kernel.dimensions(), of.strides, of.before, of.after,
                                of.groups);
  thread_local Workspace workspace;
  const bool moved = ready.preferred != ready.kernel;
  void* own = moved ? workspace.AtLeast(ready.preferred.get_size())
                    : of.kernel.untyped_data();
  memory given(ready.kernel, Engine(), of.kernel.untyped_data());
  memory used(ready.preferred, Engine(), own);
  const OneThread alone;
  if (moved && map != Map::kKernelGradient)
    ready.reorder.execute(Stream(), given, used);
  const size_t step_x = of.x.size_bytes() / parts, step_y = of.y.size_bytes() / parts;
  InParts(pool, parts, parts, [&](int64_t i) {
    const Arrays arrays{static_cast<char*>(of.x.untyped_data()) + i * step_x,
                        static_cast<char*>(of.y.untyped_data()) + i * step_y};
    Execute(ready, map, arrays, own);
  });
  if (moved && map == Map::kKernelGradient)
    ready.reorder.execute(Stream(), used, given);
  Stream().wait();
}

// Those dimensions of x, y or a kernel that are not of space lie around it.
products::Geometry InSpace(const Arguments& of) {
  const auto x = Dims(of.x.dimensions()), y = Dims(of.y.dimensions());
  const auto kernel = Dims(of.kernel.dimensions());
  return {{x.begin() + 1, x.end() - 1}, {kernel.begin(), kernel.end() - 2},
          {y.begin() + 1, y.end() - 1}, Dims(of.strides),
          Dims(of.before),              x.back(),
          y.back()};
}

bool SuitsProducts(Map map, const Arguments& of) {
  return of.type == ffi::DataType::F32 && of.groups == 1 &&
         products::Suit(InSpace(of), map == Map::kKernelGradient);
}

float* FloatsOf(const ffi::AnyBuffer& of) {
  return static_cast<float*>(of.untyped_data());
}

void ByProducts(Map map, ffi::ThreadPool& pool, int64_t threads, const Arguments& of) {
  const products::Geometry space = InSpace(of);
  const products::Plan plan = products::MakePlan(space);
  const int64_t batch = of.x.dimensions()[0];
  float *x = FloatsOf(of.x), *y = FloatsOf(of.y), *w = FloatsOf(of.kernel);
  if (map == Map::kKernelGradient) {
    thread_local Workspace workspace;
    auto* own = static_cast<float*>(
        workspace.AtLeast(products::Space(space, batch) * sizeof(float)));
    const products::Both both = products::Moved(space, plan, batch, x, y, own);
    InParts(pool, plan.runs.size(), threads, [&](int64_t t) {
      const OneThread alone;
      products::OfKernel(space, plan, both, batch, t, w);
    });
    return;
  }
  const int64_t parts = Parts(batch, threads), each = batch / parts;
  InParts(pool, parts, parts, [&](int64_t i) {
    thread_local Workspace workspace;
    auto* own = static_cast<float*>(
        workspace.AtLeast(products::Space(space, each) * sizeof(float)));
    const OneThread alone;
    const int64_t step_x = of.x.element_count() / parts;
    const int64_t step_y = of.y.element_count() / parts;
    products::OfSamples(map == Map::kForward, space, plan, each, x + i * step_x, w,
                        y + i * step_y, own);
  });
}

ffi::Error Convolve(Map map, ffi::ThreadPool pool, ffi::AnyBuffer first,
                    ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> out,
                    ffi::Span<const int64_t> strides, ffi::Span<const int64_t> before,
                    ffi::Span<const int64_t> after, int64_t groups) {
  // Which of the three arrays x, y and the kernel are is a matter of the map.
  Arguments of{first,  second, second, strides,
               before, after,  groups, first.element_type()};
  if (map == Map::kForward) of.y = *out;
  if (map == Map::kInputGradient) of.x = *out, of.y = first;
  if (map == Map::kKernelGradient) of.kernel = *out;

  const int64_t threads = std::max<int64_t>(1, pool.num_threads() / ++running);
  ffi::Error result = ffi::Error::Success();
  try {
    (SuitsProducts(map, of) ? ByProducts : ByConvolution)(map, pool, threads, of);
  } catch (const std::exception& error) {
    result = ffi::Error(ffi::ErrorCode::kInternal,
                        std::string("oneDNN: ") + error.what());
  }
  --running;
  return result;
}

template <Map map>
ffi::Error ConvolveAs(ffi::ThreadPool pool, ffi::AnyBuffer first,
                      ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> out,
                      ffi::Span<const int64_t> strides,
                      ffi::Span<const int64_t> before,
                      ffi::Span<const int64_t> after, int64_t groups) {
  return Convolve(map, pool, first, second, out, strides, before, after, groups);
}

// x over its length, or zeros where it is zero; returns the length.
float MakeUnit(float* x, int64_t size) {
  double squares = 0;  // of numbers whose squares a float could not hold
  for (int64_t i = 0; i < size; ++i) squares += static_cast<double>(x[i]) * x[i];
  const double length = std::sqrt(squares), scale = length > 0 ? 1 / length : 0;
  for (int64_t i = 0; i < size; ++i) x[i] = static_cast<float>(x[i] * scale);
  return static_cast<float>(length);
}

// Of a matrix a [K, F] and a direction u [F]: v = a u / |a u|, then w = v a, whose
// direction is the next u, unless it has none, being zero or not finite, and whose
// length is about the largest singular value.
ffi::Error IteratePower(ffi::Buffer<ffi::F32> a, ffi::Buffer<ffi::F32> u,
                        ffi::ResultBuffer<ffi::F32> next, ffi::ResultBuffer<ffi::F32> v,
                        ffi::ResultBuffer<ffi::F32> length) {
  const int64_t inputs = a.dimensions()[0], features = a.dimensions()[1];
  const float* matrix = a.typed_data();
  float *left = v->typed_data(), *right = next->typed_data();
  const OneThread alone;
  try {
    std::fill_n(left, inputs, 0.0f);
    products::Add(false, false, inputs, 1, features, matrix, u.typed_data(), left);
    MakeUnit(left, inputs);
    std::fill_n(right, features, 0.0f);
    products::Add(false, false, 1, features, inputs, left, matrix, right);
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kInternal, std::string("oneDNN: ") + error.what());
  }
  const float found = *length->typed_data() = MakeUnit(right, features);
  if (!(found > 0 && std::isfinite(found)))
    std::copy_n(u.typed_data(), features, right);
  return ffi::Error::Success();
}

auto Binding() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<ffi::AnyBuffer>()
      .Arg<ffi::AnyBuffer>()
      .Ret<ffi::AnyBuffer>()
      .Attr<ffi::Span<const int64_t>>("strides")
      .Attr<ffi::Span<const int64_t>>("before")
      .Attr<ffi::Span<const int64_t>>("after")
      .Attr<int64_t>("groups");
}

bool ComputesBFloat16() {
  const auto type = memory::data_type::bf16;
  const std::vector<int64_t> ones{1, 1, 1};
  const ffi::Span<const int64_t> kernel(ones.data(), ones.size());
  try {
    for (Map map : {Map::kForward, Map::kInputGradient, Map::kKernelGradient})
      Prepare(map, Places(ones, type), Places(ones, type),
              Kernel(kernel, 1, type, false), Kernel(kernel, 1, type, true), {1}, {0},
              {0});
  } catch (const dnnl::error&) {
    return false;
  }
  return true;
}

}  // namespace

// Whether this processor can, as it needs instructions that not every one has.
extern "C" int computes_bfloat16() { return ComputesBFloat16(); }

XLA_FFI_DEFINE_HANDLER_SYMBOL(forward, ConvolveAs<Map::kForward>, Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(input_gradient, ConvolveAs<Map::kInputGradient>,
                              Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(kernel_gradient, ConvolveAs<Map::kKernelGradient>,
                              Binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(power_iteration, IteratePower,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());
