// One layer's activation on all channels, forward and back; equations in ../jets.py.
//
// Channels are value, slopes z_i, operators L z. What is stored of a layer lies in panels of blocks
// of n rows: ``kept`` blocks for the value (activations.hpp), then the other channels.
#pragma once

#include "activations.hpp"

namespace pinn {

// Coefficients of the operators: A (operators x slopes x slopes), or its diagonal alone.
template <class T>
struct Diffusion {
    int slopes, operators;
    bool diagonal;
    const T* table;
};

// Channels after the value before the activation. In the first layer they are the same at every
// point: point_step is 0.
template <class T>
struct Rest {
    const T* at;
    int64_t panel_step, channel_step, point_step;
};

template <class T>
struct Activated {
    int64_t points, panels;
    T* kept;
    int64_t kept_step;  // between panels
    Rest<T> rest;
    T* after;  // value, slopes, operators after the activation
    T* back;   // reverse: their adjoints, overwritten by the adjoints before it
    bool slopes;  // whether slopes are needed after the activation
    int last;     // vectors of the last panel that are wanted

    int vectors(int64_t panel) const { return panel + 1 < panels ? vectors_per_panel : last; }
};

// (A_o z)_i for one operator and slope; Slopes < 0: known at run time only.
template <class T, int Slopes>
inline Vector<T> bend(const Diffusion<T>& a, int o, int i, const T* z, int64_t step) {
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    if (Slopes >= 0 || a.diagonal) return a.table[o * slopes + i] * load(z + i * step);
    const T* row = a.table + (o * slopes + i) * slopes;
    Vector<T> sum{};
    for (int j = 0; j < slopes; ++j) sum += row[j] * load(z + j * step);
    return sum;
}

// Writes operator channels after the activation: s' Lz + s'' z^T A z.
template <class T, int Slopes, int Operators>
inline void operators_after(const Diffusion<T>& a, const Jet<T>& jet, const T* z, int64_t step,
                            T* after, int64_t block) {
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    const int operators = Slopes < 0 ? a.operators : Operators;
    for (int o = 0; o < operators; ++o) {
        Vector<T> result = jet.first * load(z + (slopes + o) * step);
        if (slopes) {
            Vector<T> square{};
            for (int i = 0; i < slopes; ++i)
                square += load(z + i * step) * bend<T, Slopes>(a, o, i, z, step);
            result += jet.second * square;
        }
        store(after + (1 + slopes + o) * block, result);
    }
}

template <class T, int Slopes>
inline void slopes_after(const Diffusion<T>& a, const Jet<T>& jet, const T* z, int64_t step,
                         T* after, int64_t block) {
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    for (int i = 0; i < slopes; ++i)
        store(after + (1 + i) * block, jet.first * load(z + i * step));
}

// Makes what is kept of the value, or with ``Again`` goes by what was kept.
template <class T, class Activation, int Slopes, int Operators, bool Again>
[[gnu::flatten]] void activate(const Diffusion<T>& a, const Activated<T>& layer) {
    constexpr int width = panel_width<T>, kept = Activation::kept;
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    const int operators = Slopes < 0 ? a.operators : Operators;
    const int64_t block = layer.points * width, step = layer.rest.channel_step;
    for (int64_t q = 0; q < layer.panels; ++q) {
        each_vector<T>(layer.points, layer.vectors(q), [&](int64_t p, int lane) {
            const int64_t at = p * width + lane;
            T* own = layer.kept + q * layer.kept_step + at;
            Vector<T> values[kept];
            if (Again) {
                for (int i = 0; i < kept; ++i) values[i] = load(own + i * block);
            } else {
                Activation::keep(load(own + (kept - 1) * block), values);
                for (int i = 0; i < kept; ++i) store(own + i * block, values[i]);
            }
            const Jet<T> jet = Activation::jet(values);
            const T* z = layer.rest.at + q * layer.rest.panel_step +
                         p * layer.rest.point_step + lane;
            T* after = layer.after + q * (1 + slopes + operators) * block + at;
            store(after, jet.value);
            if (layer.slopes) slopes_after<T, Slopes>(a, jet, z, step, after, block);
            operators_after<T, Slopes, Operators>(a, jet, z, step, after, block);
        });
    }
}

// The adjoints of one vector of points, in place; X_i of absent slopes count as zero.
template <class T, int Slopes, int Operators>
inline void adjoints_before(const Diffusion<T>& a, const Jet<T>& jet, const T* z, int64_t step,
                            T* back, int64_t block, bool with_slopes) {
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    const int operators = Slopes < 0 ? a.operators : Operators;
    Vector<T> curved{}, square{};
    for (int i = 0; i < slopes; ++i) {
        const Vector<T> slope = load(z + i * step);
        Vector<T> bent{};
        for (int o = 0; o < operators; ++o)
            bent += load(back + (1 + slopes + o) * block) * bend<T, Slopes>(a, o, i, z, step);
        square += slope * bent;
        Vector<T> result = T(2) * jet.second * bent;
        if (with_slopes) {
            const Vector<T> adjoint = load(back + (1 + i) * block);
            curved += adjoint * slope;
            result += adjoint * jet.first;
        }
        store(back + (1 + i) * block, result);
    }
    for (int o = 0; o < operators; ++o) {
        T* own = back + (1 + slopes + o) * block;
        const Vector<T> adjoint = load(own);
        curved += adjoint * load(z + (slopes + o) * step);
        store(own, adjoint * jet.first);
    }
    Vector<T> value = load(back) * jet.first;
    if (operators) value += jet.second * curved;
    if (slopes) value += jet.third * square;
    store(back, value);
}

// Also makes the channels after the activation again, from what was kept.
template <class T, class Activation, int Slopes, int Operators>
[[gnu::flatten]] void activate_reverse(const Diffusion<T>& a, const Activated<T>& layer) {
    constexpr int width = panel_width<T>, kept = Activation::kept;
    const int slopes = Slopes < 0 ? a.slopes : Slopes;
    const int operators = Slopes < 0 ? a.operators : Operators;
    const int64_t block = layer.points * width, step = layer.rest.channel_step;
    for (int64_t q = 0; q < layer.panels; ++q) {
        each_vector<T>(layer.points, layer.vectors(q), [&](int64_t p, int lane) {
            const int64_t at = p * width + lane;
            const T* own = layer.kept + q * layer.kept_step + at;
            Vector<T> values[kept];
            for (int i = 0; i < kept; ++i) values[i] = load(own + i * block);
            const Jet<T> jet = Activation::jet(values);
            const T* z = layer.rest.at + q * layer.rest.panel_step +
                         p * layer.rest.point_step + lane;
            const int64_t shift = q * (1 + slopes + operators) * block + at;
            T* after = layer.after + shift;
            store(after, jet.value);
            if (layer.slopes) slopes_after<T, Slopes>(a, jet, z, step, after, block);
            operators_after<T, Slopes, Operators>(a, jet, z, step, after, block);
            adjoints_before<T, Slopes, Operators>(a, jet, z, step, layer.back + shift, block,
                                                  layer.slopes);
        });
    }
}

template <class T>
struct Kernels {
    int kept;
    void (*activate)(const Diffusion<T>&, const Activated<T>&);
    void (*again)(const Diffusion<T>&, const Activated<T>&);
    void (*reverse)(const Diffusion<T>&, const Activated<T>&);
};

// Loops over few channels are unrolled for the common cases, all with diagonal second-order parts.
template <class T, class Activation>
Kernels<T> kernels(const Diffusion<T>& a) {
    constexpr int kept = Activation::kept;
    const auto is = [&](int slopes, int operators) {
        return a.diagonal && a.slopes == slopes && a.operators == operators;
    };
    constexpr auto again = activate<T, Activation, -1, -1, true>;
    if (is(0, 0))
        return {kept, activate<T, Activation, 0, 0, false>, again,
                activate_reverse<T, Activation, 0, 0>};
    if (is(1, 1))
        return {kept, activate<T, Activation, 1, 1, false>, again,
                activate_reverse<T, Activation, 1, 1>};
    if (is(2, 1))
        return {kept, activate<T, Activation, 2, 1, false>, again,
                activate_reverse<T, Activation, 2, 1>};
    return {kept, activate<T, Activation, -1, -1, false>, again,
            activate_reverse<T, Activation, -1, -1>};
}

template <class T>
Kernels<T> kernels(int activation, const Diffusion<T>& a) {
    return with_activation<T>(activation, [&](auto own) { return kernels<T, decltype(own)>(a); });
}

}  // namespace pinn
