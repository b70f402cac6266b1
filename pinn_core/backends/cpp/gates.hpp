// Activations and products of channels for networks whose matrix products torch makes (../composed.py).
//
// Tables are (channels x size) for every member, channels in the order value, slopes, operators;
// equations in ../jets.py. Sizes are multiples of the vector's, and tables are aligned to it.
#pragma once

#include <algorithm>
#include <vector>

#include "jets.hpp"

namespace pinn {

// The C interface's description of such tables; native_jets.py has the same structure.
struct Tables {
    int32_t activation, slopes, operators, with_slopes;
    int64_t members, size;
    const double* diffusion;  // operators x slopes x slopes
};

// What all of them need: the coefficients in this precision, and the walk over members and vectors.
template <class T>
class Walk {
  public:
    explicit Walk(const Tables& tables)
        : slopes(tables.slopes), operators(tables.operators), size(tables.size),
          table_(tables.diffusion, tables.diffusion + operators * slopes * slopes),
          diffusion{slopes, operators, false, table_.data()}, members_(tables.members) {}

    int channels() const { return 1 + slopes + operators; }

    // Calls at(member, offset) for every vector of every member's first channel.
    template <class Do>
    void each(const Do& at) const {
        for (int64_t member = 0; member < members_; ++member)
            for (int64_t k = 0; k < size; k += lanes<T>) at(member, k);
    }

    const int slopes, operators;
    const int64_t size;

  private:
    const std::vector<T> table_;

  public:
    const Diffusion<T> diffusion;

  private:
    const int64_t members_;
};

// ``after`` has no slopes unless they are wanted.
template <class T, class Activation>
void activated(const Tables& tables, const T* z, T* after) {
    const Walk<T> walk(tables);
    const int64_t size = walk.size, absent = tables.with_slopes ? 0 : walk.slopes;
    const int64_t rows = walk.channels(), kept = rows - absent;
    walk.each([&](int64_t member, int64_t k) {
        const T* own = z + member * rows * size + k;
        T* to = after + member * kept * size + k;
        Vector<T> values[Activation::kept];
        Activation::keep(load(own), values);
        const Jet<T> jet = Activation::jet(values);
        store(to, jet.value);
        if (!absent) slopes_after<T, -1>(walk.diffusion, jet, own + size, size, to, size);
        operators_after<T, -1, -1>(walk.diffusion, jet, own + size, size, to - absent * size, size);
    });
}

// ``back`` may have slopes that are not wanted: they count as zero.
template <class T, class Activation>
void activated_reverse(const Tables& tables, const T* z, const T* back, int64_t back_rows,
                       T* adjoint) {
    const Walk<T> walk(tables);
    const int64_t size = walk.size, rows = walk.channels();
    walk.each([&](int64_t member, int64_t k) {
        const T* own = z + member * rows * size + k;
        const T* from = back + member * back_rows * size + k;
        T* to = adjoint + member * rows * size + k;
        store(to, load(from));
        if (tables.with_slopes)
            for (int i = 1; i <= walk.slopes; ++i) store(to + i * size, load(from + i * size));
        for (int o = 1; o <= walk.operators; ++o)
            store(to + (rows - o) * size, load(from + (back_rows - o) * size));
        Vector<T> values[Activation::kept];
        Activation::keep(load(own), values);
        adjoints_before<T, -1, -1>(walk.diffusion, Activation::jet(values), own + size, size, to,
                                   size, tables.with_slopes != 0);
    });
}

// to = f g + base
template <class T>
void gated(const Tables& tables, const T* f, const T* g, const T* base, T* to) {
    const Walk<T> walk(tables);
    const int64_t size = walk.size;
    walk.each([&](int64_t member, int64_t k) {
        const int64_t start = member * walk.channels() * size + k;
        const T *left = f + start, *right = g + start, *rest = base + start;
        const Vector<T> value = load(left), factor = load(right);
        store(to + start, load(rest) + value * factor);
        for (int64_t row = 1; row < walk.channels(); ++row) {
            Vector<T> sum = load(rest + row * size) + load(left + row * size) * factor;
            sum += value * load(right + row * size);
            for (int i = 0; row > walk.slopes && i < walk.slopes; ++i)
                sum += T(2) * load(left + (1 + i) * size) *
                       bend<T, -1>(walk.diffusion, row - 1 - walk.slopes, i, right + size, size);
            store(to + start + row * size, sum);
        }
    });
}

// The adjoint of one factor of f g from the product's and the other factor.
template <class T>
void gated_reverse(const Tables& tables, const T* back, const T* other, T* adjoint) {
    const Walk<T> walk(tables);
    const int64_t size = walk.size;
    walk.each([&](int64_t member, int64_t k) {
        const int64_t start = member * walk.channels() * size + k;
        const T *from = back + start, *right = other + start;
        T* to = adjoint + start;
        const Vector<T> factor = load(right);
        Vector<T> value = load(from) * factor;
        for (int64_t row = 1; row < walk.channels(); ++row) {
            const Vector<T> own = load(from + row * size);
            value += own * load(right + row * size);
            store(to + row * size, own * factor);
        }
        store(to, value);
        for (int o = 0; o < walk.operators; ++o)
            for (int i = 0; i < walk.slopes; ++i) {
                const Vector<T> own = load(from + (1 + walk.slopes + o) * size);
                T* slope = to + (1 + i) * size;
                store(slope, load(slope) + T(2) * own * bend<T, -1>(walk.diffusion, o, i,
                                                                   right + size, size));
            }
    });
}

// Calls the function for an activation, given as a template over its type.
template <class T, class Do>
void with_activation(int activation, const Do& call) {
    switch (activation) {
        case code_tanh: return call(Tanh<T>());
        case code_sin: return call(Sin<T>());
        case code_gelu: return call(Gelu<T>());
        case code_silu: return call(Silu<T>());
        default: return call(Softplus<T>());
    }
}

}  // namespace pinn
