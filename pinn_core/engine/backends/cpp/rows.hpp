// Operations on the rows of flat parameters (members x size), each row contiguous.
#pragma once

#include <algorithm>
#include <cmath>

#include "lanes.hpp"

namespace pinn {

// Adam (Kingma and Ba 2015, algorithm 1): moments in place, ``update`` is what is to be added.
// ``first_correction`` divides the first moment, ``root_correction`` the root of the second.
template <class T>
void adam(const T* gradient, T* first, T* second, const T* rate, T* update, int64_t members,
          int64_t size, double beta1, double beta2, double epsilon, double first_correction,
          double root_correction) {
    const T keep1 = T(beta1), take1 = T(1 - beta1), keep2 = T(beta2), take2 = T(1 - beta2);
    const T inverse = T(1 / root_correction), least = T(epsilon);
    for (int64_t member = 0; member < members; ++member) {
        const T factor = T(rate[member] / -first_correction);
        const T* __restrict g = gradient + member * size;
        T* __restrict m = first + member * size;
        T* __restrict v = second + member * size;
        T* __restrict to = update + member * size;
        for (int64_t k = 0; k < size; ++k) {
            m[k] = keep1 * m[k] + take1 * g[k];
            v[k] = keep2 * v[k] + take2 * (g[k] * g[k]);
            to[k] = factor * (m[k] / (std::sqrt(v[k]) * inverse + least));
        }
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
double dot(const T* left, const T* right, int64_t size) {
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

// sums[pair][member] = the inner product of that row of left[pair] and right[pair]. Pairs share
// tensors, so they go through together, a cached piece of the row at a time.
template <class T>
void dots(const T* const* left, const T* const* right, int64_t pairs, int64_t members, int64_t size,
          double* sums) {
    constexpr int64_t piece = 2048;
    std::fill_n(sums, pairs * members, 0.0);
    for (int64_t member = 0; member < members; ++member)
        for (int64_t from = 0; from < size; from += piece)
            for (int64_t pair = 0; pair < pairs; ++pair) {
                const int64_t at = member * size + from;
                sums[pair * members + member] +=
                    dot(left[pair] + at, right[pair] + at, std::min(piece, size - from));
            }
}

}  // namespace pinn
