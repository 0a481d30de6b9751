// The maps of a convolution to few places, as matrix products.
//
// Where outputs are 4x4 places and fewer, a third of a 3x3 kernel's places and more lie
// on padding, and convolutions of many channels reach two thirds of the rate of matrix
// products. Here both arrays are first brought into an order in which the samples of a
// place lie together, [places, B, C], so that one place t of the kernel meets a run of
// places of x and a run of places of y:
//
//   forward          y[run] += x[run] w[t]
//   input_gradient   x[run] += y[run] w[t]^T
//   kernel_gradient  w[t] += x[run]^T y[run]
//
// Padding is never met. With a stride s in the last dimension the places of x lie there
// by their remainder modulo s, so that those which one t meets are neighbours.

#ifndef JAXGAN_NETWORKS_ONEDNN_PRODUCTS_H_
#define JAXGAN_NETWORKS_ONEDNN_PRODUCTS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"

namespace products {

using Shape = std::vector<int64_t>;

// From so many products of input and output channels on they are faster.
constexpr int64_t kFewestWeights = 8192;
// The most places of the output: of the maps of samples, and of kernel gradients.
constexpr int64_t kMostPlaces = 16, kMostPlacesOfKernelGradient = 64;
// Fewer rows, and longer sums at once, are added up in an order that depends on the
// number of rows, and so a sample's last bits would on its batch.
constexpr int64_t kFewestRows = 16, kLongestSum = 1024;

inline int64_t Count(const Shape& of) {
  return std::accumulate(of.begin(), of.end(), int64_t{1}, std::multiplies<>());
}

// A convolution in the dimensions of space alone.
struct Geometry {
  Shape size, kernel, outputs, strides, before;
  int64_t inputs, features;
};

inline bool Suit(const Geometry& of, bool kernel_gradient) {
  const int64_t places = Count(of.outputs);
  if (Count(of.kernel) == 1 || of.inputs * of.features < kFewestWeights) return false;
  if (kernel_gradient) return places <= kMostPlacesOfKernelGradient;
  // Without these instructions sums are taken in an order that depends on the rows.
  return places <= kMostPlaces &&
         dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
}

// Neighbouring places, in the order below, of x and y that one place of the kernel joins.
struct Run {
  int64_t x, y, places;
};

struct Plan {
  std::vector<std::vector<Run>> runs;  // of each place of the kernel
  Shape order;                         // where each place of x lies
};

// The next index into `shape` in row-major order, or false after the last one.
inline bool Advance(Shape& index, const Shape& shape) {
  for (size_t i = shape.size(); i-- > 0;) {
    if (++index[i] < shape[i]) return true;
    index[i] = 0;
  }
  return false;
}

inline Plan MakePlan(const Geometry& of) {
  const size_t last = of.size.size() - 1;
  const int64_t row = of.size[last], stride = of.strides[last];
  Shape in_row(row);
  int64_t next = 0;
  for (int64_t remainder = 0; remainder < stride; ++remainder)
    for (int64_t i = remainder; i < row; i += stride) in_row[i] = next++;

  Plan plan{.order = Shape(Count(of.size))};
  for (size_t i = 0; i < plan.order.size(); ++i)
    plan.order[i] = i / row * row + in_row[i % row];

  // Rows of places are those of all dimensions but the last.
  const Shape rows(of.outputs.begin(), of.outputs.end() - 1);
  Shape tap(of.kernel.size(), 0);
  do {
    std::vector<Run> runs;
    const int64_t shift = tap[last] - of.before[last];
    int64_t begin = 0, end = of.outputs[last];
    while (begin < end && begin * stride + shift < 0) ++begin;
    while (end > begin && (end - 1) * stride + shift >= row) --end;
    Shape output(rows.size(), 0);
    do {
      int64_t x = 0, y = 0;
      bool inside = begin < end;
      for (size_t i = 0; i < last; ++i) {
        const int64_t input = output[i] * of.strides[i] + tap[i] - of.before[i];
        inside = inside && input >= 0 && input < of.size[i];
        x = x * of.size[i] + input;
        y = y * rows[i] + output[i];
      }
      if (inside)
        runs.push_back({x * row + in_row[begin * stride + shift],
                        y * of.outputs[last] + begin, end - begin});
    } while (Advance(output, rows));
    plan.runs.push_back(std::move(runs));
  } while (Advance(tap, of.kernel));
  return plan;
}

// out [M, N] += a [M, K] b [K, N], each transposed in memory where it says so.
inline void Add(bool a_transposed, bool b_transposed, int64_t m, int64_t n, int64_t k,
                const float* a, const float* b, float* out) {
  for (int64_t from = 0; from < k; from += kLongestSum) {
    const auto status = dnnl::sgemm(
        a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', m, n,
        std::min(kLongestSum, k - from), 1.0f, a + from * (a_transposed ? m : 1),
        a_transposed ? m : k, b + from * (b_transposed ? 1 : n), b_transposed ? k : n,
        1.0f, out, n);
    if (status != dnnl::status::success)
      throw dnnl::error(static_cast<dnnl_status_t>(status), "a matrix product failed");
  }
}

// An array [B, places, C] in memory, and the same by places, [places, rows, C].
struct Array {
  float* given;
  float* by_place;
  int64_t places, channels;
  const int64_t* order;  // or null

  int64_t At(int64_t place, int64_t rows) const { return place * rows * channels; }
};

template <bool back>
void Move(const Array& of, int64_t batch, int64_t rows) {
  const size_t bytes = of.channels * sizeof(float);
  for (int64_t sample = 0; sample < batch; ++sample) {
    for (int64_t i = 0; i < of.places; ++i) {
      const int64_t place = of.order == nullptr ? i : of.order[i];
      float* given = of.given + (sample * of.places + i) * of.channels;
      float* moved = of.by_place + of.At(place, rows) + sample * of.channels;
      std::memcpy(back ? given : moved, back ? moved : given, bytes);
    }
  }
}

inline int64_t Rows(int64_t batch) { return std::max(batch, kFewestRows); }

// Numbers of memory that a batch needs.
inline int64_t Space(const Geometry& of, int64_t batch) {
  return Rows(batch) *
         (Count(of.size) * of.inputs + Count(of.outputs) * of.features);
}

struct Both {
  Array x, y;
};

inline Both Arrays(const Geometry& of, const Plan& plan, int64_t batch, float* x,
                   float* y, float* space) {
  const Array own{x, space, Count(of.size), of.inputs, plan.order.data()};
  float* rest = space + own.At(own.places, Rows(batch));
  return {own, {y, rest, Count(of.outputs), of.features, nullptr}};
}

// x or y of a batch from the other and the kernel w [t, C, F].
inline void OfSamples(bool forward, const Geometry& of, const Plan& plan, int64_t batch,
                      float* x, const float* w, float* y, float* space) {
  const int64_t rows = Rows(batch);
  std::memset(space, 0, Space(of, batch) * sizeof(float));
  const auto [own, other] = Arrays(of, plan, batch, x, y, space);
  Move<false>(forward ? own : other, batch, rows);
  for (size_t t = 0; t < plan.runs.size(); ++t) {
    const float* weights = w + t * of.inputs * of.features;
    for (const Run& run : plan.runs[t]) {
      float* in = own.by_place + own.At(run.x, rows);
      float* out = other.by_place + other.At(run.y, rows);
      const int64_t all = run.places * rows;
      if (forward)
        Add(false, false, all, of.features, of.inputs, in, weights, out);
      else
        Add(false, true, all, of.inputs, of.features, out, weights, in);
    }
  }
  Move<true>(forward ? other : own, batch, rows);
}

// Brings both arrays into their order, for `OfKernel`.
inline Both Moved(const Geometry& of, const Plan& plan, int64_t batch, float* x,
                  float* y, float* space) {
  const Both both = Arrays(of, plan, batch, x, y, space);
  Move<false>(both.x, batch, batch);
  Move<false>(both.y, batch, batch);
  return both;
}

// The gradient of the kernel's place t.
inline void OfKernel(const Geometry& of, const Plan& plan, const Both& both,
                     int64_t batch, int64_t t, float* w) {
  float* own = w + t * of.inputs * of.features;
  std::memset(own, 0, of.inputs * of.features * sizeof(float));
  for (const Run& run : plan.runs[t])
    Add(true, false, of.inputs, of.features, run.places * batch,
        both.x.by_place + both.x.At(run.x, batch),
        both.y.by_place + both.y.At(run.y, batch), own);
}

}  // namespace products

#endif  // JAXGAN_NETWORKS_ONEDNN_PRODUCTS_H_
