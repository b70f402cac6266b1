// Operations on the rows of flat parameters (members x size), each row contiguous.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lanes.hpp"

namespace pinn {

// What one call of Adam's update knows beside the rows.
struct AdamSettings {
    double beta1, beta2, epsilon;
    double first_correction, root_correction;  // divide the first moment, the root of the second
};

// Functions of one row are never inlined: whoever calls them runs the same instructions, so that
// products and sums are rounded together, or apart, alike.

// Adam (Kingma and Ba 2015, algorithm 1): moments in place, ``update`` is what is to be added. With
// ``Decay`` (AdamW, Loshchilov and Hutter 2019) less ``shrink`` times the parameters.
template <class T, bool Decay>
[[gnu::noinline]] void adam_row(const T* __restrict g, T* __restrict m, T* __restrict v, T rate,
                                const T* __restrict parameters, T shrink, int64_t size,
                                const AdamSettings& by, T* __restrict update) {
    const T keep1 = T(by.beta1), take1 = T(1 - by.beta1), keep2 = T(by.beta2),
            take2 = T(1 - by.beta2);
    const T inverse = T(1 / by.root_correction), least = T(by.epsilon);
    const T factor = T(rate / -by.first_correction);
    for (int64_t k = 0; k < size; ++k) {
        m[k] = keep1 * m[k] + take1 * g[k];
        v[k] = keep2 * v[k] + take2 * (g[k] * g[k]);
        update[k] = factor * (m[k] / (std::sqrt(v[k]) * inverse + least));
        if (Decay) update[k] -= shrink * parameters[k];
    }
}

// The same for a pack; without decay ``parameters`` and ``shrink`` are null.
template <class T>
void adam(const T* gradient, T* first, T* second, const T* rate, const T* parameters,
          const T* shrink, T* update, int64_t members, int64_t size, const AdamSettings& by) {
    for (int64_t i = 0; i < members; ++i) {
        const int64_t at = i * size;
        if (shrink)
            adam_row<T, true>(gradient + at, first + at, second + at, rate[i], parameters + at,
                              shrink[i], size, by, update + at);
        else
            adam_row<T, false>(gradient + at, first + at, second + at, rate[i], nullptr, T(0), size,
                               by, update + at);
    }
}

// result = factors[0] rows[0] + factors[1] rows[1] + ..., in this order.
template <class T>
[[gnu::noinline]] void weighted_sum(const T* const* rows, const T* factors, int64_t count,
                                    int64_t size, T* __restrict result) {
    for (int64_t k = 0; k < size; ++k) result[k] = factors[0] * rows[0][k];
    for (int64_t i = 1; i < count; ++i) {
        const T* __restrict row = rows[i];
        for (int64_t k = 0; k < size; ++k) result[k] += factors[i] * row[k];
    }
}

// The same for every member: rows (count tensors of m x size), factors (count, m).
template <class T>
void weighted_sums(const T* const* rows, const T* factors, int64_t count, int64_t members,
                   int64_t size, T* result) {
    std::vector<const T*> own(count);
    std::vector<T> by(count);
    for (int64_t i = 0; i < members; ++i) {
        for (int64_t r = 0; r < count; ++r) {
            own[r] = rows[r] + i * size;
            by[r] = factors[r * members + i];
        }
        weighted_sum(own.data(), by.data(), count, size, result + i * size);
    }
}

// As many numbers as a vector of doubles has, as doubles; ``at`` need not be aligned.
template <class T>
inline Vector<double> load_double(const T* at) {
    typedef T Narrow __attribute__((vector_size(lanes<double> * sizeof(T))));
    Narrow x;
    std::memcpy(&x, at, sizeof x);
    return __builtin_convertvector(x, Vector<double>);
}

// sum left[k] right[k] in double, in an order that depends on ``size`` alone.
template <class T>
[[gnu::noinline]] double dot(const T* left, const T* right, int64_t size) {
    constexpr int parts = 8, step = parts * lanes<double>;
    Vector<double> part[parts] = {};
    int64_t k = 0;
    for (; k + step <= size; k += step)
        unrolled<parts>([&](int i) {
            const int64_t at = k + i * lanes<double>;
            part[i] += load_double(left + at) * load_double(right + at);
        });
    for (int i = 1; i < parts; ++i) part[0] += part[i];
    double sum = sum_of_lanes<double>(part[0]);
    for (; k < size; ++k) sum += static_cast<double>(left[k]) * static_cast<double>(right[k]);
    return sum;
}

// sums[pair * step] = the inner product of left[pair] and right[pair], ``at`` numbers on. Pairs
// share tensors, so they go through together, a cached piece of the row at a time.
template <class T>
void row_dots(const T* const* left, const T* const* right, int64_t pairs, int64_t at, int64_t size,
              double* sums, int64_t step) {
    constexpr int64_t piece = 2048;
    for (int64_t pair = 0; pair < pairs; ++pair) sums[pair * step] = 0.0;
    for (int64_t from = 0; from < size; from += piece)
        for (int64_t pair = 0; pair < pairs; ++pair)
            sums[pair * step] += dot(left[pair] + at + from, right[pair] + at + from,
                                     std::min(piece, size - from));
}

// sums[pair][member] = the inner product of that row of left[pair] and right[pair].
template <class T>
void dots(const T* const* left, const T* const* right, int64_t pairs, int64_t members, int64_t size,
          double* sums) {
    for (int64_t member = 0; member < members; ++member)
        row_dots(left, right, pairs, member * size, size, sums + member, members);
}

}  // namespace pinn
