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

// loss[member] = sum (value - demanded)^2 / points, and its derivative by the values.
template <class T>
void misfit(const T* values, const T* demanded, int64_t members, int64_t size, int64_t shared,
            int64_t points, T* slope, double* loss) {
    const T factor = T(2) / T(points);
    for (int64_t member = 0; member < members; ++member) {
        const T* value = values + member * size;
        const T* wanted = demanded + (shared ? 0 : member * size);
        T* __restrict to = slope + member * size;
        for (int64_t k = 0; k < size; ++k) to[k] = factor * (value[k] - wanted[k]);
        const auto far = [&](int64_t k) {
            return load_double(value + k) - load_double(wanted + k);
        };
        loss[member] = summed(
                           size, [&](int64_t k) { return far(k) * far(k); },
                           [&](int64_t k) {
                               const double d = double(value[k]) - double(wanted[k]);
                               return d * d;
                           }) /
                       double(points);
    }
}

// sums[table][member] = sum weight (value - target)^2.
template <class T>
void squares(const T* values, const T* targets, const T* weights, int64_t members, int64_t size,
             int64_t tables, double* sums) {
    for (int64_t member = 0; member < members; ++member) {
        const T* value = values + member * size;
        for (int64_t table = 0; table < tables; ++table) {
            const T *target = targets + table * size, *weight = weights + table * size;
            sums[table * members + member] = summed(
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
    }
}

}  // namespace pinn
