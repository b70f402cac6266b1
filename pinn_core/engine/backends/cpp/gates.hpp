// Activations and gates of whole tables, (channels x size) for every member or panel.
//
// Channels are in the order value, slopes, operators; equations in ../jets.py. Sizes are multiples
// of the vector's, and tables are aligned to it. No result may lie where an argument lies.
#pragma once

#include "jets.hpp"

namespace pinn {

// How the tables of one call lie.
template <class T>
struct Tables {
    Diffusion<T> diffusion;
    int64_t members, size;

    int64_t channels() const { return 1 + diffusion.slopes + diffusion.operators; }

    // Calls at(member, offset) for every vector of every member's first channel.
    template <class Do>
    void each(const Do& at) const {
        for (int64_t member = 0; member < members; ++member)
            for (int64_t k = 0; k < size; k += lanes<T>) at(member, k);
    }
};

// ``after`` has no slopes unless they are wanted.
template <class T, class Activation>
void activated(const Tables<T>& tables, bool with_slopes, const T* z, T* after) {
    const Diffusion<T>& a = tables.diffusion;
    const int64_t size = tables.size, absent = with_slopes ? 0 : a.slopes;
    const int64_t rows = tables.channels(), kept = rows - absent;
    tables.each([&](int64_t member, int64_t k) {
        const T* own = z + member * rows * size + k;
        T* to = after + member * kept * size + k;
        Vector<T> values[Activation::kept];
        Activation::keep(load(own), values);
        const Jet<T> jet = Activation::jet(values);
        store(to, jet.value);
        if (!absent) slopes_after<T, -1>(a, jet, own + size, size, to, size);
        operators_after<T, -1, -1>(a, jet, own + size, size, to - absent * size, size);
    });
}

// ``back`` may have slopes that are not wanted: they count as zero.
template <class T, class Activation>
void activated_reverse(const Tables<T>& tables, bool with_slopes, const T* z, const T* back,
                       int64_t back_rows, T* adjoint) {
    const Diffusion<T>& a = tables.diffusion;
    const int64_t size = tables.size, rows = tables.channels();
    tables.each([&](int64_t member, int64_t k) {
        const T* own = z + member * rows * size + k;
        const T* from = back + member * back_rows * size + k;
        T* to = adjoint + member * rows * size + k;
        store(to, load(from));
        if (with_slopes)
            for (int i = 1; i <= a.slopes; ++i) store(to + i * size, load(from + i * size));
        for (int o = 1; o <= a.operators; ++o)
            store(to + (rows - o) * size, load(from + (back_rows - o) * size));
        Vector<T> values[Activation::kept];
        Activation::keep(load(own), values);
        adjoints_before<T, -1, -1>(a, Activation::jet(values), own + size, size, to, size,
                                   with_slopes);
    });
}

// to = f g + base
template <class T>
void gate(const Tables<T>& tables, const T* f, const T* g, const T* base, T* to) {
    const Diffusion<T>& a = tables.diffusion;
    const int64_t size = tables.size, rows = tables.channels();
    tables.each([&](int64_t member, int64_t k) {
        const int64_t start = member * rows * size + k;
        const T *left = f + start, *right = g + start, *rest = base + start;
        const Vector<T> value = load(left), factor = load(right);
        store(to + start, load(rest) + value * factor);
        for (int64_t row = 1; row < rows; ++row) {
            Vector<T> sum = load(rest + row * size) + load(left + row * size) * factor;
            sum += value * load(right + row * size);
            const int o = static_cast<int>(row) - 1 - a.slopes;
            for (int i = 0; o >= 0 && i < a.slopes; ++i)
                sum += T(2) * load(left + (1 + i) * size) *
                       bend<T, -1>(a, o, i, right + size, size);
            store(to + start + row * size, sum);
        }
    });
}

// The adjoint of one factor of f g from the product's and the other factor.
template <class T>
void gate_reverse(const Tables<T>& tables, const T* back, const T* other, T* adjoint) {
    const Diffusion<T>& a = tables.diffusion;
    const int64_t size = tables.size, rows = tables.channels();
    tables.each([&](int64_t member, int64_t k) {
        const int64_t start = member * rows * size + k;
        const T *from = back + start, *right = other + start;
        T* to = adjoint + start;
        const Vector<T> factor = load(right);
        Vector<T> value = load(from) * factor;
        for (int64_t row = 1; row < rows; ++row) {
            const Vector<T> own = load(from + row * size);
            value += own * load(right + row * size);
            store(to + row * size, own * factor);
        }
        store(to, value);
        for (int o = 0; o < a.operators; ++o) {
            const Vector<T> own = T(2) * load(from + (1 + a.slopes + o) * size);
            for (int i = 0; i < a.slopes; ++i) {
                T* slope = to + (1 + i) * size;
                store(slope, load(slope) + own * bend<T, -1>(a, o, i, right + size, size));
            }
        }
    });
}

}  // namespace pinn
