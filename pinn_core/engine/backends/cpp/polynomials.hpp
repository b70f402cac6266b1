// A loss term's quantities: polynomials in the entries of the outputs, and the way back to these.
#pragma once

#include <algorithm>
#include <vector>

#include "lanes.hpp"

namespace pinn {

// Quantity j is the sum of the products first[j] to first[j + 1] - 1, and product i is its constant,
// times the point's coefficient number column[i] unless that is -1, times the entries factor[...]
// from first_factor[i] on. An entry is an output of a channel at one of the ``partners`` places where
// the network is evaluated for every point. native_polynomials.py has the same structure.
template <class T>
struct Polynomials {
    int64_t quantities, partners, columns, entries;
    const int64_t *first, *first_factor, *factor;
    const double* constant;
    const int64_t* column;
    const int64_t *channel, *partner, *output;
};

// A member's outputs [channel][point][partner][output], and its coefficients.
template <class T>
struct Evaluated {
    const T* at;
    int64_t points, outputs;
    const T* coefficients;  // points x columns
};

// ``result`` = the constant and coefficient of product i at ``count`` points from ``start`` on.
template <class T>
inline void constants(const Polynomials<T>& f, int64_t i, const T* coefficients, int64_t start,
                      int64_t count, T* result) {
    std::fill_n(result, count, T(f.constant[i]));
    if (f.column[i] < 0) return;
    const T* own = coefficients + start * f.columns + f.column[i];
    for (int64_t p = 0; p < count; ++p) result[p] *= own[p * f.columns];
}

template <class T>
inline int64_t place_of(const Polynomials<T>& f, int64_t entry, int64_t points, int64_t outputs,
                        int64_t start) {
    return ((f.channel[entry] * points + start) * f.partners + f.partner[entry]) * outputs +
           f.output[entry];
}

// values (count x quantities) at the points from ``start`` on.
template <class T>
[[gnu::noinline]] void polynomial_values(const Polynomials<T>& f, Evaluated<T> of,
                                         int64_t start, int64_t count, T* product, T* values) {
    const int64_t step = f.partners * of.outputs, q = f.quantities;
    for (int64_t j = 0; j < q; ++j) {
        for (int64_t i = f.first[j]; i < f.first[j + 1]; ++i) {
            constants(f, i, of.coefficients, start, count, product);
            for (int64_t own = f.first_factor[i]; own < f.first_factor[i + 1]; ++own) {
                const T* from = of.at + place_of(f, f.factor[own], of.points, of.outputs, start);
                for (int64_t p = 0; p < count; ++p) product[p] *= from[p * step];
            }
            if (i == f.first[j])
                for (int64_t p = 0; p < count; ++p) values[p * q + j] = product[p];
            else
                for (int64_t p = 0; p < count; ++p) values[p * q + j] += product[p];
        }
    }
}

// Sets the entries that occur to the adjoint that belongs to slopes (count x quantities); all other
// entries must be zero.
template <class T>
[[gnu::noinline]] void polynomial_adjoint(const Polynomials<T>& f, Evaluated<T> of,
                                          int64_t start, int64_t count, const T* slopes, T* product,
                                          T* adjoint) {
    const int64_t step = f.partners * of.outputs, q = f.quantities;
    const auto place = [&](int64_t entry) {
        return place_of(f, entry, of.points, of.outputs, start);
    };
    for (int64_t entry = 0; entry < f.entries; ++entry)
        for (int64_t p = 0; p < count; ++p) adjoint[place(entry) + p * step] = T(0);
    for (int64_t j = 0; j < q; ++j) {
        for (int64_t i = f.first[j]; i < f.first[j + 1]; ++i) {
            const int64_t from = f.first_factor[i], to = f.first_factor[i + 1];
            for (int64_t one = from; one < to; ++one) {
                constants(f, i, of.coefficients, start, count, product);
                for (int64_t p = 0; p < count; ++p) product[p] *= slopes[p * q + j];
                for (int64_t own = from; own < to; ++own) {
                    if (own == one) continue;
                    const T* other = of.at + place(f.factor[own]);
                    for (int64_t p = 0; p < count; ++p) product[p] *= other[p * step];
                }
                T* sum = adjoint + place(f.factor[one]);
                for (int64_t p = 0; p < count; ++p) sum[p * step] += product[p];
            }
        }
    }
}

// The same for a pack: outputs and adjoint (m, channels, points, partners, outputs), coefficients
// (m or 1, points, columns), values and slopes (m, points, quantities).
template <class T>
void pack_values(const Polynomials<T>& f, const T* outputs, const T* coefficients, bool shared,
                 int64_t members, int64_t points, int64_t width, int64_t channels, T* values) {
    std::vector<T> product(points);
    for (int64_t i = 0; i < members; ++i)
        polynomial_values<T>(f,
                             {outputs + i * channels * points * f.partners * width, points, width,
                              coefficients + (shared ? 0 : i * points * f.columns)},
                             0, points, product.data(), values + i * points * f.quantities);
}

template <class T>
void pack_adjoint(const Polynomials<T>& f, const T* outputs, const T* coefficients, bool shared,
                  int64_t members, int64_t points, int64_t width, int64_t channels,
                  const T* slopes, T* adjoint) {
    std::vector<T> product(points);
    const int64_t size = channels * points * f.partners * width;
    std::fill_n(adjoint, members * size, T(0));
    for (int64_t i = 0; i < members; ++i)
        polynomial_adjoint<T>(f,
                              {outputs + i * size, points, width,
                               coefficients + (shared ? 0 : i * points * f.columns)},
                              0, points, slopes + i * points * f.quantities, product.data(),
                              adjoint + i * size);
}

}  // namespace pinn
