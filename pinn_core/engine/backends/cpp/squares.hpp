// Sums of squares over points, in double and in an order that depends on their number alone.
#pragma once

#include "rows.hpp"

namespace pinn {

// Sum over k of term(k, vectors of doubles); ``term`` is called for whole vectors and for scalars.
template <class Vectors, class Scalars>
inline double summed(int64_t size, const Vectors& vectors, const Scalars& scalars) {
    constexpr int parts = 4, step = parts * lanes<double>;
    Vector<double> part[parts] = {};
    int64_t k = 0;
    for (; k + step <= size; k += step)
        unrolled<parts>([&](int i) { part[i] += vectors(k + i * lanes<double>); });
    for (int i = 1; i < parts; ++i) part[0] += part[i];
    double sum = 0;
    for (int i = 0; i < lanes<double>; ++i) sum += part[0][i];
    for (; k < size; ++k) sum += scalars(k);
    return sum;
}

// slope = factor share (value - target); shares are ones where null.
template <class T>
[[gnu::noinline]] void slopes(const T* value, const T* target, const T* share, int64_t size,
                              T factor, T* __restrict slope) {
    if (share)
        for (int64_t k = 0; k < size; ++k) slope[k] = factor * share[k] * (value[k] - target[k]);
    else
        for (int64_t k = 0; k < size; ++k) slope[k] = factor * (value[k] - target[k]);
}

// sum (value - target)^2.
template <class T>
[[gnu::noinline]] double distance(const T* value, const T* target, int64_t size) {
    return summed(
        size,
        [&](int64_t k) {
            const Vector<double> d = load_double(value + k) - load_double(target + k);
            return d * d;
        },
        [&](int64_t k) {
            const double d = double(value[k]) - double(target[k]);
            return d * d;
        });
}

// sum weight (value - target)^2.
template <class T>
[[gnu::noinline]] double distance(const T* value, const T* target, const T* weight, int64_t size) {
    return summed(
        size,
        [&](int64_t k) {
            const Vector<double> d = load_double(value + k) - load_double(target + k);
            return load_double(weight + k) * d * d;
        },
        [&](int64_t k) {
            const double d = double(value[k]) - double(target[k]);
            return double(weight[k]) * d * d;
        });
}

// The mean over points of a term's squared mismatches, times its shares unless these are null.
template <class T>
double mean_square(const T* value, const T* target, const T* share, int64_t size, int64_t points) {
    return (share ? distance(value, target, share, size) : distance(value, target, size)) /
           double(points);
}

// loss[member] and its derivative by the values; targets and shares may be those of all members.
template <class T>
void misfit(const T* values, const T* targets, const T* shares, int64_t members, int64_t size,
            bool shared_target, bool shared_share, int64_t points, T* slope, double* loss) {
    for (int64_t member = 0; member < members; ++member) {
        const int64_t at = member * size;
        const T* target = targets + (shared_target ? 0 : at);
        const T* share = shares ? shares + (shared_share ? 0 : at) : nullptr;
        slopes(values + at, target, share, size, T(2) / T(points), slope + at);
        loss[member] = mean_square(values + at, target, share, size, points);
    }
}

// sums[table][member] = sum weight (value - target)^2.
template <class T>
void squares(const T* values, const T* targets, const T* weights, int64_t members, int64_t size,
             int64_t tables, double* sums) {
    for (int64_t member = 0; member < members; ++member)
        for (int64_t table = 0; table < tables; ++table)
            sums[table * members + member] =
                distance(values + member * size, targets + table * size, weights + table * size,
                         size);
}

}  // namespace pinn
